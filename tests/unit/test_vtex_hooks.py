"""VTEX has no way to write only if nothing changed: what stands there afterwards is what is believed."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from app.connectors.vtex.client import VtexClient
from app.connectors.vtex.hook import make_hook
from app.services import vtex_hooks
from app.services.vtex_hooks import HookState, OurAddress, Target

OURS = OurAddress(
    "https://hooks.acme.example", "https://hooks.acme.example/webhooks/vtex/aqe_1", {"X-Acequia-Secret": "s"}
)
RIVAL = make_hook("https://rival.example/hook?key=canary", {})
OUR_HOOK = make_hook(OURS.url, OURS.headers)
TARGET = Target("acme", "vtexcommercestable", {"app_key": "k", "app_token": "t"})


class ScriptedVtex:
    """Answers its reads in turn, and remembers what was written."""

    def __init__(self, *reads: object) -> None:
        self.reads = list(reads)
        self.writes: list[Mapping[str, object]] = []
        self.deletions = 0

    async def get_hook(self, *_: object) -> object:
        return self.reads.pop(0)

    async def post_hook(self, account: str, environment: str, credentials: object, hook: Mapping[str, object]) -> None:
        del account, environment, credentials
        self.writes.append(hook)

    async def delete_hook(self, *_: object) -> None:
        self.deletions += 1


async def is_nobodys(url: str) -> bool:
    del url
    return False


async def is_neighbours(url: str) -> bool:
    del url
    return True


async def register(vtex: ScriptedVtex, **options: Any) -> HookState:
    return await vtex_hooks.register(cast("VtexClient", vtex), TARGET, OURS, is_nobodys, **options)


async def test_somebody_who_writes_at_the_same_moment_is_noticed() -> None:
    vtex = ScriptedVtex(None, RIVAL)
    state = await register(vtex)
    assert (state.status, state.was_set, len(vtex.writes)) == ("foreign", False, 1)
    assert "rival.example" in (state.note or "")
    assert "canary" not in (state.note or "")


async def test_a_write_that_left_nothing_is_not_taken_for_one() -> None:
    state = await register(ScriptedVtex(None, None))
    assert (state.status, state.was_set) == ("removed", False)


@pytest.mark.parametrize("first", [None, OUR_HOOK, make_hook(OURS.url + "0", {})])
async def test_nothing_or_ours_is_written_over(first: object) -> None:
    vtex = ScriptedVtex(first, OUR_HOOK)
    was_missing = first != OUR_HOOK
    assert await register(vtex) == HookState("registered", vtex_hooks.REGISTERED, was_set=True, was_missing=was_missing)
    assert vtex.writes == [OUR_HOOK]


@pytest.mark.parametrize("standing", [RIVAL, {"hook": {"url": 5}}, {"hook": {"url": "https://hooks.acme.example@x/"}}])
async def test_what_is_not_ours_is_neither_written_over_nor_deleted(standing: object) -> None:
    vtex = ScriptedVtex(standing, standing)
    assert (await register(vtex)).status == "foreign"
    removed = await vtex_hooks.remove(cast("VtexClient", vtex), TARGET, OURS, is_nobodys)
    assert (removed.status, vtex.writes, vtex.deletions) == ("foreign", [], 0)


async def test_a_neighbours_address_is_left_alone_though_it_is_under_our_own() -> None:
    vtex = ScriptedVtex(make_hook(OURS.url + "0", {}))
    state = await vtex_hooks.register(cast("VtexClient", vtex), TARGET, OURS, is_neighbours)
    assert (state.status, vtex.writes) == ("foreign", [])
    assert "another integration" in (state.note or "")


async def test_our_own_token_is_known_again_under_another_host() -> None:
    """PUBLIC_URL has changed: the hook of before is still ours."""
    moved = make_hook(OURS.url.replace("hooks.acme.example", "old.acme.example"), {})
    vtex = ScriptedVtex(moved, OUR_HOOK)
    assert (await register(vtex)).status == "registered"
    assert vtex.writes == [OUR_HOOK]
    other = ScriptedVtex(make_hook("https://rival.example/webhooks/vtex/aqe_2", {}))
    assert (await register(other)).status == "foreign"


async def test_a_replacement_says_so() -> None:
    state = await register(ScriptedVtex(RIVAL, OUR_HOOK), replaces_foreign=True)
    assert (state.status, state.has_replaced_foreign) == ("registered", True)


@pytest.mark.parametrize(
    ("standing", "status", "writes", "was_missing"),
    [
        (OUR_HOOK, "registered", 0, False),
        (None, "registered", 1, True),
        (make_hook(OURS.url + "0", {}), "registered", 1, True),
        (RIVAL, "foreign", 0, True),
    ],
)
async def test_the_watchdog_writes_only_where_ours_is_missing(
    standing: object, status: str, writes: int, was_missing: bool
) -> None:
    vtex = ScriptedVtex(standing, OUR_HOOK)
    state = await vtex_hooks.keep(cast("VtexClient", vtex), TARGET, OURS, is_nobodys)
    assert (state.status, len(vtex.writes), state.was_missing) == (status, writes, was_missing)

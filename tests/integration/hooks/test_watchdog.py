"""The watchdog finds what became of a hook at VTEX, sets again what is ours, and marks what was missed."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import app.services.hook_watchdog
from app.connectors.vtex.hook import HookVerdict
from app.services import integrations, vtex_hooks
from app.services.audit import Actor
from app.services.endpoints import create_endpoint
from app.services.hook_watchdog import compute_wait_s
from app.services.tenant_lifecycle import TenantOffice, activate_tenant, suspend_tenant
from tests.integration.hooks.conftest import AN_HOUR, FOREIGN, Hooks, get_watchdog
from tests.integration.sandbox.remote import KEYS
from tests.integration.workers.works import ACME, GLOBEX, VTEX, count_calls, until
from workers.context import DrainContext

CLI = Actor("cli", "test")


async def read_status(hooks: Hooks, tenant_id: int = ACME) -> str:
    return str(await hooks.works.superuser.fetchval(
        "SELECT status FROM tenant_integrations WHERE tenant_id = $1 AND integration_id = $2", tenant_id, VTEX
    ))  # fmt: skip


async def test_a_new_hook_is_not_due_and_a_good_one_only_moves_when_it_was_checked(hooks: Hooks) -> None:
    async with hooks.worker() as context:
        await hooks.connect(context)
        assert await get_watchdog(context).run_turn() == 0
        before = await hooks.show()
        assert await hooks.turn(context) == 1
        after = await hooks.show()
        assert (after.status, before.status) == ("registered", "registered")
        assert after.checked_at > before.checked_at  # type: ignore[operator]
        due_in = (await hooks.read_watch())["due_at"] - datetime.now(UTC)
        assert abs(due_in.total_seconds() - context.settings.hook_check_interval_s) < 60
    assert await hooks.read_gaps() == {}


async def test_a_hook_that_is_gone_is_set_again_and_what_it_missed_is_a_gap(hooks: Hooks) -> None:
    async with hooks.worker() as context:
        await hooks.connect(context)
        ours = await hooks.find()
        good = datetime.now(UTC) - AN_HOUR
        await hooks.set_watch(known_at=good)
        await hooks.put(None)
        await hooks.turn(context)
        assert (await hooks.find(), (await hooks.show()).status) == (ours, "registered")
        assert await hooks.read_gaps() == {ACME: ("orders", good, "hook_lost")}
        # The next look knows all that this one knew.
        await hooks.works.superuser.execute("DELETE FROM gaps")
        await hooks.turn(context)
    assert await hooks.read_gaps() == {}


async def test_a_hook_that_vtex_drops_after_three_silent_days_is_back_at_the_next_look(hooks: Hooks) -> None:
    async with hooks.worker() as context:
        await hooks.connect(context)
        ours = await hooks.find()
        await hooks.works.sandbox.control("POST", "clock", {"advance_s": 2 * 86_400})
        await hooks.turn(context)
        assert await hooks.read_gaps() == {}, "two quiet days are nothing"
        await hooks.works.sandbox.control("POST", "clock", {"advance_s": 2 * 86_400})
        status, _ = await hooks.works.sandbox.call(hooks.works.accounts[ACME], "GET", "/api/orders/hook/config")
        assert status == 404, "VTEX dropped it"
        await hooks.turn(context)
        assert (await hooks.find(), (await hooks.show()).status) == (ours, "registered")
    assert (await hooks.read_gaps())[ACME][2] == "hook_lost"


async def test_a_hook_that_somebody_set_again_by_hand_leaves_its_gap_too(hooks: Hooks) -> None:
    """Resuming finds the hook gone and sets it: what it missed must not be forgotten for that."""
    async with hooks.worker() as context:
        await hooks.connect(context)
        good = datetime.now(UTC) - AN_HOUR
        await hooks.set_watch(known_at=good)
        await hooks.put(None)
        await context.hooks.register(ACME, VTEX)
    assert await hooks.read_gaps() == {ACME: ("orders", good, "hook_lost")}


async def test_an_older_one_of_ours_is_replaced(hooks: Hooks) -> None:
    async with hooks.worker() as context:
        await hooks.connect(context)
        ours = await hooks.find()
        narrow = {"type": "FromWorkflow", "status": ["invoiced"]}
        await hooks.put({"url": ours, "headers": {}}, filter=narrow)
        await hooks.turn(context)
        _, held = await hooks.works.sandbox.call(hooks.works.accounts[ACME], "GET", "/api/orders/hook/config")
        assert len(held["filter"]["status"]) > 10
        assert ACME in await hooks.read_gaps()


async def find_foreign(hooks: Hooks, context: DrainContext) -> None:
    await hooks.connect(context)
    await hooks.put(FOREIGN)
    await hooks.turn(context)


async def test_a_foreign_hook_is_left_alone_and_said_and_batch_takes_over(hooks: Hooks) -> None:
    async with hooks.worker() as context:
        await find_foreign(hooks, context)
        shown = await hooks.show()
        assert (await hooks.find(), shown.status) == (FOREIGN["url"], "foreign")
        assert "rival.example" in str(shown.note)
        assert "rivalcanary" not in str(shown.note)
        assert (await hooks.read_gaps())[ACME][2] == "hook_foreign"
        # A repair closed the gap; what is missed from then on is marked from the look before, and not from the loss.
        looked = (await hooks.read_watch())["known_at"]
        await hooks.works.superuser.execute("DELETE FROM gaps")
        await hooks.turn(context)
        assert (await hooks.read_gaps())[ACME][1] == looked
        assert await hooks.find() == FOREIGN["url"]


async def test_without_the_judgement_somebody_elses_hook_would_be_lost(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_all_for_ours(*_: object) -> HookVerdict:
        return "ours_outdated"

    async with hooks.worker() as context:
        await hooks.connect(context)
        await hooks.put(FOREIGN)
        monkeypatch.setattr(vtex_hooks, "judge_hook", take_all_for_ours)
        await hooks.turn(context)
    assert await hooks.find() != FOREIGN["url"]


async def test_nothing_is_touched_of_a_paused_integration_or_a_tenant_that_is_not_served(hooks: Hooks) -> None:
    async with hooks.worker() as context:
        await hooks.connect(context, ACME)
        await hooks.connect(context, GLOBEX)
        office = TenantOffice(hooks.works.office, hooks.works.redis, context.settings, context.hooks)
        await hooks.works.superuser.execute(
            "UPDATE tenant_integrations SET status = 'paused' WHERE tenant_id = $1", ACME
        )
        await suspend_tenant(office, GLOBEX, "unpaid", CLI)
        await hooks.put(None, ACME)
        calls = count_calls("get_hook")
        assert await hooks.turn(context, ACME, GLOBEX) == 0
        assert count_calls("get_hook") == calls
        assert (await hooks.find(ACME), await hooks.find(GLOBEX)) == (None, None)
        # Served again: what was missed since its hook was taken away is a gap, if it is not one for another reason.
        away = (await hooks.read_watch(GLOBEX))["known_at"]
        await activate_tenant(office, GLOBEX, CLI)
        assert await hooks.find(GLOBEX) is not None
        [(stream, since, _)] = [gap for gap in await read_all_gaps(hooks, GLOBEX) if gap[0] == "orders"]
        assert (stream, since <= away) == ("orders", True)
        assert await read_all_gaps(hooks, ACME) == []


async def read_all_gaps(hooks: Hooks, tenant_id: int) -> list[tuple[str, datetime, str]]:
    rows = await hooks.works.superuser.fetch(
        "SELECT stream, gap_since, reason FROM gaps WHERE tenant_id = $1", tenant_id
    )
    return [tuple(row) for row in rows]


async def look_twice_at_once(hooks: Hooks) -> int:
    async with hooks.worker() as one, hooks.worker() as other:
        await hooks.connect(one)
        await hooks.make_due()
        return sum(await asyncio.gather(*(get_watchdog(context).run_turn() for context in (one, other))))


async def test_however_many_workers_look_at_each_hook_once(hooks: Hooks) -> None:
    assert await look_twice_at_once(hooks) == 1


async def test_without_the_claim_two_workers_take_one_hook(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    async def claim_always(*_: object) -> int:
        return 0

    monkeypatch.setattr(app.services.hook_watchdog, "claim_watch", claim_always)
    assert await look_twice_at_once(hooks) == 2


async def test_at_most_so_many_a_minute_the_longest_overdue_first(hooks: Hooks) -> None:
    async with hooks.worker(hook_checks_per_minute=1, hook_probes=False) as context:
        await hooks.connect(context, ACME)
        await hooks.connect(context, GLOBEX)
        now = datetime.now(UTC)
        await hooks.set_watch(ACME, due_at=now - AN_HOUR)
        await hooks.set_watch(GLOBEX, due_at=now - 2 * AN_HOUR)
        assert await get_watchdog(context).run_turn() == 1
        assert (await hooks.read_watch(GLOBEX))["due_at"] > now
        assert (await hooks.read_watch(ACME))["due_at"] < now
        assert await get_watchdog(context).run_turn() == 1
        assert await get_watchdog(context).run_turn() == 0


async def test_a_provider_that_is_down_changes_nothing_and_is_asked_ever_more_rarely(hooks: Hooks) -> None:
    async with hooks.worker(hook_probes=False) as context:
        await hooks.connect(context, ACME)
        await hooks.connect(context, GLOBEX)
        before = await hooks.show()
        known = (await hooks.read_watch())["known_at"]
        await hooks.works.sandbox.put_account(hooks.works.accounts[ACME], offline=True)
        waits = []
        for _ in range(3):
            assert await hooks.turn(context, ACME, GLOBEX) == 2, "one hook stops no other"
            waits.append(((await hooks.read_watch())["due_at"] - datetime.now(UTC)).total_seconds())
        assert [round(wait, -1) for wait in waits] == [60, 120, 240]
        after = await hooks.show()
        assert (after.status, after.checked_at) == ("registered", before.checked_at)
        assert "does not let us read the hook back" in str(after.note)
        assert (await hooks.read_watch())["known_at"] == known
        await hooks.works.sandbox.put_account(hooks.works.accounts[ACME], offline=False)
        await hooks.turn(context)
        assert "every change" in str((await hooks.show()).note)
        assert (await hooks.read_watch())["failures"] == 0


def test_waits_grow_and_have_an_end() -> None:
    waits = [compute_wait_s(failures, 21_600) for failures in range(20)]
    assert waits[:4] == [60, 120, 240, 480]
    assert waits == sorted(waits)
    assert max(waits) == 21_600


async def test_a_hook_that_could_never_be_set_is_tried_again(hooks: Hooks, make_hooks: Any) -> None:
    nowhere = make_hooks("http://127.0.0.1:9")
    async with nowhere.worker() as context:
        await nowhere.connect(context)
        assert (await nowhere.show()).status == "failed"
        await nowhere.turn(context)
        assert (await nowhere.read_watch())["failures"] == 1
    async with hooks.worker() as context:
        await hooks.turn(context)
    assert (await hooks.show()).status == "registered"
    assert str(await hooks.find()).startswith(hooks.public_url)


async def test_a_hook_for_which_there_was_no_address_is_set_when_there_is_one(hooks: Hooks) -> None:
    async with hooks.works.worker() as context:
        await hooks.connect(context)
        assert (await hooks.show()).status == "off"
        assert await get_watchdog(context).run_turn() == 0
    async with hooks.worker() as context:
        assert await get_watchdog(context).run_turn() == 1
    assert (await hooks.show()).status == "registered"


async def test_refused_credentials_wait_for_good_ones_and_are_taken_again_without_a_person(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = hooks.works.accounts[ACME]
    async with hooks.worker() as context:
        await hooks.connect(context)
        await hooks.works.sandbox.put_account(account, app_key="another", app_token="one", replaces_keys=True)
        await hooks.turn(context)
        assert (await read_status(hooks), (await hooks.show()).status) == ("credentials_refused", "registered")
        calls = count_calls("get_hook")
        await hooks.turn(context)
        assert count_calls("get_hook") == calls, "refused credentials were used again at once"
        await hooks.works.sandbox.put_account(account, **KEYS)
        monkeypatch.setattr(integrations, "PROBE_INTERVAL_S", 0.0)
        await hooks.turn(context)
        assert (await read_status(hooks), (await hooks.show()).status) == ("active", "registered")
        assert await hooks.find() is not None
    assert await hooks.read_gaps() == {}, "VTEX went on calling"


async def test_a_missing_permission_is_said_and_pauses_nothing(hooks: Hooks) -> None:
    async with hooks.worker() as context:
        await hooks.connect(context)
        account = hooks.works.accounts[ACME]
        await hooks.works.sandbox.put_account(account, **KEYS, permissions=["View order"])
        await hooks.turn(context)
    shown = await hooks.show()
    assert (await read_status(hooks), shown.status) == ("active", "registered")
    assert "Feed v3 and Hook Admin" in str(shown.note)


async def test_the_job_watches_and_a_watch_goes_with_its_tenant(hooks: Hooks) -> None:
    from workers import jobs

    async with hooks.worker() as context:
        await hooks.connect(context)
        await hooks.put(None)
        await hooks.make_due()
        await jobs.watch_hooks({"drain": context})

        async def is_back() -> bool:
            return await hooks.find() is not None

        await until(is_back)
    assert timedelta(seconds=context.settings.hook_check_interval_s) < timedelta(days=3)


async def test_an_integration_whose_maker_died_before_it_set_the_hook_gets_one(hooks: Hooks) -> None:
    works = hooks.works
    async with hooks.worker() as context:
        await create_endpoint(
            works.office, works.redis, context.settings, await works.keys_of(ACME),
            integration_id=VTEX, kind="order_hook", accounts=[works.accounts[ACME]],
        )  # fmt: skip
        assert (await hooks.show()).status == "none"
        assert await get_watchdog(context).run_turn() == 0, "it may be just being made"
        await works.superuser.execute("UPDATE tenant_integrations SET created_at = now() - interval '6 minutes'")
        await get_watchdog(context).run_turn()
    assert (await hooks.show()).status == "registered"
    assert await hooks.find() is not None
    assert await hooks.read_gaps() == {}, "the first sync reads everything"

"""VTEX's order hook: looked at, set and taken away, never over somebody else's without being told to.

VTEX keeps one hook per app key and has no way to write only if nothing changed. So every write is between two reads:
what is found first is judged, and what is found afterwards is believed.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from app.connectors.vtex.client import VtexClient
from app.connectors.vtex.findings import HOOK, explain_failure
from app.connectors.vtex.hook import HOOK_PATH_PREFIX, HookVerdict, describe_foreign, judge_hook, make_hook, read_hook
from app.core.errors import CredentialsRefusedError, ObjectFailedError, ProviderError
from db.integrations import HookStatus

REGISTERED = "VTEX tells every change of an order as it happens."
GONE = "VTEX holds no hook under this app key: it tells nothing in real time."
OUTDATED = "The hook under this app key is an older one of ours. Resume the integration to set it anew."
REMOVED = "The hook was removed at VTEX."

# Whether an address under PUBLIC_URL is one of another integration of this installation.
IsOthers = Callable[[str], Awaitable[bool]]


class Target(NamedTuple):
    """Whose hook, and in whose name it is asked for."""

    account: str
    environment: str
    credentials: Mapping[str, str]


class OurAddress(NamedTuple):
    """`public_url`: what all our addresses begin with. `url`: this integration's own, a secret, as `headers` are."""

    public_url: str
    url: str
    headers: Mapping[str, str]


class HookState(NamedTuple):
    """`note`: a sentence for people, without an address of ours. `was_set`: the provider has our newest secret now.
    `has_replaced_foreign`: somebody else's hook is gone. `was_missing`: whether ours was not there when we looked,
    before anything was set; None: nobody looked."""

    status: HookStatus
    note: str | None = None
    was_set: bool = False
    has_replaced_foreign: bool = False
    was_missing: bool | None = None


class _Found(NamedTuple):
    """`is_neighbours`: foreign, and an address of this installation all the same."""

    verdict: HookVerdict
    url: str
    is_neighbours: bool = False


async def register(
    client: VtexClient, target: Target, address: OurAddress, is_others: IsOthers, *, replaces_foreign: bool = False
) -> HookState:
    """Sets our hook unless somebody else's stands there. Raises ProviderError; nothing is known then."""
    found = await _look(client, target, address, is_others)
    if found.verdict == "foreign" and not replaces_foreign:
        return _explain_foreign(found)
    return await _set(client, target, address, is_others, found)


async def keep(client: VtexClient, target: Target, address: OurAddress, is_others: IsOthers) -> HookState:
    """Sets our hook where none stands, or an older one of ours. Raises ProviderError when it cannot be looked at; that
    it cannot be set is a state."""
    found = await _look(client, target, address, is_others)
    if found.verdict in {"ours", "foreign"}:
        return _explain(found)
    try:
        return await _set(client, target, address, is_others, found)
    except ProviderError as error:
        return explain_error(error, target.account)._replace(was_missing=True)


async def check(client: VtexClient, target: Target, address: OurAddress, is_others: IsOthers) -> HookState:
    """What stands there now. Writes nothing. Raises ProviderError."""
    return _explain(await _look(client, target, address, is_others))


async def remove(client: VtexClient, target: Target, address: OurAddress, is_others: IsOthers) -> HookState:
    """Takes our hook away; somebody else's stays. Raises ProviderError."""
    found = await _look(client, target, address, is_others)
    if found.verdict == "foreign":
        return _explain_foreign(found)
    if found.verdict != "none":
        await client.delete_hook(*target)
    return HookState("removed", REMOVED, was_missing=found.verdict != "ours")


def explain_error(error: ProviderError, account: str) -> HookState:
    """The state of a hook that could not be read or written."""
    if isinstance(error, ObjectFailedError) and error.status == 400:
        return HookState(
            "failed",
            "VTEX calls our address before it saves a hook, and got no answer it takes: is the receiver reachable "
            "under PUBLIC_URL from outside? Then resume the integration.",
        )
    if isinstance(error, CredentialsRefusedError):
        return HookState("failed", explain_failure(error, account, HOOK).message)
    message = explain_failure(error, account, HOOK).message
    return HookState("failed", f"{message} Orders do not arrive in real time until then: resume the integration.")


async def _set(
    client: VtexClient, target: Target, address: OurAddress, is_others: IsOthers, found: _Found
) -> HookState:
    await client.post_hook(*target, make_hook(address.url, address.headers))
    state = await check(client, target, address, is_others)
    return state._replace(
        was_set=state.status == "registered",
        has_replaced_foreign=found.verdict == "foreign",
        was_missing=found.verdict != "ours",
    )


def _explain(found: _Found) -> HookState:
    if found.verdict == "foreign":
        return _explain_foreign(found)
    if found.verdict == "ours":
        return HookState("registered", REGISTERED, was_missing=False)
    state = HookState("removed", GONE) if found.verdict == "none" else HookState("failed", OUTDATED)
    return state._replace(was_missing=True)


async def _look(client: VtexClient, target: Target, address: OurAddress, is_others: IsOthers) -> _Found:
    configuration = read_hook(await client.get_hook(*target))
    verdict = judge_hook(configuration, address.public_url, [address.url])
    url = configuration.url if configuration is not None else ""
    if verdict == "foreign" and _has_our_token(url, address.url):
        # Only we ever gave this token out: it is ours, from before PUBLIC_URL changed.
        verdict = "ours_outdated"
    if verdict == "ours_outdated" and await is_others(url):
        # Under our own address, and not for this integration: to take it would cut that one off.
        return _Found("foreign", url, is_neighbours=True)
    return _Found(verdict, url)


def _has_our_token(url: str, our_url: str) -> bool:
    token = our_url.rpartition(HOOK_PATH_PREFIX)[2]
    return hmac.compare_digest(url.rpartition(HOOK_PATH_PREFIX)[2].encode(), token.encode())


def _explain_foreign(found: _Found) -> HookState:
    whose = f"calls {describe_foreign(found.url)}"
    if found.is_neighbours:
        whose = "belongs to another integration of this installation"
    return HookState(
        "foreign",
        f"VTEX keeps one hook per app key, and the one of this key {whose}. It was left alone, so orders do not arrive "
        "in real time. Make an app key for Acequia alone and enter it here; or, if that hook is not needed any more, "
        "say replace_foreign_hook.",
        was_missing=True,
    )

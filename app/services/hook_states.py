"""What was found of a hook is written down: for people, for the watchdog, and as a gap where it told nothing.

A hook that did not stand at the provider has missed what changed since it was last known what it did. That is marked in
the transaction that writes the finding, so every time that it was missing is marked once, whoever finds out.
"""

from datetime import datetime

import asyncpg

from app.core.logging import get_logger
from app.services.audit import Actor, write_audit
from app.services.ids import IntegrationId
from app.services.vtex_hooks import REGISTERED, HookState
from db import endpoints as db_endpoints
from db import integrations as db_integrations
from db.gaps import GapMark, set_gaps
from db.hook_watches import Finding, Place, Watch, find_watch, note_finding
from db.integrations import HookBefore

LOST_REASON, FOREIGN_REASON = "hook_lost", "hook_foreign"

log = get_logger()


async def write_hook_state(
    connection: asyncpg.Connection,
    place: Place,
    state: HookState,
    actor: Actor,
    *,
    asked_at: datetime,
    next_look_s: float,
) -> bool:
    """False when the integration is not there any more. `asked_at`: before the provider was asked."""
    note = state.note
    if state.status == "registered":
        note = describe(await find_watch(connection, place) if not state.was_missing else Watch())
    before = await db_integrations.set_hook_state(connection, *place, state.status, note)
    if before is None:
        return False
    if state.was_missing is not None:
        finding = Finding(asked_at, state.was_missing, state.status == "registered")
        known_at = await note_finding(connection, place, finding, next_look_s)
        if state.was_missing:
            await _mark_gap(connection, place, state, _find_since(known_at, before))
    if state.has_replaced_foreign:
        await write_audit(
            connection, place.tenant_id, actor, "integration.foreign_hook_replaced", "integration",
            str(IntegrationId(*place)),
        )  # fmt: skip
    if state.was_set:
        for row in await db_endpoints.list_endpoints(connection, place.tenant_id):
            if (row.integration_id, row.kind) == (place.integration_id, "order_hook"):
                await db_endpoints.note_rotation(connection, place.tenant_id, row.endpoint_id)
    if state.status in {"foreign", "failed"}:
        log.warning("hooks.not_registered", tenant_id=place.tenant_id, integration_id=place.integration_id,
                    hook_status=state.status, todo=note)  # fmt: skip
    return True


async def show_watch(connection: asyncpg.Connection, place: Place) -> None:
    """Says anew, of a hook that is registered, what is known of it beside that."""
    await db_integrations.set_hook_note(connection, *place, describe(await find_watch(connection, place)))


def describe(watch: Watch) -> str:
    """A sentence for people on a hook that is registered."""
    if watch.path_problem is not None:
        return f"VTEX holds our hook. {watch.path_problem}"
    if watch.silent_since is not None:
        return (
            f"VTEX holds our hook and has told of no order since {_show(watch.silent_since)}, although orders changed. "
            "It was set again once; what it misses comes with the syncs. If this stays, ask VTEX why it does not call."
        )
    if watch.path_good_at is not None:
        return f"{REGISTERED} A test call last came all the way at {_show(watch.path_good_at)}."
    return REGISTERED


def _find_since(known_at: datetime | None, before: HookBefore) -> datetime | None:
    """None for a hook that nobody ever knew anything of: whatever comes first reads everything."""
    if known_at is None and before.status == "registered":
        return before.checked_at  # written before there was a watchdog
    return known_at


async def _mark_gap(connection: asyncpg.Connection, place: Place, state: HookState, since: datetime | None) -> None:
    if since is None:
        return
    reason = FOREIGN_REASON if state.status == "foreign" else LOST_REASON
    await set_gaps(connection, place.tenant_id, [GapMark(place.integration_id, "orders", since, reason)])
    log.warning("hooks.missing", tenant_id=place.tenant_id, integration_id=place.integration_id,
                hook_status=state.status, since=since.isoformat())  # fmt: skip


def _show(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"

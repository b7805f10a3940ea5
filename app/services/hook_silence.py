"""A hook that stands at VTEX and tells nothing, although orders change.

A batch that brings an order first says so (`note_batch_found`), in its own transaction and for the price of one small
update. `apply_batch` does that for orders that are new; who knows of changed statuses may say so, too. Later, when the
hook had HOOK_SILENCE_S to tell of it, the watchdog judges: has any order's call come since?
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

import asyncpg

from app.connectors.vtex.probe import PROBE_STATE
from app.core.logging import get_logger
from app.core.queue import Queue
from app.core.settings import Settings
from app.services.hook_states import show_watch
from db.gaps import GapMark, set_gaps
from db.hook_watches import Moved, Place, begin_silence, end_silence, has_told, list_moved, note_moved
from db.pool import Database

SILENT_REASON = "hook_silent"
HOOKS_MAX = 1_000  # judged in one turn
# A provider's clock and ours: a call counts that came this much before the change it may be of.
CLOCK_TOLERANCE = timedelta(seconds=60)
# What changed longer ago says nothing of a hook: a backfill is full of it.
TOLD_WITHIN = timedelta(days=1)
BACKLOG_MS = 5_000  # a queue whose oldest event is older may hold what the hook told

Verdict = Literal["wait", "speaks", "silent", "still_silent"]

log = get_logger()


async def note_batch_found(
    connection: asyncpg.Connection,
    tenant_id: int,
    integration_id: int,
    changed_orders: int,
    newest_change_at: datetime | None,
) -> None:
    """A batch brought these first: orders that are new or whose status differs from what was held; the hook tells of no
    other changes. `newest_change_at`: by the provider's stamp, the latest of them. Call it in the transaction that
    writes the orders."""
    if changed_orders and newest_change_at is not None:
        await note_moved(connection, Place(tenant_id, integration_id), newest_change_at)


def judge_silence(moved: Moved, now: datetime, silence_s: float, *, has_waiting: bool, has_spoken: bool) -> Verdict:
    """`has_waiting`: the tenant's queue has a backlog, so that what was told may not be known yet.
    `has_spoken`: an order's call came since the change."""
    if has_spoken:
        return "speaks"
    if moved.silent_since is not None:
        return "still_silent"
    is_overdue = moved.moved_at is not None and (now - moved.moved_at).total_seconds() >= silence_s
    return "silent" if is_overdue and not has_waiting else "wait"


class HookSilence:
    """One per worker process."""

    def __init__(self, settings: Settings, database: Database, queue: Queue) -> None:
        self._settings = settings
        self._database = database
        self._queue = queue

    async def list_moved(self) -> list[Moved]:
        """Hooks that are to be judged. Raises asyncpg's errors."""
        return await list_moved(self._database, self._settings.hook_silence_s, HOOKS_MAX)

    async def judge(self, moved: Moved) -> Verdict:
        """What is to be thought of one, written down. `silent`: it was found to be just now, which is said once. Raises
        QueueUnavailableError, asyncpg's errors."""
        place, since = moved.place, moved.silent_since or moved.moved_at
        assert since is not None, "list_moved finds no others"
        depth = await self._queue.depth(place.tenant_id)
        now = datetime.now(UTC)
        async with self._database.tenant_tx(place.tenant_id, "hook_silence") as connection:
            has_spoken = await has_told(connection, place, since - CLOCK_TOLERANCE, except_state=PROBE_STATE)
            verdict = judge_silence(
                moved, now, self._settings.hook_silence_s,
                has_waiting=bool(depth.retrying) or (depth.oldest_ms or 0) > BACKLOG_MS, has_spoken=has_spoken,
            )  # fmt: skip
            if verdict == "speaks":
                await end_silence(connection, place)
            elif verdict == "silent":
                if not await begin_silence(connection, place, since):
                    return "wait"
                mark = GapMark(place.integration_id, "orders", since, SILENT_REASON)
                await set_gaps(connection, place.tenant_id, [mark])
            else:
                return verdict
            await show_watch(connection, place)
        tell = log.error if verdict == "silent" else log.info
        if verdict == "silent" or moved.silent_since is not None:
            tell("hooks.silent" if verdict == "silent" else "hooks.speaks_again", tenant_id=place.tenant_id,
                 integration_id=place.integration_id, since=since.isoformat())  # fmt: skip
        return verdict

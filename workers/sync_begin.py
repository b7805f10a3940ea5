"""Where a run begins, reckoned once by its first step and kept in its checkpoint; and what its end means."""

from datetime import UTC, datetime, timedelta

import asyncpg

from app.connectors.listing import Span
from app.core.settings import Settings
from db.activity import note_activity
from db.gaps import LIMIT_REASONS, begin_gap_repair, close_repaired_gap, list_gaps
from db.held_states import count_states
from db.listing_marks import forget_old_marks
from db.sync_claims import Progress, SyncClaim, save_progress
from db.sync_runs import has_read_all
from db.sync_streams import SyncStream, find_sync_stream, note_listed
from workers.sync_checkpoint import Checkpoint
from workers.sync_context import SyncContext
from workers.sync_windows import RepairCheckpoint, plan_windows
from workers.sync_work import SyncWork

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # no provider of ours is older
EVER = datetime.min.replace(tzinfo=UTC)


async def begin_listing(context: SyncContext, work: SyncWork) -> Checkpoint:
    """The checkpoint of a run that has read nothing yet, committed: a span must not move with every new start."""
    async with context.database.tenant_tx(work.claim.tenant_id, "begin_sync") as connection:
        span = await find_span(connection, context.settings, work)
        checkpoint = Checkpoint(span, tuple(work.reader.plan(span)))
        await save_progress(connection, work.claim, checkpoint.to_json(), Progress(None))
    return checkpoint


async def begin_repair(context: SyncContext, work: SyncWork) -> RepairCheckpoint:
    """As `begin_listing`. From here on a mark of its gap is not this repair's any more.

    A stream whose unlisted objects say nothing is compared as far back as its provider lists, and no further.
    """
    claim, now, settings, oldest = work.claim, work.claim.server_now, context.settings, find_oldest(work)
    if not work.reader.finds_deletions:
        oldest = max(oldest, now - timedelta(days=settings.sync_history_days))
    since = max(oldest, claim.since) if claim.since else oldest
    until = now - timedelta(seconds=work.reader.lag_s)
    until = min(until, claim.until) if claim.until else until
    async with context.database.tenant_tx(claim.tenant_id, "begin_repair") as connection:
        held = await count_states(connection, work.place, since, until)
        windows = plan_windows(since, until, settings.sync_window_days, settings.sync_history_days)
        checkpoint = RepairCheckpoint(now, since, windows, held)
        if find_covered_since(settings, work, since) is not None:
            await begin_gap_repair(connection, claim.tenant_id, claim.integration_id, claim.stream)
        await save_progress(connection, claim, checkpoint.to_json(), Progress(None))
    return checkpoint


def find_oldest(work: SyncWork) -> datetime:
    """What was created before it is not wanted. Orders are kept for so long; a profile as long as its store has it."""
    if work.claim.stream != "orders":
        return EARLIEST
    return work.claim.server_now - timedelta(days=work.retention_days)


async def find_span(connection: asyncpg.Connection, settings: Settings, work: SyncWork) -> Span:
    """Never behind what the tenant keeps. An incremental run goes on where the last one ended, or where a gap begins,
    and is a full one where nothing was listed yet."""
    claim, now, oldest = work.claim, work.claim.server_now, find_oldest(work)
    if claim.kind == "full":
        return Span("full", oldest, now)
    known = await find_sync_stream(connection, claim.tenant_id, claim.integration_id, claim.stream)
    if known.listed_through is None:
        return Span("full", oldest, now)
    # Whom a limit keeps out waits by id: nothing has to be listed again for them.
    gaps = [
        gap.gap_since
        for gap in await list_gaps(connection, claim.tenant_id)
        if (gap.integration_id, gap.stream) == (claim.integration_id, claim.stream) and gap.reason not in LIMIT_REASONS
    ]
    since = max(oldest, min([known.listed_through, *gaps]))
    return Span("incremental", oldest, now, since, find_trailing(settings, claim, known, oldest, now))


def find_trailing(
    settings: Settings, claim: SyncClaim, known: SyncStream, oldest: datetime, now: datetime
) -> datetime | None:
    """From when on recent creations are listed too: on a slower cycle, and whenever a person asks."""
    every = timedelta(hours=settings.sync_trailing_every_h)
    is_due = known.trailing_at is None or now - known.trailing_at >= every
    if claim.trigger == "schedule" and not is_due:
        return None
    return max(oldest, now - timedelta(days=settings.sync_trailing_days))


def find_covered_since(settings: Settings, work: SyncWork, since: datetime) -> datetime | None:
    """Changes from when on a repair of the creations from `since` to now has seen: EVER where it looked at all that may
    be looked at, None where it may have missed a change of any time.

    What changed in a gap was created at any time before it. Of orders that is taken to be SYNC_TRAILING_DAYS at most.
    """
    claim = work.claim
    if claim.until is not None:
        return None
    if claim.since is None or claim.since < since:
        return EVER
    return None if work.reader.finds_deletions else since + timedelta(days=settings.sync_trailing_days)


async def note_end(
    connection: asyncpg.Connection, settings: Settings, work: SyncWork, checkpoint: Checkpoint | RepairCheckpoint
) -> None:
    """All has been read: what is known of the stream moves forward, and the gap that a repair was for is closed."""
    claim = work.claim
    lag = timedelta(seconds=work.reader.lag_s)
    if isinstance(checkpoint, RepairCheckpoint):
        covered_since = find_covered_since(settings, work, checkpoint.since)
        is_whole = covered_since == EVER
        state = SyncStream(claim.integration_id, claim.stream, verified_at=checkpoint.begun_at if is_whole else None)
        if covered_since is not None:
            place = (claim.tenant_id, claim.integration_id, claim.stream)
            begun_at = checkpoint.begun_at - lag
            await close_repaired_gap(connection, place, covered_since=covered_since, begun_at=begun_at)
    else:
        span = checkpoint.span
        is_full = span.kind == "full"
        await forget_old_marks(connection, work.place, span.now - timedelta(days=settings.sync_marks_days))
        state = SyncStream(
            claim.integration_id,
            claim.stream,
            listed_through=span.now - lag,
            full_at=span.now if is_full else None,
            incremental_at=span.now,
            trailing_at=span.now if is_full or span.trailing_since is not None else None,
        )
    await note_listed(connection, claim.tenant_id, state)


async def note_run_end(connection: asyncpg.Connection, claim: SyncClaim) -> None:
    """The run has come to its end: the integration is current if all of its streams were read to theirs. What could not
    be used of them goes the way of events; a repair of some days alone says nothing of the others."""
    if claim.until is None and await has_read_all(connection, claim.tenant_id, claim.run_id):
        await note_activity(connection, claim.tenant_id, "bulk", [claim.integration_id])

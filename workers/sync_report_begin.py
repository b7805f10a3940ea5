"""Where a report's run begins, reckoned once by its first step and kept in its checkpoint; and what its end means.

A report has no gaps: an incremental run goes on where the last one ended, however long ago that was.
"""

from datetime import timedelta

import asyncpg

from app.connectors.windows import ReportSpan
from app.core.settings import Settings
from db.sync_claims import Progress, save_progress
from db.sync_streams import SyncStream, find_sync_stream, note_listed
from workers.sync_context import SyncContext
from workers.sync_report_checkpoint import ReportCheckpoint
from workers.sync_work import ReportWork


async def begin_report(context: SyncContext, work: ReportWork) -> ReportCheckpoint:
    """The checkpoint of a run that has read nothing yet, committed: its days must not move with every new start."""
    claim = work.claim
    async with context.database.tenant_tx(claim.tenant_id, "begin_report") as connection:
        span = await _find_span(connection, context.settings, work)
        is_whole = claim.since is None and claim.until is None
        checkpoint = ReportCheckpoint(span.kind, span.now, is_whole, tuple(work.reader.plan(span)))
        await save_progress(connection, claim, checkpoint.to_json(), Progress(None))
    return checkpoint


async def note_report_end(connection: asyncpg.Connection, work: ReportWork, checkpoint: ReportCheckpoint) -> None:
    """All has been read: what is known of the stream moves forward."""
    claim, begun_at = work.claim, checkpoint.begun_at
    state = SyncStream(claim.integration_id, claim.stream)
    if checkpoint.kind == "repair":
        state = state._replace(verified_at=begun_at if checkpoint.is_whole else None)
    else:
        full_at = begun_at if checkpoint.kind == "full" else None
        state = state._replace(listed_through=begun_at, full_at=full_at, incremental_at=begun_at, trailing_at=begun_at)
    await note_listed(connection, claim.tenant_id, state)


async def _find_span(connection: asyncpg.Connection, settings: Settings, work: ReportWork) -> ReportSpan:
    """Never behind what the tenant keeps. An incremental run is a full one where nothing was read yet."""
    claim, now = work.claim, work.claim.server_now
    oldest = now - timedelta(days=work.retention_days)
    if claim.kind == "repair":
        since = claim.since or now - timedelta(days=settings.sync_report_repair_days)
        return ReportSpan("repair", oldest, now, since, claim.until)
    known = await find_sync_stream(connection, claim.tenant_id, claim.integration_id, claim.stream)
    if claim.kind == "full" or known.listed_through is None:
        return ReportSpan("full", oldest, now)
    return ReportSpan("incremental", oldest, now, known.listed_through)

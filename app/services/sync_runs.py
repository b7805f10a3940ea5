"""Sync runs read, cancelled, paused and resumed, and what repairs found."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from app.core.errors import ConflictError, FieldProblem, InvalidInputError, NotFoundError
from app.services.audit import Actor, write_audit
from app.services.ids import IntegrationId, read_integration_id
from app.services.integration_reads import NO_INTEGRATION
from app.services.office import Office
from app.services.paging import read_cursor, write_cursor
from app.services.sync_views import show_run
from db import completeness, sync_runs
from db.integrations import list_integrations
from schemas.api import Page
from schemas.syncs import CompletenessDay, CompletenessQuery, Finding, RunsQuery, SyncRun

NO_RUN = "There is no such sync run."
ENDED = "This run has ended already, or was cancelled."
DAYS_SHOWN = timedelta(days=30)  # before the last one, where nobody says from when on


class _RunPlace(NamedTuple):
    before: UUID


class _FindingPlace(NamedTuple):
    stream: str
    external_id: str


async def list_runs(office: Office, tenant_id: int, query: RunsQuery, limit: int) -> Page[SyncRun]:
    """Newest first. Raises InvalidInputError for a cursor that is none, NotFoundError for another tenant's
    integration."""
    before = str(read_cursor(query.cursor, _RunPlace).before) if query.cursor else sync_runs.NEWEST
    integration_id = None if query.integration_id is None else _read_integration(tenant_id, query.integration_id)
    async with office.database.tenant_tx(tenant_id, "list_sync_runs") as connection:
        rows = await sync_runs.list_runs(
            connection, tenant_id, integration_id=integration_id, before=before, limit=limit + 1, status=query.status
        )
        shown = await _show(connection, tenant_id, rows[:limit])
    more = write_cursor(_RunPlace(UUID(rows[limit - 1].run_id))) if len(rows) > limit else None
    return Page(data=shown, next_cursor=more)


async def list_active_runs(office: Office, tenant_id: int) -> list[SyncRun]:
    """Those that have not ended, the oldest first."""
    async with office.database.tenant_tx(tenant_id, "list_sync_runs") as connection:
        return await _show(connection, tenant_id, await sync_runs.list_active_runs(connection, tenant_id))


async def get_run(office: Office, tenant_id: int, run_id: UUID) -> SyncRun:
    """Raises NotFoundError."""
    async with office.database.tenant_tx(tenant_id, "get_sync_run") as connection:
        return await read_run(connection, tenant_id, run_id)


async def read_run(connection: asyncpg.Connection, tenant_id: int, run_id: UUID) -> SyncRun:
    """One run in a transaction of its tenant. Raises NotFoundError."""
    row = await sync_runs.find_run(connection, tenant_id, str(run_id))
    if row is None:
        raise NotFoundError(NO_RUN)
    [shown] = await _show(connection, tenant_id, [row])
    return shown


async def cancel_run(office: Office, tenant_id: int, run_id: UUID, *, actor: Actor) -> SyncRun:
    """It stops within a step; what was written stays. Raises NotFoundError, ConflictError when it has ended."""
    return await _change(office, tenant_id, run_id, sync_runs.cancel_run, "sync.cancelled", actor)


async def pause_run(office: Office, tenant_id: int, run_id: UUID, *, actor: Actor) -> SyncRun:
    """It stops within a step, and goes on from there when it is resumed. Raises as `cancel_run`."""
    return await _change(office, tenant_id, run_id, sync_runs.pause_run, "sync.paused", actor)


async def resume_run(office: Office, tenant_id: int, run_id: UUID, *, actor: Actor) -> SyncRun:
    """Raises as `cancel_run`."""
    return await _change(office, tenant_id, run_id, sync_runs.resume_run, "sync.resumed", actor)


async def list_completeness(
    office: Office, tenant_id: int, query: CompletenessQuery, limit: int
) -> Page[CompletenessDay]:
    """The days that repairs have looked at, by integration, stream and day. Raises InvalidInputError for a cursor that
    is none and a last day before the first, NotFoundError for another tenant's integration."""
    integration_id = None if query.integration_id is None else _read_integration(tenant_id, query.integration_id)
    last = query.last or datetime.now(UTC).date()
    first = query.first or last - min(DAYS_SHOWN, last - last.min)
    if first > last:
        name = "from" if query.last is None else "to"
        raise InvalidInputError(FieldProblem(f"/{name}", "the last day lies before the first"))
    after = read_cursor(query.cursor, completeness.DayPlace) if query.cursor else completeness.NO_DAY
    async with office.database.tenant_tx(tenant_id, "list_completeness") as connection:
        rows = await completeness.page_days(
            connection, tenant_id, first, last, integration_id=integration_id, after=after, limit=limit + 1
        )
    shown = [
        CompletenessDay.model_validate(day._asdict() | {"integration_id": str(IntegrationId(tenant_id, integration))})
        for integration, day in rows[:limit]
    ]
    if len(rows) <= limit:
        return Page(data=shown)
    integration, day = rows[limit - 1]
    return Page(data=shown, next_cursor=write_cursor(completeness.DayPlace(integration, day.stream, day.day)))


async def list_findings(
    office: Office, tenant_id: int, run_id: UUID, *, limit: int, cursor: str | None = None
) -> Page[Finding]:
    """A run's differences, by stream and id. Raises NotFoundError, InvalidInputError for a cursor that is none."""
    after = read_cursor(cursor, _FindingPlace) if cursor else _FindingPlace("", "")
    async with office.database.tenant_tx(tenant_id, "list_findings") as connection:
        if await sync_runs.find_run(connection, tenant_id, str(run_id)) is None:
            raise NotFoundError(NO_RUN)
        rows = await completeness.list_findings(connection, tenant_id, str(run_id), after=after, limit=limit + 1)
    shown = [Finding.model_validate(row._asdict()) for row in rows[:limit]]
    last = _FindingPlace(rows[limit - 1].stream, rows[limit - 1].external_id) if len(rows) > limit else None
    return Page(data=shown, next_cursor=None if last is None else write_cursor(last))


async def _change(  # noqa: PLR0917 - what is done to which run, as whom
    office: Office, tenant_id: int, run_id: UUID,
    change: Callable[[asyncpg.Connection, int, str], Awaitable[bool]], action: str, actor: Actor,
) -> SyncRun:  # fmt: skip
    async with office.database.tenant_tx(tenant_id, "change_sync_run") as connection:
        await read_run(connection, tenant_id, run_id)
        if not await change(connection, tenant_id, str(run_id)):
            raise ConflictError(ENDED)
        await write_audit(connection, tenant_id, actor, action, "sync_run", str(run_id))
        return await read_run(connection, tenant_id, run_id)


async def _show(connection: asyncpg.Connection, tenant_id: int, rows: Sequence[sync_runs.SyncRun]) -> list[SyncRun]:
    if not rows:
        return []
    connectors = {row.integration_id: row.connector for row in await list_integrations(connection, tenant_id)}
    streams = await sync_runs.list_run_streams(connection, tenant_id, [row.run_id for row in rows])
    now = datetime.now(UTC)
    return [show_run(row, streams[row.run_id], connectors, now) for row in rows]


def _read_integration(tenant_id: int, text: str) -> int:
    found = read_integration_id(text)
    if found.tenant_id != tenant_id:
        raise NotFoundError(NO_INTEGRATION)
    return found.integration_id

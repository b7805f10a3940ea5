"""Sync runs and their streams: asked for, listed, cancelled, paused, ended."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Literal, NamedTuple

import asyncpg

from db.pool import Database
from db.queries import load_queries
from schemas.ids import find_first_id
from schemas.records import StreamName

SQL = load_queries("sync_runs")
NEWEST = "ffffffff-ffff-ffff-ffff-ffffffffffff"

SyncKind = Literal["full", "incremental", "repair"]
SyncTrigger = Literal["schedule", "manual", "repair", "creation"]
SyncPriority = Literal["high", "normal", "low"]
SyncStatus = Literal["queued", "running", "succeeded", "partial", "failed", "cancelled"]
ACTIVE: tuple[SyncStatus, ...] = ("queued", "running")


class ActiveStream(NamedTuple):
    """A stream of a run that has not ended. `is_whole`: its run was not asked for some days only; `is_cancelled`: it
    ends within its step."""

    run_id: str
    stream: StreamName
    status: SyncStatus
    kind: SyncKind
    is_whole: bool = True
    is_paused: bool = False
    is_cancelled: bool = False


class NewRun(NamedTuple):
    """`since`, `until`: what a repair looks at, by creation; None: everything that may be listed."""

    run_id: str
    integration_id: int
    kind: SyncKind
    trigger: SyncTrigger
    priority: SyncPriority
    requested_by: str
    since: datetime | None = None
    until: datetime | None = None


class SyncRun(NamedTuple):
    """One run. `reason`: why it failed, or succeeded only in part."""

    tenant_id: int
    run_id: str
    integration_id: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    since: datetime | None
    until: datetime | None
    paused_at: datetime | None
    cancelled_at: datetime | None
    kind: SyncKind
    trigger: SyncTrigger
    priority: SyncPriority
    status: SyncStatus
    reason: str | None
    requested_by: str


class RunStream(NamedTuple):
    """One stream of a run. `worked_ms`: the length of its steps, added up. `expected`: objects that the lists told of,
    None until they have been asked. `kept_out`: customers whom a limit left no room; `dead`: documents that cannot be
    used; `errors`: both and calls that failed, with one example."""

    run_id: str
    stream: StreamName
    status: SyncStatus
    reason: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    due_at: datetime
    stepped_at: datetime | None
    is_leased: bool | None
    steps: int
    failures: int
    worked_ms: int
    expected: int | None
    listed: int
    fetched: int
    created: int
    updated: int
    unchanged: int
    deleted: int
    kept_out: int
    dead: int
    read_bytes: int
    provider_calls: int
    errors: int
    error_code: str | None
    error_example: str | None


class EndedRun(NamedTuple):
    """The last run of an integration that ended of its own. `records`: created, updated and deleted by it."""

    integration_id: int
    run_id: str
    status: SyncStatus
    started_at: datetime
    ended_at: datetime
    records: int
    errors: int


async def lock_syncs(connection: asyncpg.Connection, tenant_id: int, integration_id: int) -> None:
    """Until the transaction ends, nobody else asks for a sync of this integration."""
    await connection.execute(SQL["lock_syncs"], tenant_id, integration_id)


async def list_active_streams(
    connection: asyncpg.Connection, tenant_id: int, integration_id: int
) -> list[ActiveStream]:
    """What goes on at an integration, the oldest run first."""
    rows = await connection.fetch(SQL["list_active_streams"], tenant_id, integration_id)
    return [ActiveStream(str(run_id), *rest) for run_id, *rest in rows]


async def insert_run(
    connection: asyncpg.Connection, tenant_id: int, run: NewRun, streams: Sequence[StreamName]
) -> None:
    """A run with its streams, queued."""
    await connection.execute(
        SQL["insert_run"], tenant_id, run.run_id, run.integration_id, run.kind, run.trigger, run.priority,
        run.requested_by, run.since, run.until,
    )  # fmt: skip
    await connection.execute(SQL["insert_run_streams"], tenant_id, run.run_id, run.integration_id, list(streams))


async def raise_priority(connection: asyncpg.Connection, tenant_id: int, run_id: str, priority: SyncPriority) -> None:
    """A run that goes on gets this priority, if it is a higher one."""
    await connection.execute(SQL["raise_priority"], tenant_id, run_id, priority)


async def find_run(connection: asyncpg.Connection, tenant_id: int, run_id: str) -> SyncRun | None:
    """One run of the tenant."""
    row = await connection.fetchrow(SQL["find_run"], tenant_id, run_id)
    return None if row is None else _read_run(row)


async def list_runs(
    connection: asyncpg.Connection,
    tenant_id: int,
    *,
    integration_id: int | None = None,
    before: str = NEWEST,
    limit: int = 50,
    status: SyncStatus | None = None,
) -> list[SyncRun]:
    """Newest first, older than the run `before`."""
    rows = await connection.fetch(SQL["list_runs"], tenant_id, integration_id, before, limit, status)
    return [_read_run(row) for row in rows]


async def list_active_runs(connection: asyncpg.Connection, tenant_id: int) -> list[SyncRun]:
    """Those that have not ended, by integration and age."""
    return [_read_run(row) for row in await connection.fetch(SQL["list_active_runs"], tenant_id)]


async def list_given_up(
    connection: asyncpg.Connection, tenant_id: int, integration_id: int, since: datetime
) -> set[StreamName]:
    """Streams of which a full run failed or was cancelled since then."""
    return {row[0] for row in await connection.fetch(SQL["list_given_up"], tenant_id, integration_id, since)}


async def list_last_ended(connection: asyncpg.Connection, tenant_id: int) -> dict[int, EndedRun]:
    """Integration → its last run that was not cancelled."""
    rows = await connection.fetch(SQL["list_last_ended"], tenant_id)
    return {row["integration_id"]: EndedRun(row[0], str(row[1]), *row[2:]) for row in rows}


async def list_run_streams(
    connection: asyncpg.Connection, tenant_id: int, run_ids: Sequence[str]
) -> dict[str, list[RunStream]]:
    """Run → its streams."""
    found: dict[str, list[RunStream]] = {run_id: [] for run_id in run_ids}
    for run_id, *rest in await connection.fetch(SQL["list_run_streams"], tenant_id, list(run_ids)):
        found[str(run_id)].append(RunStream(str(run_id), *rest))
    return found


async def cancel_run(connection: asyncpg.Connection, tenant_id: int, run_id: str) -> bool:
    """False when it has ended already. Streams that are worked on end within their step."""
    if await connection.fetchval(SQL["cancel_run"], tenant_id, run_id) is None:
        return False
    await connection.execute(SQL["cancel_idle_streams"], tenant_id, run_id)
    await end_run(connection, tenant_id, run_id)
    return True


async def pause_run(connection: asyncpg.Connection, tenant_id: int, run_id: str) -> bool:
    """False when it has ended already, or is cancelled."""
    return await connection.fetchval(SQL["pause_run"], tenant_id, run_id) is not None


async def resume_run(connection: asyncpg.Connection, tenant_id: int, run_id: str) -> bool:
    """False when it has ended already, or is cancelled."""
    return await connection.fetchval(SQL["resume_run"], tenant_id, run_id) is not None


async def list_runs_at(  # noqa: PLR0917 - which stream of whom, when
    connection: asyncpg.Connection, tenant_id: int, stream: StreamName, moment: datetime, since: datetime, limit: int
) -> list[str]:
    """Ids of the runs that were reading a stream at a moment, of those asked for since a time; newest first."""
    bounds = (find_first_id(since), find_first_id(moment + timedelta(milliseconds=1)))
    rows = await connection.fetch(SQL["list_runs_at"], tenant_id, stream, moment, *bounds, limit)
    return [str(row[0]) for row in rows]


async def end_run(connection: asyncpg.Connection, tenant_id: int, run_id: str) -> SyncStatus | None:
    """How the run ended, if its last stream has; None while one goes on."""
    status: SyncStatus | None = await connection.fetchval(SQL["end_run"], tenant_id, run_id)
    return status


async def has_read_all(connection: asyncpg.Connection, tenant_id: int, run_id: str) -> bool:
    """Whether every stream of it was read to its end, whatever could not be used of it."""
    return bool(await connection.fetchval(SQL["has_read_all"], tenant_id, run_id))


async def forget_old_runs(database: Database, before: datetime, limit: int) -> int:
    """Deletes runs that ended before a time, with their streams and what they found; how many."""
    async with database.platform_tx("list_old_runs") as connection:
        rows = await connection.fetch(SQL["list_old_runs"], before, limit)
    for tenant_id, runs in groupby(rows, itemgetter(0)):
        run_ids = [run_id for _, run_id in runs]
        async with database.tenant_tx(tenant_id, "forget_runs") as connection:
            for name in ("forget_findings", "forget_run_streams", "forget_runs"):
                await connection.execute(SQL[name], tenant_id, run_ids)
    return len(rows)


def _read_run(row: asyncpg.Record) -> SyncRun:
    tenant_id, run_id, *rest = row
    return SyncRun(tenant_id, str(run_id), *rest)

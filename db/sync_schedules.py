"""When each integration's next sync is due, and from what that was reckoned."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from db.pool import Database
from db.queries import load_queries

SQL = load_queries("sync_schedules")


class SyncSchedule(NamedTuple):
    tenant_id: int
    integration_id: int
    next_sync_at: datetime
    frequency: str
    time_zone: str


class Unreckoned(NamedTuple):
    """An integration whose next moment is not known for the frequency and time zone that it has now."""

    tenant_id: int
    integration_id: int
    frequency: str
    time_zone: str


async def list_unreckoned(
    database: Database, connectors: Sequence[str], default_time_zone: str, limit: int
) -> list[Unreckoned]:
    """Among the integrations of these connectors that are synced by themselves."""
    async with database.platform_tx("list_unreckoned") as connection:
        rows = await connection.fetch(SQL["list_unreckoned"], list(connectors), default_time_zone, limit)
    return [Unreckoned(*row) for row in rows]


async def save_schedules(database: Database, schedules: Sequence[SyncSchedule]) -> None:
    """Where none is held that was reckoned from the same."""
    if schedules:
        async with database.platform_tx("save_schedules") as connection:
            await connection.execute(SQL["save_schedules"], *zip(*schedules, strict=True))


async def drop_schedules(database: Database) -> None:
    """Those of integrations that are not synced by themselves (any more)."""
    async with database.platform_tx("drop_schedules") as connection:
        await connection.execute(SQL["drop_schedules"])


async def list_due(database: Database, now: datetime, limit: int) -> list[SyncSchedule]:
    """Due by `now`, of active integrations of active tenants."""
    async with database.platform_tx("list_due_syncs") as connection:
        return [SyncSchedule(*row) for row in await connection.fetch(SQL["list_due"], now, limit)]


async def take_due(connection: asyncpg.Connection, due: SyncSchedule, next_sync_at: datetime) -> bool:
    """False when somebody else has taken it meanwhile."""
    taken = await connection.fetchval(
        SQL["take_due"], due.tenant_id, due.integration_id, due.next_sync_at, next_sync_at
    )
    return taken is not None


async def list_schedules(connection: asyncpg.Connection, tenant_id: int) -> dict[int, SyncSchedule]:
    """Integration → its schedule."""
    rows = await connection.fetch(SQL["list_schedules"], tenant_id)
    return {row["integration_id"]: SyncSchedule(*row) for row in rows}

"""From when on an integration's stream may be incomplete. A gap grows backwards until a repair closes it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from db.pool import Database
from db.queries import load_queries

SQL = load_queries("gaps")
LIMIT_REASONS = frozenset({"customer_limit", "storage_limit"})  # closed by themselves when nobody waits any more


class GapMark(NamedTuple):
    """What is to be set. `stream`: orders or customers."""

    integration_id: int
    stream: str
    gap_since: datetime
    reason: str


class Gap(NamedTuple):
    tenant_id: int
    integration_id: int
    stream: str
    gap_since: datetime
    reason: str
    updated_at: datetime


async def set_gaps(connection: asyncpg.Connection, tenant_id: int, marks: Sequence[GapMark]) -> None:
    """The earliest of what is held and what is told stands, with its reason: but a limit's never replaces another."""
    if marks:
        await connection.execute(SQL["set_gaps"], tenant_id, *zip(*marks, strict=True))


async def set_gaps_everywhere(database: Database, streams: Sequence[str], gap_since: datetime, reason: str) -> None:
    """For every integration of every tenant that is not deleted."""
    async with database.platform_tx("set_gaps_everywhere") as connection:
        await connection.execute(SQL["set_gaps_everywhere"], list(streams), gap_since, reason)


async def close_limit_gaps(connection: asyncpg.Connection, tenant_id: int) -> list[int]:
    """Closes what a limit had opened where no customer waits any more; the integrations."""
    return [row[0] for row in await connection.fetch(SQL["close_limit_gaps"], tenant_id)]


async def begin_gap_repair(connection: asyncpg.Connection, tenant_id: int, integration_id: int, stream: str) -> None:
    """Whoever marks this gap from now on marks something that the repair may not see."""
    await connection.execute(SQL["begin_gap_repair"], tenant_id, integration_id, stream)


async def close_repaired_gap(
    connection: asyncpg.Connection, place: tuple[int, int, str], *, covered_since: datetime, begun_at: datetime
) -> None:
    """What the repair has looked at from `covered_since` on is complete as of `begun_at`; a gap that was marked
    meanwhile begins there. `place`: tenant, integration and stream."""
    await connection.execute(SQL["close_repaired_gap"], *place, covered_since)
    await connection.execute(SQL["narrow_repaired_gap"], *place, covered_since, begun_at)


async def list_gaps(connection: asyncpg.Connection, tenant_id: int) -> list[Gap]:
    """One tenant's."""
    return [Gap(*row) for row in await connection.fetch(SQL["list_gaps"], tenant_id)]


async def list_all_gaps(database: Database) -> list[Gap]:
    """Everybody's."""
    async with database.platform_tx("list_gaps") as connection:
        return [Gap(*row) for row in await connection.fetch(SQL["list_gaps_by_tenant"])]


async def list_limited_tenants(database: Database) -> list[int]:
    """Tenants with a gap that a limit has marked."""
    async with database.platform_tx("list_limited_tenants") as connection:
        return [row[0] for row in await connection.fetch(SQL["list_limited_tenants"])]

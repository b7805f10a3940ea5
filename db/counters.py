"""Figures that pages read instead of counting rows: one row per tenant, name and writer, summed on reading."""

from collections.abc import Mapping
from typing import Literal

import asyncpg

from db.pool import Database
from db.queries import load_queries

SQL = load_queries("counters")
Writer = Literal["live", "bulk", "api"]


async def add_to_counters(
    connection: asyncpg.Connection, tenant_id: int, writer: Writer, deltas: Mapping[str, int]
) -> None:
    """Adds; zeros are left out. Call it last in a transaction: the rows are held until its end."""
    changes = sorted((name, delta) for name, delta in deltas.items() if delta)
    if changes:
        await connection.execute(SQL["add_to_counters"], tenant_id, writer, *zip(*changes, strict=True))


async def list_counters(connection: asyncpg.Connection, tenant_id: int) -> dict[str, int]:
    """One tenant's, by name."""
    return dict(await connection.fetch(SQL["list_counters"], tenant_id))


async def list_all_counters(database: Database) -> dict[int, dict[str, int]]:
    """Everybody's: tenant → name → value."""
    counters: dict[int, dict[str, int]] = {}
    async with database.platform_tx("list_counters") as connection:
        for tenant_id, name, value in await connection.fetch(SQL["list_counters_by_tenant"]):
            counters.setdefault(tenant_id, {})[name] = value
    return counters

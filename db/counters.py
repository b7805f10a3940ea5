"""Figures that pages read instead of counting rows: one row per tenant, name and writer, summed on reading."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import asyncpg

from db.pool import Database
from db.queries import load_queries

SQL = load_queries("counters")
Writer = Literal["live", "bulk", "api"]


class HeldFigures(NamedTuple):
    """What a tenant holds that limits bind, and how many customers wait for room."""

    customers: int
    stored_bytes: int
    waiting: int


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


async def find_figures(connection: asyncpg.Connection, tenant_id: int) -> HeldFigures:
    """What this transaction sees of one tenant's figures."""
    return HeldFigures(*await connection.fetchrow(SQL["find_figures"], tenant_id))


async def list_waiting_tenants(database: Database) -> list[int]:
    """Tenants with customers that wait for room."""
    async with database.platform_tx("list_waiting_tenants") as connection:
        return [row[0] for row in await connection.fetch(SQL["list_waiting_tenants"])]

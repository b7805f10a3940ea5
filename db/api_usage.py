"""How many API calls each tenant made on each day (UTC)."""

from collections.abc import Mapping
from datetime import date

import asyncpg

from db.queries import load_queries

SQL = load_queries("api_usage")


async def add_api_calls(connection: asyncpg.Connection, calls: Mapping[tuple[int, date], int]) -> None:
    """(tenant id, day) → calls to be added. Platform work."""
    rows = sorted((tenant_id, day, count) for (tenant_id, day), count in calls.items())
    if rows:
        await connection.execute(SQL["add_api_calls"], *zip(*rows, strict=True))


async def find_api_calls(connection: asyncpg.Connection, tenant_id: int, day: date) -> int:
    """What is written of one tenant's day; the last seconds' may be missing."""
    return int(await connection.fetchval(SQL["find_api_calls"], tenant_id, day) or 0)


async def total_api_calls(connection: asyncpg.Connection, day: date) -> int:
    """All tenants' of a day. Platform work."""
    return int(await connection.fetchval(SQL["total_api_calls"], day))

"""Until when credentials are valid, as the provider tells it, and who asks when."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from db.hook_watches import Place
from db.pool import Database
from db.queries import load_queries

SQL = load_queries("credential_ends")


async def list_due_ends(database: Database, connectors: Sequence[str], interval_s: float, rows_max: int) -> list[Place]:
    """Whose turn it is, the longest overdue first."""
    async with database.platform_tx("list_due_ends") as connection:
        rows = await connection.fetch(SQL["list_due_ends"], list(connectors), interval_s, rows_max)
    return [Place(*row) for row in rows]


async def claim_end(connection: asyncpg.Connection, place: Place, interval_s: float) -> int | None:
    """The integration's revision; None when somebody else has asked within the interval."""
    revision: int | None = await connection.fetchval(SQL["claim_end"], *place, interval_s)
    return revision


async def put_back_end(connection: asyncpg.Connection, place: Place, asked_ago_s: float) -> None:
    """As if it had been asked so long ago."""
    await connection.execute(SQL["put_back_end"], *place, asked_ago_s)


async def set_end(connection: asyncpg.Connection, place: Place, revision: int, ends_at: datetime | None) -> bool:
    """False when it was known, or the integration was changed meanwhile."""
    return await connection.fetchval(SQL["set_end"], *place, revision, ends_at) is not None

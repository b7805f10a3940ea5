"""Numbers that only grow, kept here and in Redis: the one that lost count has lost its memory."""

from db.pool import Database
from db.queries import load_queries

SQL = load_queries("ticks")


async def tick(database: Database, name: str) -> int:
    """Counts up by one and returns the new number, committed; 1 the first time."""
    async with database.platform_tx("tick") as connection:
        return int(await connection.fetchval(SQL["advance_tick"], name))


async def find_tick(database: Database, name: str) -> int | None:
    """Where it stands; None before the first."""
    async with database.platform_tx("find_tick") as connection:
        ticks: int | None = await connection.fetchval(SQL["find_tick"], name)
    return ticks

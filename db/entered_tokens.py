"""Tokens of credentials that were entered, before an integration has them: a table of the platform's, with the lease of
integration_tokens. An entry is named by a hash of the credentials."""

from typing import NamedTuple
from uuid import UUID

import asyncpg

from db.pool import Database
from db.queries import load_queries

SQL = load_queries("entered_tokens")
ENTRIES_PER_BATCH = 1_000


class HeldEntry(NamedTuple):
    """`sealed`: None before the first refresh, and when an integration has them (`is_moved`)."""

    sealed: bytes | None
    is_moved: bool


async def find_entered(connection: asyncpg.Connection, entry: str) -> HeldEntry:
    """What is committed."""
    row = await connection.fetchrow(SQL["find_entered"], entry)
    return HeldEntry(None, False) if row is None else HeldEntry(*row)


async def take_entered_lease(connection: asyncpg.Connection, entry: str, holder: UUID, lease_s: float) -> bool:
    """False while somebody else has it, and for what an integration has."""
    return await connection.fetchval(SQL["take_entered_lease"], entry, holder, lease_s) is not None


async def commit_entered(
    connection: asyncpg.Connection, entry: str, holder: UUID, sealed: bytes, key_version: int
) -> bool:
    """Ends the lease. False for whoever does not hold it any more."""
    return await connection.fetchval(SQL["commit_entered"], entry, holder, sealed, key_version) is not None


async def release_entered(connection: asyncpg.Connection, entry: str, holder: UUID) -> None:
    """Does nothing for whoever does not hold it."""
    await connection.execute(SQL["release_entered"], entry, holder)


async def move_entered(connection: asyncpg.Connection, entry: str, holder: UUID) -> bool:
    """They are an integration's from now on. False for whoever does not hold the lease any more."""
    return await connection.fetchval(SQL["move_entered"], entry, holder) is not None


async def forget_entered(database: Database, days_kept: int) -> int:
    """Forgets those that nobody has touched for so long; how many."""
    done = 0
    while True:
        async with database.platform_tx("forget_entered") as connection:
            told = await connection.execute(SQL["forget_entered"], days_kept, ENTRIES_PER_BATCH)
        forgotten = int(told.rpartition(" ")[2])
        done += forgotten
        if forgotten < ENTRIES_PER_BATCH:
            return done

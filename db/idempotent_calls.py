"""Calls that carried an Idempotency-Key, and what they were answered. Rows of the platform, one per caller and key."""

from typing import NamedTuple

import asyncpg

from db.pool import Database
from db.queries import load_queries

SQL = load_queries("idempotent_calls")
CALLS_PER_BATCH = 1_000


class KnownCall(NamedTuple):
    """`status`: None while it goes on. `sealed_answer`: None where the answer showed a secret."""

    fingerprint: bytes
    status: int | None
    object_id: str | None
    sealed_answer: bytes | None


async def begin_call(
    connection: asyncpg.Connection,
    actor: str,
    key_hash: bytes,
    fingerprint: bytes,
    *,
    hours_kept: int,
    takeover_s: float,
) -> bool:
    """True for the one that is to go on; False when there was one before. One that has not ended after `takeover_s`
    does not count."""
    begun = await connection.fetchval(SQL["begin_call"], actor, key_hash, fingerprint, hours_kept, takeover_s)
    return begun is not None


async def find_call(connection: asyncpg.Connection, actor: str, key_hash: bytes) -> KnownCall | None:
    row = await connection.fetchrow(SQL["find_call"], actor, key_hash)
    return None if row is None else KnownCall(*row)


async def end_call(
    connection: asyncpg.Connection,
    actor: str,
    key_hash: bytes,
    *,
    status: int,
    object_id: str | None,
    sealed_answer: bytes | None,
) -> None:
    await connection.execute(SQL["end_call"], actor, key_hash, status, object_id, sealed_answer)


async def forget_call(connection: asyncpg.Connection, actor: str, key_hash: bytes) -> None:
    await connection.execute(SQL["forget_call"], actor, key_hash)


async def forget_all_old(database: Database, hours_kept: int) -> int:
    """Forgets those older than that, in batches; how many."""
    done = 0
    while True:
        async with database.platform_tx("forget_old_calls") as connection:
            told = await connection.execute(SQL["forget_old_calls"], hours_kept, CALLS_PER_BATCH)
        forgotten = int(told.rpartition(" ")[2])
        done += forgotten
        if forgotten < CALLS_PER_BATCH:
            return done

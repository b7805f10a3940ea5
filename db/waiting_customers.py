"""Customers that a limit keeps out: pointers, so that they can be fetched when there is room."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg

from db.queries import load_queries
from db.versions import Key, split_keys

SQL = load_queries("waiting_customers")


class Waiting(NamedTuple):
    """A pointer. `form`: hint, its source can be asked again; inline, its document waits as a dead letter."""

    key: Key
    integration_id: int
    form: Literal["hint", "inline"] = "hint"


async def insert_waiting(connection: asyncpg.Connection, tenant_id: int, pointers: Sequence[Waiting]) -> list[int]:
    """The integrations of those that did not wait before, one by one. At most one pointer per key."""
    if not pointers:
        return []
    keys, integration_ids, forms = zip(*sorted(pointers), strict=True)
    rows = await connection.fetch(SQL["insert_waiting"], tenant_id, *split_keys(keys), integration_ids, forms)
    return [row[0] for row in rows]


async def find_waiting(connection: asyncpg.Connection, tenant_id: int, keys: Sequence[Key]) -> list[Key]:
    """Which of these wait."""
    ordered = sorted(keys)
    rows = await connection.fetch(SQL["find_waiting"], tenant_id, *split_keys(ordered)) if ordered else []
    return [ordered[row[0] - 1] for row in rows]


async def remove_waiting(connection: asyncpg.Connection, tenant_id: int, keys: Sequence[Key]) -> int:
    """How many of these waited and do no more."""
    found = await find_waiting(connection, tenant_id, keys)
    if not found:
        return 0
    return len(await connection.fetchmany(SQL["delete_waiting"], [(tenant_id, *key) for key in found]))


async def ask_waiting(
    connection: asyncpg.Connection, tenant_id: int, asked_before: datetime, limit: int
) -> list[Waiting]:
    """Marks at most `limit` as asked for now, the longest waiting first; append their hints after the commit."""
    return _read(await connection.fetch(SQL["ask_waiting"], tenant_id, asked_before, limit))


async def ask_overtaken(
    connection: asyncpg.Connection, tenant_id: int, asked_before: datetime, limit: int
) -> list[Waiting]:
    """The same for those of the last hour who are stored all the same: these take no room."""
    return _read(await connection.fetch(SQL["ask_overtaken"], tenant_id, asked_before, limit))


async def count_asked(connection: asyncpg.Connection, tenant_id: int, since: datetime) -> int:
    return int(await connection.fetchval(SQL["count_asked"], tenant_id, since))


async def drop_inline_waiting(connection: asyncpg.Connection, tenant_id: int) -> int:
    """Drops pointers whose documents are discarded or replayed, when no dead letter of a limit is open; how many."""
    return len(await connection.fetch(SQL["drop_inline_waiting"], tenant_id))


def _read(rows: Sequence[asyncpg.Record]) -> list[Waiting]:
    return [
        Waiting(Key(source, account, external_id), integration) for source, account, external_id, integration in rows
    ]

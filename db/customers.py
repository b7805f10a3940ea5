"""Customer profiles, one row per profile at one source, and their identities."""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

import asyncpg

from db.identities import Identity, find_removed
from db.queries import load_queries
from db.versions import Held, Key, Version, Written, read_held, read_written, shorten, split_keys

SQL = load_queries("customers")


class CustomerRow(NamedTuple):
    """A profile as it is stored.

    `sealed`: the blob; None for a tombstone (`deleted_at` set); empty: the content is the one held, only the
    observation moves. `revision`: 0, or one more than that of the row this was computed from. `identities`:
    the row's list (`pack_identities`).
    """

    key: Key
    version: Version
    revision: int = 0
    is_partial: bool = False
    deleted_at: datetime | None = None
    source_created_at: datetime | None = None
    is_corporate: bool | None = None
    accepts_marketing: bool | None = None
    locale: str | None = None
    customer_class: str | None = None
    key_version: int | None = None
    identities: bytes = b""
    sealed: bytes | None = None


async def find_held_customers(connection: asyncpg.Connection, tenant_id: int, keys: Sequence[Key]) -> dict[Key, Held]:
    """What is held of these keys; absent ones are left out."""
    return read_held(keys, await connection.fetch(SQL["find_held_customers"], tenant_id, *split_keys(keys)))


async def write_customers(
    connection: asyncpg.Connection, tenant_id: int, rows: Sequence[CustomerRow]
) -> dict[Key, Written]:
    """Writes rows that are newer than what is held (or computed from it), with their identities; those written.

    At most one row per key. What was not written lost: find out to what with `find_held_customers`.
    """
    if not rows:
        return {}
    ordered = sorted(rows, key=itemgetter(0))
    keys, versions, revisions, are_partial, deletions, created, *clear, identities, sealed = zip(*ordered, strict=True)
    sources, accounts, external_ids = split_keys(keys)
    stamps, mapper_versions, observation_times, content_hashes = zip(*versions, strict=True)
    written = read_written(
        await connection.fetch(
            SQL["write_customers"], tenant_id, shorten(sources), shorten(accounts), external_ids, stamps,
            shorten(mapper_versions), shorten(observation_times), content_hashes, shorten(revisions),
            shorten(are_partial), shorten(deletions), created, *map(shorten, clear), identities, sealed,
        )
    )  # fmt: skip
    removed = find_removed(((row.key, row.identities) for row in ordered), written)
    if removed:
        await connection.executemany(SQL["delete_customer_identity"], [(tenant_id, *identity) for identity in removed])
    return written


async def get_customers(connection: asyncpg.Connection, tenant_id: int, keys: Sequence[Key]) -> dict[Key, Any]:
    """Whole rows by key, still sealed."""
    rows = await connection.fetch(SQL["get_customers"], tenant_id, *split_keys(keys))
    return {Key(row["source"], row["account"], row["external_id"]): row for row in rows}


async def find_customers_by_identity(
    connection: asyncpg.Connection, tenant_id: int, identity: Identity, limit: int = 100
) -> list[Key]:
    """The profiles that share one identity, at most `limit`."""
    rows = await connection.fetch(SQL["find_customers_by_identity"], tenant_id, *identity, limit)
    return [Key(*row) for row in rows]

"""Pages of customers and orders as keys: by what changed, by an id, by identities. Whole rows are read by key then.

Every walk is by keyset, so that its last page costs what its first did.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from db.identities import Identity, unpack_identities
from db.queries import load_queries
from db.versions import Key, split_keys
from schemas.records import RecordStream

SQL = load_queries("record_pages")
PLACES_MAX = 200  # sources and accounts of one tenant that are looked through for an id
FIRST_KEY = Key("", "", "")


class FeedPlace(NamedTuple):
    """Where a row stands in the feed: its last change, then its key."""

    updated_at: datetime
    source: str
    account: str
    external_id: str

    @property
    def key(self) -> Key:
        return Key(self.source, self.account, self.external_id)


async def read_page_time(connection: asyncpg.Connection) -> datetime:
    """When this transaction began, by the database's clock."""
    time: datetime = await connection.fetchval(SQL["read_page_time"])
    return time


async def page_by_change(
    connection: asyncpg.Connection,
    tenant_id: int,
    stream: RecordStream,
    *,
    after: FeedPlace,
    status: str | None = None,
    limit: int,
) -> list[FeedPlace]:
    """Rows that changed after a place, in the feed's order. `status`: orders of this status only."""
    if status is None:
        rows = await connection.fetch(SQL[f"page_{stream}_by_change"], tenant_id, *after, limit)
    else:
        rows = await connection.fetch(SQL["page_orders_by_status"], tenant_id, *after, limit, status)
    return [FeedPlace(*row) for row in rows]


async def page_newest(
    connection: asyncpg.Connection,
    tenant_id: int,
    stream: RecordStream,
    *,
    before: FeedPlace,
    status: str | None = None,
    limit: int,
) -> list[FeedPlace]:
    """Rows that changed before a place, the last change first. `status`: orders of this status only."""
    if status is None:
        rows = await connection.fetch(SQL[f"page_{stream}_newest"], tenant_id, *before, limit)
    else:
        rows = await connection.fetch(SQL["page_orders_newest_by_status"], tenant_id, *before, limit, status)
    return [FeedPlace(*row) for row in rows]


async def page_by_external_id(
    connection: asyncpg.Connection,
    tenant_id: int,
    stream: RecordStream,
    external_id: str,
    *,
    source: str | None = None,
    account: str | None = None,
    after: Key = FIRST_KEY,
    limit: int,
) -> list[Key]:
    """Rows of one id, by source and account, after those of `after`."""
    rows = await connection.fetch(
        SQL[f"page_{stream}_by_external_id"],
        *(tenant_id, external_id, after.source, after.account, limit, source, account, PLACES_MAX),
    )
    return [Key(*row) for row in rows]


async def page_by_identities(
    connection: asyncpg.Connection,
    tenant_id: int,
    stream: RecordStream,
    identities: Sequence[Identity],
    *,
    after: Key = FIRST_KEY,
    limit: int,
) -> list[Key]:
    """Rows that have any of these identities, by key."""
    if not identities:
        return []
    columns = zip(*identities, strict=True)
    rows = await connection.fetch(SQL[f"page_{stream}_by_identities"], tenant_id, *columns, *after, limit)
    return [Key(*row) for row in rows]


async def list_customers_identities(
    connection: asyncpg.Connection, tenant_id: int, keys: Sequence[Key]
) -> list[Identity]:
    """Every identity of these profiles, sorted, without repetition."""
    return await list_identities(connection, tenant_id, "customers", keys)


async def list_identities(
    connection: asyncpg.Connection, tenant_id: int, stream: RecordStream, keys: Sequence[Key]
) -> list[Identity]:
    """The same of profiles or of orders' buyers."""
    rows = await connection.fetch(SQL[f"list_{stream}_identities"], tenant_id, *split_keys(keys))
    return sorted({identity for row in rows for identity in unpack_identities(row["identities"])})

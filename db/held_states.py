"""What is stored of objects as far as a provider's list could tell: to see what has changed and open nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from db.queries import load_queries
from schemas.held_state import HeldState
from schemas.records import RecordStream

SQL = load_queries("held_states")


class StreamPlace(NamedTuple):
    """One stream of one account of a tenant."""

    tenant_id: int
    stream: RecordStream
    source: str
    account: str


async def find_states(
    connection: asyncpg.Connection, place: StreamPlace, external_ids: Sequence[str]
) -> dict[str, HeldState]:
    """Those of these objects that are held, tombstones among them."""
    name = "find_order_states" if place.stream == "orders" else "find_customer_states"
    rows = await connection.fetch(SQL[name], place.tenant_id, place.source, place.account, list(external_ids))
    return {row[0]: HeldState(*row) for row in rows}


async def count_states(connection: asyncpg.Connection, place: StreamPlace, start: datetime, end: datetime) -> int:
    """How many are held that were created at the source in [start, end), without tombstones. It reads them all."""
    name = "count_order_states" if place.stream == "orders" else "count_customer_states"
    held: int = await connection.fetchval(SQL[name], place.tenant_id, place.source, place.account, start, end)
    return held


async def list_states(
    connection: asyncpg.Connection, place: StreamPlace, start: datetime, end: datetime, *, limit: int
) -> list[HeldState]:
    """What is held that was created at the source in [start, end), without tombstones, at most `limit`."""
    name = "list_order_states" if place.stream == "orders" else "list_customer_states"
    rows = await connection.fetch(SQL[name], place.tenant_id, place.source, place.account, start, end, limit)
    return [HeldState(*row) for row in rows]

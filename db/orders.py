"""Orders, their items and their buyers' identities."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from db.identities import Identity, find_removed
from db.queries import load_queries
from db.versions import Held, Key, Version, Written, read_held, read_written, split_keys

SQL = load_queries("orders")
_ITEM_COLUMNS = 10


class OrderItemRow(NamedTuple):
    """One line, in the order of the document. Amounts in minor units of the order's currency."""

    line_id: str | None
    sku: str | None
    product_id: str | None
    name: str | None
    seller: str | None
    quantity: int | None
    unit_price_minor: int | None
    list_price_minor: int | None
    total_minor: int | None
    is_gift: bool | None


class OrderRow(NamedTuple):
    """An order as it is stored.

    `sealed`, `revision` and `identities` as in `CustomerRow`. `details`: JSON text of what is never searched.
    `items`: all lines; with an empty blob none, and those held stay (`item_count` still says how many).
    """

    key: Key
    version: Version
    revision: int = 0
    is_partial: bool = False
    deleted_at: datetime | None = None
    source_created_at: datetime | None = None
    status: str | None = None
    status_class: str | None = None
    currency: str | None = None
    total_minor: int | None = None
    items_minor: int | None = None
    discounts_minor: int | None = None
    shipping_minor: int | None = None
    tax_minor: int | None = None
    sequence: str | None = None
    order_group: str | None = None
    origin: str | None = None
    sales_channel: str | None = None
    is_completed: bool | None = None
    authorized_at: datetime | None = None
    invoiced_at: datetime | None = None
    canceled_at: datetime | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    coupon: str | None = None
    has_workflow_error: bool | None = None
    details: str = "{}"
    item_count: int = 0
    key_version: int | None = None
    identities: bytes = b""
    sealed: bytes | None = None
    items: tuple[OrderItemRow, ...] = ()


async def find_held_orders(connection: asyncpg.Connection, tenant_id: int, keys: Sequence[Key]) -> dict[Key, Held]:
    """What is held of these keys; absent ones are left out."""
    return read_held(keys, await connection.fetch(SQL["find_held_orders"], tenant_id, *split_keys(keys)))


async def write_orders(connection: asyncpg.Connection, tenant_id: int, rows: Sequence[OrderRow]) -> dict[Key, Written]:
    """Writes rows that are newer than what is held (or computed from it), with items and identities; those written.

    At most one row per key. What was not written lost: find out to what with `find_held_orders`.
    """
    if not rows:
        return {}
    ordered = sorted(rows, key=lambda row: row.key)
    columns = list(zip(*ordered, strict=True))
    lines = [(*row.key, number, *item) for row in ordered for number, item in enumerate(row.items, start=1)]
    item_columns = list(zip(*lines, strict=True)) if lines else [()] * (4 + _ITEM_COLUMNS)
    answers = await connection.fetch(
        SQL["write_orders"],
        tenant_id,
        *split_keys(columns[0]),
        *zip(*columns[1], strict=True),
        *columns[2:-1],
        *item_columns,
    )
    written = read_written(answer[:7] for answer in answers)
    removed = find_removed(((row.key, row.identities) for row in ordered), written)
    if removed:
        await connection.executemany(SQL["delete_order_identity"], [(tenant_id, *identity) for identity in removed])
    shortened = [(tenant_id, *answer[:3], answer[7]) for answer in answers if answer[7] is not None]
    if shortened:
        await connection.executemany(SQL["delete_order_items_from"], shortened)
    return written


async def get_orders(connection: asyncpg.Connection, tenant_id: int, keys: Sequence[Key]) -> dict[Key, Any]:
    """Whole rows by key, still sealed, without their items."""
    rows = await connection.fetch(SQL["get_orders"], tenant_id, *split_keys(keys))
    return {Key(row["source"], row["account"], row["external_id"]): row for row in rows}


async def list_order_items(
    connection: asyncpg.Connection, tenant_id: int, keys: Sequence[Key]
) -> dict[Key, list[OrderItemRow]]:
    """The lines of these orders, in their order."""
    items: dict[Key, list[OrderItemRow]] = {}
    for source, account, external_id, *item in await connection.fetch(
        SQL["list_order_items"], tenant_id, *split_keys(keys)
    ):
        items.setdefault(Key(source, account, external_id), []).append(OrderItemRow(*item))
    return items


async def find_orders_by_identity(
    connection: asyncpg.Connection, tenant_id: int, identity: Identity, limit: int = 100
) -> list[Key]:
    """The orders whose buyer has one identity, at most `limit`."""
    rows = await connection.fetch(SQL["find_orders_by_identity"], tenant_id, *identity, limit)
    return [Key(*row) for row in rows]

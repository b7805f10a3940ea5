"""Customers and orders for whoever may see them: found, opened, masked unless revealed. Every reveal is audited."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import asyncpg

from app.core.errors import ForbiddenError, GoneError, KeyDestroyedError, NotFoundError
from app.core.sealing import TenantKeys
from app.services.audit import Actor, write_audit
from app.services.ids import read_record_id
from app.services.office import Office
from app.services.record_search import PERSONAL_FILTERS, find_page, read_search
from app.services.shown_records import show_customer, show_order
from db.customers import get_customers
from db.orders import OrderItemRow, get_orders, list_order_items
from db.tenants import Tenant
from db.versions import Key
from schemas.records import RecordStream
from schemas.shown_records import CustomerShown, CustomersQuery, OrderShown, OrdersQuery, RecordPage

GONE = "The keys that sealed this tenant's data were destroyed: it cannot be read any more."
_ROWS_PER_TURN = 50

ShownT = TypeVar("ShownT", CustomerShown, OrderShown)


class Reader(NamedTuple):
    """Who reads, and whether they may see personal data (`records:reveal`)."""

    actor: Actor
    may_reveal: bool


class Rows(NamedTuple):
    """Whole rows, still sealed, in the page's order. `items`: None where they were not asked for."""

    rows: dict[Key, Mapping[str, Any]]
    items: dict[Key, list[OrderItemRow]] | None = None


async def list_customers(
    office: Office, tenant: Tenant, query: CustomersQuery, limit: int, reader: Reader
) -> RecordPage[CustomerShown]:
    """A page, oldest change first, or by key where an id or an identity was given.

    Raises ForbiddenError, InvalidInputError, GoneError, KeystoreUnavailableError.
    """
    page, keys, found = await _read_page(office, tenant, query, limit, reader)
    data = await open_all(found, lambda key, row: show_customer(keys, key, row, is_revealed=query.reveal))
    return RecordPage[CustomerShown](data=data, **page)


async def list_orders(
    office: Office, tenant: Tenant, query: OrdersQuery, limit: int, reader: Reader
) -> RecordPage[OrderShown]:
    """As `list_customers`."""
    page, keys, found = await _read_page(office, tenant, query, limit, reader)

    def show(key: Key, row: Mapping[str, Any]) -> OrderShown:
        items = None if found.items is None else found.items.get(key, [])
        return show_order(keys, key, row, items, is_revealed=query.reveal)

    return RecordPage[OrderShown](data=await open_all(found, show), **page)


async def get_customer(
    office: Office, tenant: Tenant, record_id: str, reader: Reader, *, reveal: bool
) -> CustomerShown:
    """One profile, a tombstone included. Raises NotFoundError, ForbiddenError, GoneError, KeystoreUnavailableError."""
    _, keys, found = await _read_one(office, tenant, "customers", record_id, reader, reveal=reveal)
    return (await open_all(found, lambda one, row: show_customer(keys, one, row, is_revealed=reveal)))[0]


async def get_order(office: Office, tenant: Tenant, record_id: str, reader: Reader, *, reveal: bool) -> OrderShown:
    """One order with its lines, a tombstone included. Raises as `get_customer`."""
    key, keys, found = await _read_one(office, tenant, "orders", record_id, reader, reveal=reveal)
    items = (found.items or {}).get(key, [])
    return (await open_all(found, lambda one, row: show_order(keys, one, row, items, is_revealed=reveal)))[0]


async def _read_page(
    office: Office,
    tenant: Tenant,
    query: CustomersQuery | OrdersQuery,
    limit: int,
    reader: Reader,
) -> tuple[dict[str, Any], TenantKeys, Rows]:
    is_personal = any(getattr(query, name, None) for name in PERSONAL_FILTERS)
    if (query.reveal or is_personal) and not reader.may_reveal:
        what = "To find somebody by personal data" if is_personal else "reveal"
        raise ForbiddenError(f"{what} needs the permission records:reveal, which this key or person does not have.")
    keys = await get_keys(office, tenant.tenant_id)
    search, stream = read_search(keys, tenant.country, query, limit), query.STREAM
    with_items = isinstance(query, OrdersQuery) and query.include_items
    async with office.database.tenant_tx(tenant.tenant_id, f"list_{stream}") as connection:
        page = await find_page(connection, tenant.tenant_id, search)
        found = await get_rows(connection, tenant.tenant_id, stream, page.keys, with_items=with_items)
        if search.finder is not None:
            found = found._replace(rows=_keep_wanted(found.rows, query))
        if query.reveal or is_personal:
            await _audit(connection, tenant.tenant_id, reader, query, len(found.rows))
    return {"next_cursor": page.next_cursor, "next_updated_since": page.next_updated_since}, keys, found


async def _read_one(
    office: Office, tenant: Tenant, stream: RecordStream, record_id: str, reader: Reader, *, reveal: bool
) -> tuple[Key, TenantKeys, Rows]:
    if reveal and not reader.may_reveal:
        raise ForbiddenError("reveal needs the permission records:reveal, which this key or person does not have.")
    key = read_record_id(record_id)
    keys = await get_keys(office, tenant.tenant_id)
    async with office.database.tenant_tx(tenant.tenant_id, f"get_{stream}") as connection:
        found = await get_rows(connection, tenant.tenant_id, stream, [key], with_items=True)
        if not found.rows:
            raise NotFoundError("There is no such record.")
        if reveal:
            await write_audit(
                connection, tenant.tenant_id, reader.actor, "records.revealed", stream, record_id, {"rows": 1}
            )
    return key, keys, found


async def get_rows(
    connection: asyncpg.Connection, tenant_id: int, stream: RecordStream, keys: Sequence[Key], *, with_items: bool
) -> Rows:
    """Those that are there, in the order of `keys`."""
    rows = await (get_orders if stream == "orders" else get_customers)(connection, tenant_id, keys)
    ordered = {key: rows[key] for key in keys if key in rows}
    if stream == "orders" and with_items:
        return Rows(ordered, await list_order_items(connection, tenant_id, keys))
    return Rows(ordered)


def _keep_wanted(
    rows: dict[Key, Mapping[str, Any]], query: CustomersQuery | OrdersQuery
) -> dict[Key, Mapping[str, Any]]:
    """What was found by an id or an identity is few: the other filters sift it here, and a page may get shorter."""
    status = query.status if isinstance(query, OrdersQuery) else None
    return {
        key: row
        for key, row in rows.items()
        if (status is None or row["status"] == status)
        and (query.updated_since is None or row["updated_at"] >= query.updated_since)
    }


async def _audit(
    connection: asyncpg.Connection,
    tenant_id: int,
    reader: Reader,
    query: CustomersQuery | OrdersQuery,
    rows: int,
) -> None:
    """One entry a page: how many rows and by which filters, never by which values."""
    filters = sorted(query.model_dump(exclude_defaults=True, exclude={"limit", "cursor", "reveal", "include_items"}))
    action = "records.revealed" if query.reveal else "records.searched"
    await write_audit(
        connection, tenant_id, reader.actor, action, query.STREAM, "page", {"rows": rows, "filters": filters}
    )


async def open_all(found: Rows, show: Callable[[Key, Mapping[str, Any]], ShownT]) -> list[ShownT]:
    """Opened after the transaction, so that no connection waits for it. Raises GoneError."""
    shown: list[ShownT] = []
    try:
        for turn, (key, row) in enumerate(found.rows.items(), start=1):
            if turn % _ROWS_PER_TURN == 0:
                await asyncio.sleep(0)  # opening is CPU work: other calls of this process get their turn
            shown.append(show(key, row))
    except KeyDestroyedError:
        raise GoneError(GONE) from None
    return shown


async def get_keys(office: Office, tenant_id: int) -> TenantKeys:
    """Raises GoneError, KeystoreUnavailableError."""
    try:
        return await office.keyring.keys_of(tenant_id)
    except KeyDestroyedError:
        raise GoneError(GONE) from None

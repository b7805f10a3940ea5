"""Customers and orders as people look through them: the last change first, masked."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import AwareDatetime

from app.core.sealing import TenantKeys
from app.services.office import Office
from app.services.paging import read_cursor, write_cursor
from app.services.records import get_keys, get_rows, open_all
from app.services.sealed_rows import to_utc
from app.services.shown_records import show_customer, show_order
from db.record_pages import FeedPlace, page_newest
from db.tenants import Tenant
from db.versions import Key
from schemas.api import Page
from schemas.records import RecordStream
from schemas.shown_records import CustomerShown, OrderShown

_END = FeedPlace(datetime(9999, 12, 31, tzinfo=UTC), "", "", "")


class _Place(NamedTuple):
    updated_at: AwareDatetime
    source: str
    account: str
    external_id: str


class _Found(NamedTuple):
    keys: TenantKeys
    rows: Any
    next_cursor: str | None = None


async def list_newest_customers(office: Office, tenant: Tenant, cursor: str, limit: int) -> Page[CustomerShown]:
    """Raises InvalidInputError for a cursor that is none, GoneError, KeystoreUnavailableError."""
    found = await _page(office, tenant.tenant_id, "customers", cursor, None, limit)
    return Page(data=await _open_customers(found), next_cursor=found.next_cursor)


async def list_newest_orders(
    office: Office, tenant: Tenant, cursor: str, limit: int, *, status: str | None = None
) -> Page[OrderShown]:
    """As `list_newest_customers`. `status`: the source's own word."""
    found = await _page(office, tenant.tenant_id, "orders", cursor, status, limit)
    return Page(data=await _open_orders(found), next_cursor=found.next_cursor)


async def list_kept_customers(office: Office, tenant: Tenant, wanted: Sequence[Key]) -> list[CustomerShown]:
    """Those that are still there. Raises GoneError, KeystoreUnavailableError."""
    return await _open_customers(await _read(office, tenant.tenant_id, "customers", wanted))


async def list_kept_orders(office: Office, tenant: Tenant, wanted: Sequence[Key]) -> list[OrderShown]:
    """As `list_kept_customers`."""
    return await _open_orders(await _read(office, tenant.tenant_id, "orders", wanted))


async def _page(  # noqa: PLR0917 - whose, what, from where, how many
    office: Office, tenant_id: int, stream: RecordStream, cursor: str, status: str | None, limit: int
) -> _Found:
    before = _END
    if cursor:
        place = read_cursor(cursor, _Place)
        before = FeedPlace(*place._replace(updated_at=to_utc(place.updated_at)))
    keys = await get_keys(office, tenant_id)
    async with office.database.tenant_tx(tenant_id, f"list_newest_{stream}") as connection:
        places = await page_newest(connection, tenant_id, stream, before=before, status=status, limit=limit + 1)
        shown = places[:limit]
        rows = await get_rows(connection, tenant_id, stream, [place.key for place in shown], with_items=False)
    return _Found(keys, rows, write_cursor(_Place(*shown[-1])) if len(places) > limit else None)


async def _read(office: Office, tenant_id: int, stream: RecordStream, wanted: Sequence[Key]) -> _Found:
    keys = await get_keys(office, tenant_id)
    async with office.database.tenant_tx(tenant_id, f"list_kept_{stream}") as connection:
        return _Found(keys, await get_rows(connection, tenant_id, stream, wanted, with_items=False))


async def _open_customers(found: _Found) -> list[CustomerShown]:
    def show(key: Key, row: Mapping[str, Any]) -> CustomerShown:
        return show_customer(found.keys, key, row, is_revealed=False)

    return await open_all(found.rows, show)


async def _open_orders(found: _Found) -> list[OrderShown]:
    def show(key: Key, row: Mapping[str, Any]) -> OrderShown:
        return show_order(found.keys, key, row, None, is_revealed=False)

    return await open_all(found.rows, show)

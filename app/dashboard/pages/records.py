"""Customers and orders: what changed last, one by its id, or those whom an e-mail, phone or document leads to."""

from typing import Any

from app.core.errors import FieldProblem, InvalidInputError, NotFoundError
from app.dashboard.page import Go, Page, View
from app.dashboard.visit import Visit
from app.services.event_search import find_people, read_found
from app.services.record_lists import (
    list_kept_customers,
    list_kept_orders,
    list_newest_customers,
    list_newest_orders,
)
from app.services.records import Reader, list_customers, list_orders
from schemas.shown_records import CustomersQuery, OrdersQuery

ROWS = 50
TEXT_MAX = 200
PERSONAL = ("email", "phone", "document")


async def show_orders(visit: Visit) -> View | Go:
    office, tenant, reader = visit.office, visit.get_tenant(), make_reader(visit)
    status, q, found_id = visit.query("status")[:TEXT_MAX], visit.query("q")[:TEXT_MAX], visit.query("found")
    cursor, more = visit.query("cursor"), None
    if found_id:
        try:
            found = await read_found(office, tenant.tenant_id, found_id, reader)
        except NotFoundError:
            return Go(visit.link("records.orders"), "records.found_gone")
        rows = await list_kept_orders(office, tenant, found.orders)
    elif q:
        rows = (await list_orders(office, tenant, OrdersQuery(external_id=q), ROWS, reader)).data
    else:
        page = await list_newest_orders(office, tenant, cursor, ROWS, status=status or None)
        rows, more = page.data, page.next_cursor
    params = {"status": status or None}
    return View("records/orders.html", {"rows": rows, "status": status, **_describe(visit, "orders", more, params)})


async def show_customers(visit: Visit) -> View | Go:
    office, tenant, reader = visit.office, visit.get_tenant(), make_reader(visit)
    q, found_id = visit.query("q")[:TEXT_MAX], visit.query("found")
    cursor, more = visit.query("cursor"), None
    if found_id:
        try:
            found = await read_found(office, tenant.tenant_id, found_id, reader)
        except NotFoundError:
            return Go(visit.link("records.customers"), "records.found_gone")
        rows = await list_kept_customers(office, tenant, found.customers)
    elif q:
        rows = (await list_customers(office, tenant, CustomersQuery(external_id=q), ROWS, reader)).data
    else:
        page = await list_newest_customers(office, tenant, cursor, ROWS)
        rows, more = page.data, page.next_cursor
    return View("records/customers.html", {"rows": rows, **_describe(visit, "customers", more, {})})


async def search_orders(visit: Visit) -> Go:
    return Go(visit.link("records.orders", found=await _search(visit)))


async def search_customers(visit: Visit) -> Go:
    return Go(visit.link("records.customers", found=await _search(visit)))


def make_reader(visit: Visit) -> Reader:
    return Reader(visit.actor, visit.may("records:reveal"))


async def _search(visit: Visit) -> str:
    """What somebody typed stands in no address and is not shown again."""
    by, value = visit.form.get("by", ""), visit.form.get("value", "").strip()
    if by not in PERSONAL or not value or len(value) > 320:
        raise InvalidInputError(FieldProblem("/value", "is none that could be somebody's", "nobodys"))
    return await find_people(visit.office, visit.get_tenant(), CustomersQuery(**{by: value}), make_reader(visit))


def _describe(visit: Visit, area: str, more: str | None, params: dict[str, str | None]) -> dict[str, Any]:
    name = f"records.{area}"
    return {
        "list_href": visit.link(name),
        "q": visit.query("q")[:TEXT_MAX],
        "is_narrowed": any(visit.query(one) for one in ("q", "status", "found")),
        "is_found": bool(visit.query("found")),
        "next_href": visit.link(name, **params, cursor=more) if more else None,
        "first_href": visit.link(name, **params) if visit.query("cursor") else None,
    }


PAGES = (
    Page("records.orders", "/tenants/{tenant_id:int}/orders", "tenant", "records:read", show_orders, search_orders,
         "records:reveal"),
    Page("records.customers", "/tenants/{tenant_id:int}/customers", "tenant", "records:read", show_customers,
         search_customers, "records:reveal"),
)  # fmt: skip

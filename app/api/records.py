"""A tenant's customers and orders: pages, an incremental feed, and single ones."""

from app.api.call import Call
from app.api.operation import Operation, Result
from app.api.paging import find_limit
from app.core.errors import GoneError, KeystoreUnavailableError
from app.services import records
from app.services.records import Reader
from schemas.api import Envelope
from schemas.shown_records import CustomerShown, CustomersQuery, OrderShown, OrdersQuery, RecordPage, RecordQuery

TAG = "records"
_PROBLEMS = (GoneError, KeystoreUnavailableError)
_FEED = (
    "Oldest change first. As a feed: poll with `updated_since`, follow `next_cursor` to the end, begin the next poll "
    "at `next_updated_since`. Every change and every deletion (`is_deleted`) comes at least once; changes of the last "
    "minute may come again. Found by an id or an identity, rows come by source, account and id, and a page may hold "
    "fewer rows than `limit` while there are more. Personal data is masked unless `reveal=true` is asked for by "
    "somebody with `records:reveal`."
)


async def get_customers(call: Call) -> Result:
    query = call.get_query(CustomersQuery)
    page = await records.list_customers(
        call.office, call.get_tenant(), query, find_limit(call, query), _make_reader(call)
    )
    return Result(page)


async def get_customer(call: Call) -> Result:
    reveal = call.get_query(RecordQuery).reveal
    customer = await records.get_customer(
        call.office, call.get_tenant(), call.get_text("customer_id"), _make_reader(call), reveal=reveal
    )
    return Result(Envelope(data=customer))


async def get_orders(call: Call) -> Result:
    query = call.get_query(OrdersQuery)
    page = await records.list_orders(call.office, call.get_tenant(), query, find_limit(call, query), _make_reader(call))
    return Result(page)


async def get_order(call: Call) -> Result:
    reveal = call.get_query(RecordQuery).reveal
    order = await records.get_order(
        call.office, call.get_tenant(), call.get_text("order_id"), _make_reader(call), reveal=reveal
    )
    return Result(Envelope(data=order))


def _make_reader(call: Call) -> Reader:
    return Reader(call.actor, "records:reveal" in call.permissions)


OPERATIONS = (
    Operation(
        "list_customers", "GET", "/tenants/{tenant_id:int}/customers", "tenant", "records:read",
        "Customers: what changed, or by id, e-mail, phone or document", TAG, get_customers, RecordPage[CustomerShown],
        tenant_in="path", query=CustomersQuery, problems=_PROBLEMS, description=_FEED,
    ),
    Operation(
        "get_customer", "GET", "/tenants/{tenant_id:int}/customers/{customer_id}", "tenant", "records:read",
        "One customer, by the `id` that lists show", TAG, get_customer, Envelope[CustomerShown], tenant_in="path",
        query=RecordQuery, problems=_PROBLEMS,
    ),
    Operation(
        "list_orders", "GET", "/tenants/{tenant_id:int}/orders", "tenant", "records:read",
        "Orders: what changed, of a status, by id, or of a customer", TAG, get_orders, RecordPage[OrderShown],
        tenant_in="path", query=OrdersQuery, problems=_PROBLEMS, description=_FEED,
    ),
    Operation(
        "get_order", "GET", "/tenants/{tenant_id:int}/orders/{order_id}", "tenant", "records:read",
        "One order with its lines, by the `id` that lists show", TAG, get_order, Envelope[OrderShown],
        tenant_in="path", query=RecordQuery, problems=_PROBLEMS,
    ),
)  # fmt: skip

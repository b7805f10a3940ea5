"""VTEX's order list: one page of a window of time, and the state that a row shows.

Source: VTEX Orders API, `GET /api/oms/pvt/orders`: 30 pages of 100 rows, dates cut to seconds, no change stamp, no
invoice date, only indexed orders.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import urlencode

from app.connectors.listing import Listing
from app.connectors.reading import JsonObject
from app.connectors.vtex.calls import Calls, Place, decode
from app.connectors.vtex.windows import Window, write_moment
from app.core.errors import MappingError, ObjectFailedError
from schemas.held_state import HeldState

PAGE_ROWS = 100
PAGES_MAX = 30
ROWS_MAX = PAGE_ROWS * PAGES_MAX
ListField = Literal["creationDate", "authorizedDate", "invoicedDate"]
_UNREADABLE = "?"  # in no row of ours: such an order is fetched, and its document says what is wrong


class ListPage(NamedTuple):
    """`total`: of all pages, also of those beyond the last that can be read; None when the answer does not say.
    `unnamed`: rows beside these whose ids cannot be kept."""

    listings: Sequence[Listing]
    total: int | None
    unnamed: int = 0

    def has_next(self, page: int) -> bool:
        rows = len(self.listings) + self.unnamed
        if page >= PAGES_MAX or not rows:
            return False
        return page * PAGE_ROWS < self.total if self.total is not None else rows >= PAGE_ROWS


async def read_list_page(calls: Calls, place: Place, field: ListField, window: Window, page: int) -> ListPage:
    """One page (from 1), oldest creation first: what is indexed meanwhile moves rows to later pages, never past us."""
    query = urlencode(
        {
            "page": page,
            "per_page": PAGE_ROWS,
            "orderBy": "creationDate,asc",
            f"f_{field}": f"{field}:[{write_moment(window.start)} TO {write_moment(window.end)}]",
        },
        safe=",:",
    )
    answer = await calls.call(place, "list_orders", "GET", f"/api/oms/pvt/orders?{query}")
    found = decode(answer, place, "list_orders")
    rows = found.get("list") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise ObjectFailedError(f"vtex list_orders of {place.account}: the answer has no list", status=answer.status)
    listings = _read_rows(rows)
    return ListPage(listings, _read_total(found), len(rows) - len(listings))


def describe_row(row: JsonObject) -> str:
    """The fingerprint of a list's row, equal to `describe_order` of the same state."""
    try:
        total = row.find_integer("totalValue")
    except MappingError:
        return _UNREADABLE
    return _write(
        row.find_text("status", chars_max=100),
        total,
        row.find_moment("creationDate"),
        row.find_moment("authorizedDate"),
        has_error=row.find_flag("workflowInErrorState"),
    )


def describe_order(held: HeldState) -> str:
    """What the list would show of a stored order."""
    if held.is_deleted:
        return "deleted"
    return _write(
        held.status,
        held.total_minor,
        held.source_created_at,
        held.authorized_at,
        has_error=held.has_workflow_error,
    )


def _write(
    status: str | None,
    total_minor: int | None,
    created_at: datetime | None,
    authorized_at: datetime | None,
    *,
    has_error: bool | None,
) -> str:
    """No flag and False are one: the list and the detail do not agree on which they show."""
    times = (_cut(created_at), _cut(authorized_at))
    return "|".join(
        (status or "", "" if total_minor is None else str(total_minor), *times, "error" if has_error else "")
    )


def _cut(moment: datetime | None) -> str:
    """The list cuts what the document has in 100 ns to seconds."""
    return "" if moment is None else write_moment(moment)[:19]


def _read_rows(rows: list[object]) -> list[Listing]:
    """A row that has no id names nothing that could be fetched: it is passed over."""
    found = []
    for value in rows:
        row = JsonObject(value)
        try:
            order_id = row.get_identifier("orderId")
        except MappingError:
            continue
        found.append(Listing(order_id, describe_row(row), created_at=row.find_moment("creationDate")))
    return found


def _read_total(found: object) -> int | None:
    try:
        return JsonObject(found).get_object("paging").find_integer("total")
    except MappingError:
        return None

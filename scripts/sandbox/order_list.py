"""Which orders a list call means: date ranges, status, order, page. Everything from the index, as VTEX does it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scripts.sandbox.order_book import OrderBook
from scripts.sandbox.sorted_index import VALUE_MAX
from scripts.sandbox.times import parse_us

PAGES_MAX, ROWS_MAX, ROWS_USUAL = 30, 100, 15
_RANGES = {"f_creationDate": "creationDate", "f_authorizedDate": "authorizedDate", "f_invoicedDate": "invoicedDate"}
_ORDERS = ("creationDate", "orderId", "items", "totalValue", "origin")

Range = tuple[int, int]


class ListCall(NamedTuple):
    """`ranges`: date field → both ends, included, in microseconds."""

    ranges: Mapping[str, Range]
    status: str | None
    order_by: str
    is_descending: bool
    page: int
    rows: int
    wants_incomplete: bool


def read_list_call(query: Mapping[str, str]) -> ListCall:
    """Raises ValueError for what VTEX answers 400 to. Parameters that are not known are ignored, as VTEX does."""
    page, rows = int(query.get("page", "1")), int(query.get("per_page", str(ROWS_USUAL)))
    if not (1 <= page <= PAGES_MAX and 1 <= rows <= ROWS_MAX):
        raise ValueError("Max page exceed")
    field, _, direction = query.get("orderBy", "creationDate,desc").partition(",")
    if field not in _ORDERS or direction not in ("asc", "desc"):
        raise ValueError("Invalid orderBy")
    incomplete = query.get("incompleteOrders", "false").lower()
    if incomplete not in ("true", "false"):
        raise ValueError("Invalid incompleteOrders")
    ranges = {field: _read_range(query[name], field) for name, field in _RANGES.items() if query.get(name)}
    return ListCall(ranges, query.get("f_status") or None, field, direction == "desc", page, rows, incomplete == "true")


def _read_range(text: str, field: str) -> Range:
    """`creationDate:[2022-01-01T02:00:00.000Z TO 2022-01-02T01:59:59.999Z]`."""
    name, _, bounds = text.partition(":[")
    low, separator, high = bounds.removesuffix("]").partition(" TO ")
    if name != field or not separator or not bounds.endswith("]"):
        raise ValueError(f"Invalid range of {field}")
    return parse_us(low), parse_us(high)


class FoundPage(NamedTuple):
    """`total`: of all pages, also of those that no call reaches."""

    total: int
    ordinals: Sequence[int]


def find_page(book: OrderBook, call: ListCall) -> FoundPage:
    book.index.catch_up()
    if call.wants_incomplete:  # the sandbox has none: all its orders have a workflow
        return FoundPage(0, ())
    start, stop = (call.page - 1) * call.rows, call.page * call.rows
    if call.status is None and call.order_by == "creationDate" and call.ranges.keys() <= {"creationDate"}:
        return _find_created(book, call, start, stop)
    ordinals = _find_sorted(book, call)
    return FoundPage(len(ordinals), ordinals[start:stop])


def _find_created(book: OrderBook, call: ListCall, start: int, stop: int) -> FoundPage:
    """The usual walk by creation: two bisections and a slice."""
    index = book.index.created
    first, end = index.find_range(*call.ranges.get("creationDate", (0, VALUE_MAX)))
    total = max(end - first, 0)
    start, stop = min(start, total), min(stop, total)
    if call.is_descending:
        return FoundPage(total, index.keys[end - stop : end - start][::-1])
    return FoundPage(total, index.keys[first + start : first + stop])


def _find_sorted(book: OrderBook, call: ListCall) -> Sequence[int]:
    """All orders that are meant, sorted; kept for the next page of the same query while nothing changes."""
    key = call._replace(page=0, rows=0)
    question = (*key[1:], *sorted(call.ranges.items()))
    found = book.index.find_answer(question)
    if found is None:
        found = _select(book, call)
        book.index.keep_answer(question, found)
    return found


def _select(book: OrderBook, call: ListCall) -> Sequence[int]:
    index = book.index
    by_field = {"creationDate": index.created, "authorizedDate": index.authorized, "invoicedDate": index.invoiced}
    ranges = call.ranges or {"creationDate": (0, VALUE_MAX)}
    keys, *others = sorted((by_field[field].find_keys(*ends) for field, ends in ranges.items()), key=len)
    found: Sequence[int] = keys
    for other in others:
        wanted = set(other)
        found = [ordinal for ordinal in found if ordinal in wanted]
    if call.status is not None:
        found = [ordinal for ordinal in found if index.read_status(ordinal) == call.status]
    if call.order_by == "totalValue":
        return sorted(found, key=index.read_total, reverse=call.is_descending)
    column = book.numbers if call.order_by == "orderId" else book.created
    return sorted(found, key=column.__getitem__, reverse=call.is_descending)

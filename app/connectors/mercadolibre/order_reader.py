"""The stream of MercadoLibre's orders: windows that halve themselves, each for cancelled orders and for the others.

A position is one page of one window: `{"field", "status", "from", "to", "offset", "total", "is_first"}`. `is_first`:
the window as it was planned, whose total is told. `total`: when the page before was read. An order that changes leaves
a window by its last update, and the rows behind it move up: as many are then read again. Whoever makes a reader knows
where an account's tokens are (`find_seller`).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app.connectors.listing import Access, Listing, Page, Position, Span, WindowListing
from app.connectors.mercadolibre.client import MercadoLibreClient, Seller
from app.connectors.mercadolibre.mapping import MAPPER_VERSION, map_order
from app.connectors.mercadolibre.order_list import (
    PAGE_ROWS,
    ROWS_MAX,
    STATUSES,
    DateField,
    Window,
    describe_order,
    read_order_page,
)
from app.connectors.reading import read_moment
from schemas.held_state import HeldState
from schemas.records import Record, RecordStream

REACH = timedelta(days=365)  # older orders are not listed


class OrderReader:
    """A StreamReader. `lag_s`: how far the index is behind; two hours cover its hours' precision too."""

    stream: RecordStream = "orders"
    mapper_version = MAPPER_VERSION
    finds_deletions = False  # an order is never deleted; it leaves the reach of the list

    def __init__(
        self, client: MercadoLibreClient, find_seller: Callable[[Access], Seller], *, lag_s: float = 7_200.0
    ) -> None:
        self._client = client
        self._find_seller = find_seller
        self.lag_s = lag_s

    def plan(self, span: Span) -> list[Position]:
        """Full: all creations. Incremental: what changed since, by the last update; then, when that is due, the
        creations of the trailing time before."""
        oldest = max(span.oldest, span.now - REACH)
        if span.kind == "full" or span.since is None:
            return _open_windows("date_created", oldest, span.now)
        since = max(oldest, span.since - timedelta(seconds=self.lag_s))
        positions = _open_windows("date_last_updated", since, span.now)
        if span.trailing_since is not None:
            positions += _open_windows("date_created", max(oldest, span.trailing_since), since)
        return positions

    async def read(self, access: Access, position: Position) -> Page:
        window, offset = _get_window(position), int(position["offset"])
        page = await read_order_page(self._client, self._find_seller(access), window, offset)
        found = page.total if position.get("is_first") and not offset else None
        if page.total > ROWS_MAX and window.can_be_halved:
            return Page((), [_write_position(half) for half in window.halve()], found)
        gone = max(0, int(position.get("total", page.total)) - page.total)
        following = max(0, offset - gone) if gone else offset + PAGE_ROWS
        has_more = (page.rows > 0 or gone > 0) and following < min(page.total, ROWS_MAX)
        then = [_write_position(window, following, page.total)] if has_more else []
        is_incomplete = page.total > ROWS_MAX and not offset
        return Page(list(page.listings), then, found, is_incomplete=is_incomplete, unnamed=page.unnamed)

    def restart(self, position: Position) -> Position:
        """Any page can be read at any time."""
        return position

    async def read_window(self, access: Access, start: datetime, end: datetime) -> WindowListing:
        seller = self._find_seller(access)
        listings: dict[str, Listing] = {}
        is_complete, unnamed = True, 0
        for status in STATUSES:
            window, offset = Window("date_created", status, start, end), 0
            while True:
                page = await read_order_page(self._client, seller, window, offset)
                if page.total > ROWS_MAX and window.can_be_halved:
                    return WindowListing(None)
                listings |= {one.external_id: one for one in page.listings if _is_within(one, start, end)}
                is_complete, unnamed = is_complete and page.total <= ROWS_MAX, unnamed + page.unnamed
                offset += PAGE_ROWS
                if not page.rows or offset >= min(page.total, ROWS_MAX):
                    break
        return WindowListing(list(listings.values()), is_complete, unnamed)

    async def fetch(self, access: Access, object_id: str) -> object:
        return await self._client.fetch_order(self._find_seller(access), object_id)

    def map(self, document: object) -> Record:
        return map_order(document)

    def describe_held(self, held: HeldState) -> str:
        return describe_order(held)


def _open_windows(field: DateField, start: datetime, end: datetime) -> list[Position]:
    windows = [Window(field, status, start, end) for status in STATUSES if start < end]
    return [{**_write_position(window), "is_first": True} for window in windows]


def _write_position(window: Window, offset: int = 0, total: int | None = None) -> Mapping[str, Any]:
    position = {
        "field": window.field,
        "status": window.status,
        "from": window.start.astimezone(UTC).isoformat(),
        "to": window.end.astimezone(UTC).isoformat(),
        "offset": offset,
    }
    return position if total is None else {**position, "total": total}


def _get_window(position: Position) -> Window:
    start, end = read_moment(position["from"]), read_moment(position["to"])
    if start is None or end is None:
        raise ValueError("a position's time cannot be read")
    return Window(position["field"], position["status"], start, end)


def _is_within(listing: Listing, start: datetime, end: datetime) -> bool:
    return listing.created_at is None or start <= listing.created_at < end

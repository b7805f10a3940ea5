"""The stream of VTEX's orders: windows of creation that halve themselves, and for changes those of other dates.

A position is one page of one window: `{"field", "from", "to", "page", "is_first"}`. `is_first`: the window as it was
planned, whose total is told.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from app.connectors.listing import Access, Listing, Page, Position, Span, WindowListing
from app.connectors.together import run_together
from app.connectors.vtex.calls import Calls, Place
from app.connectors.vtex.client import VtexClient
from app.connectors.vtex.mapping import MAPPER_VERSION, map_order
from app.connectors.vtex.order_list import (
    PAGE_ROWS,
    PAGES_MAX,
    ROWS_MAX,
    ListField,
    ListPage,
    describe_order,
    read_list_page,
)
from app.connectors.vtex.windows import Window, get_moment, write_moment
from schemas.held_state import HeldState
from schemas.records import Record, RecordStream

# Older orders are not reachable: VTEX Orders API, "only orders of the last two years".
REACH = timedelta(days=730)
WINDOW_S_MIN = 1.0
_PAGES_AT_ONCE = 4
_CHANGE_FIELDS: tuple[ListField, ...] = ("creationDate", "authorizedDate", "invoicedDate")


class OrderReader:
    """A StreamReader. `lag_s`: how far VTEX's index is behind; a listing says nothing about later than that."""

    stream: RecordStream = "orders"
    mapper_version = MAPPER_VERSION
    finds_deletions = False  # an order is never deleted; it leaves the reach of the list

    def __init__(self, calls: Calls, client: VtexClient, *, lag_s: float) -> None:
        self._calls = calls
        self._client = client
        self.lag_s = lag_s

    def plan(self, span: Span) -> list[Position]:
        """Full: all creations up to where the index is whole. Incremental: what was created, authorised or invoiced
        since; then, when that is due, the creations of the trailing time before."""
        lag = timedelta(seconds=self.lag_s)
        oldest = max(span.oldest, span.now - REACH)
        if span.kind == "full" or span.since is None:
            return _open_windows("creationDate", oldest, span.now - lag)
        since = max(oldest, span.since - lag)
        positions = [position for field in _CHANGE_FIELDS for position in _open_windows(field, since, span.now)]
        if span.trailing_since is not None:
            positions += _open_windows("creationDate", max(oldest, span.trailing_since), since)
        return positions

    async def read(self, access: Access, position: Position) -> Page:
        place = self._find_place(access)
        field, window, number = position["field"], _get_window(position), int(position["page"])
        page = await read_list_page(self._calls, place, field, window, number)
        found = page.total if position.get("is_first") and number == 1 else None
        is_too_much = page.total is not None and page.total > ROWS_MAX
        if is_too_much and window.width_s > WINDOW_S_MIN:
            # In the middle of a walk too: a window may have grown past the last page since it was opened.
            return Page((), [_write_position(field, half) for half in window.halve()], found)
        then = [_write_position(field, window, number + 1)] if page.has_next(number) else []
        listings = list(page.listings)
        is_incomplete = is_too_much and number == 1
        return Page(listings, then, found, is_incomplete=is_incomplete, unnamed=page.unnamed)

    def restart(self, position: Position) -> Position:
        """Any page can be read at any time."""
        return position

    async def read_window(self, access: Access, start: datetime, end: datetime) -> WindowListing:
        place, window = self._find_place(access), Window(start, end)
        first = await read_list_page(self._calls, place, "creationDate", window, 1)
        is_too_much = first.total is not None and first.total > ROWS_MAX
        if is_too_much and window.width_s > WINDOW_S_MIN:
            return WindowListing(None)
        pages = [first, *await self._read_rest(place, window, first)]
        within = (one for page in pages for one in page.listings if _is_within(one, start, end))
        listings = {listing.external_id: listing for listing in within}
        unnamed = sum(page.unnamed for page in pages)
        return WindowListing(list(listings.values()), not is_too_much, unnamed)

    async def fetch(self, access: Access, object_id: str) -> object:
        return await self._client.fetch_order(*access.place, object_id, priority="batch")

    def map(self, document: object) -> Record:
        return map_order(document)

    def describe_held(self, held: HeldState) -> str:
        return describe_order(held)

    async def _read_rest(self, place: Place, window: Window, first: ListPage) -> list[ListPage]:
        """The pages after the first, a few at once where the first says how many there are."""

        async def read(number: int) -> ListPage:
            return await read_list_page(self._calls, place, "creationDate", window, number)

        if first.total is not None:
            last = min(PAGES_MAX, -(-first.total // PAGE_ROWS))
            return await run_together(read, range(2, last + 1), at_once=_PAGES_AT_ONCE)
        pages = [first]
        while pages[-1].has_next(len(pages)):
            pages.append(await read(len(pages) + 1))
        return pages[1:]

    def _find_place(self, access: Access) -> Place:
        return self._calls.find_place(*access.place, "batch")


def _open_windows(field: ListField, start: datetime, end: datetime) -> list[Position]:
    return [{**_write_position(field, Window(start, end)), "is_first": True}] if start < end else []


def _write_position(field: ListField, window: Window, page: int = 1) -> Mapping[str, Any]:
    # Cut to milliseconds outwards: what was created in the last of them is in the window.
    end = window.end + timedelta(microseconds=999)
    return {"field": field, "from": write_moment(window.start), "to": write_moment(end), "page": page}


def _get_window(position: Position) -> Window:
    return Window(get_moment(position["from"]), get_moment(position["to"]))


def _is_within(listing: Listing, start: datetime, end: datetime) -> bool:
    """Whether it was created in [start, end), as far as a time cut to seconds can tell."""
    return listing.created_at is None or start.replace(microsecond=0) <= listing.created_at < end

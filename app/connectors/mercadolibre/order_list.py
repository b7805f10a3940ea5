"""MercadoLibre's order search: one page of a window of time, and the state that a row shows.

Dates count by the hour: minutes are dropped at both ends, so a window's end is put up to the next hour, and windows
overlap. A search leaves out cancelled orders unless they are asked for, so every window is asked for twice. More than
50 rows a page or an offset of 10,000 are not to be had: a window with more is halved.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from app.connectors.listing import Listing
from app.connectors.mercadolibre.client import MercadoLibreClient, Seller
from app.connectors.mercadolibre.mapping import map_order
from app.connectors.reading import JsonObject, read_moment
from app.core.errors import MappingError, ObjectFailedError
from schemas.held_state import HeldState

PAGE_ROWS = 50
ROWS_MAX = 10_000
HOUR = timedelta(hours=1)
DateField = Literal["date_created", "date_last_updated"]
# None: all but the cancelled ones.
STATUSES: tuple[str | None, ...] = (None, "cancelled")
_UNREADABLE = "?"  # in no row of ours: such an order is fetched, and its document says what is wrong


class Window(NamedTuple):
    """From `start` to `end`, both included, as far as hours can tell."""

    field: DateField
    status: str | None
    start: datetime
    end: datetime

    @property
    def can_be_halved(self) -> bool:
        return self.end - self.start >= 2 * HOUR

    def halve(self) -> tuple["Window", "Window"]:
        """On the hour between: what is listed twice costs nothing, what is not listed would."""
        middle = _floor(self.start + (self.end - self.start) / 2)
        return self._replace(end=middle), self._replace(start=middle)


class OrderPage(NamedTuple):
    """`total`: of all pages. `unnamed`: rows beside these without an id."""

    listings: Sequence[Listing]
    total: int
    unnamed: int
    rows: int


async def read_order_page(client: MercadoLibreClient, seller: Seller, window: Window, offset: int) -> OrderPage:
    """One page. Rows are whole orders without their shipments: what a row does not tell stays as it is known."""
    params = {
        f"order.{window.field}.from": write_moment(_floor(window.start)),
        f"order.{window.field}.to": write_moment(_floor(window.end + HOUR)),
        "sort": "date_asc",
        "limit": str(PAGE_ROWS),
        "offset": str(offset),
    }
    if window.status is not None:
        params["order.status"] = window.status
    found = JsonObject(await client.search_orders(seller, params))
    rows, total = found.peek("results"), found.get_object("paging").find_integer("total")
    if not isinstance(rows, list) or total is None:
        raise ObjectFailedError("mercadolibre search_orders: the answer is no list", status=200)
    listings = [listing for row in rows if (listing := _read_row(row)) is not None]
    return OrderPage(listings, total, len(rows) - len(listings), len(rows))


def describe_order(state: HeldState) -> str:
    """As a list would show it. The stamp is left out: ours may be the shipment's."""
    return f"{state.status}|{state.total_minor}"


def write_moment(moment: datetime) -> str:
    """`2026-01-01T00:00:00.000-00:00`: an offset must stand in it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000-00:00")


def _floor(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _read_row(row: object) -> Listing | None:
    order = JsonObject(row)
    external_id = order.find_text("id", chars_max=20)
    if external_id is None or not external_id.isascii() or not external_id.isdecimal():
        return None
    created_at = read_moment(order.peek("date_created"))
    try:
        record = map_order(row)
    except MappingError:
        return Listing(external_id, _UNREADABLE, row, created_at=created_at)
    return Listing(external_id, f"{record.status}|{record.total_minor}", row, created_at=created_at)

"""The search of orders over a seller's sales: cancelled ones only when asked for, sorted by their date of closing.

Minutes and seconds of a date are dropped at both ends. Orders older than twelve months are not listed.
"""

from collections import OrderedDict
from datetime import UTC, datetime, timedelta

from scripts.sandbox.sellers.sale_book import ORDERS, SaleBook
from scripts.sandbox.sellers.ways import STATUSES
from scripts.sandbox.times import to_us

REACH = timedelta(days=365)
_FOREVER_US = 2**62
_KEPT = 8
_UNASKED = tuple(status for status in STATUSES if status != "cancelled")
_COLUMNS = ("date_last_updated", "date_created")
_NAMES = ("order.status", "q", "sort", *(f"order.{column}.{end}" for column in _COLUMNS for end in ("from", "to")))


class SaleSearch:
    """Answers are kept until something changes: an answer's pages are asked for one after the other."""

    def __init__(self, book: SaleBook) -> None:
        self._book = book
        self._kept: OrderedDict[tuple[object, ...], list[int]] = OrderedDict()

    def find(self, query: dict[str, str]) -> list[int]:
        """Ordinals of the orders asked for. Raises ValueError for a date that is none."""
        question = (self._book.version, *(query.get(name) for name in _NAMES))
        answer = self._kept.get(question)
        if answer is None:
            answer = self._kept[question] = self._look_up(query)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return answer

    def _look_up(self, query: dict[str, str]) -> list[int]:
        book = self._book
        updated, created = (_read_range(query, column) for column in _COLUMNS)
        oldest_us = max(created[0], to_us(datetime.now(UTC) - REACH))
        if "q" in query:
            sale = book.find(query["q"], ORDERS)
            candidates = [sale.ordinal] if sale else []
        elif updated != (0, _FOREVER_US):
            candidates = list(book.select("date_last_updated", *updated))
        else:
            candidates = list(book.select("date_created", *created))
        asked = query["order.status"].split(",") if "order.status" in query else _UNASKED
        wanted = [status in asked for status in STATUSES]
        found = [
            ordinal
            for ordinal in candidates
            if wanted[book.statuses[ordinal]] and oldest_us <= book.created[ordinal] <= created[1]
        ]
        found.sort(key=lambda one: (book.closed[one], one), reverse=query.get("sort") == "date_desc")
        return found


def _read_range(query: dict[str, str], column: str) -> tuple[int, int]:
    ends = (query.get(f"order.{column}.{end}") for end in ("from", "to"))
    low, high = (to_us(read_hour(text)) if text else None for text in ends)
    return 0 if low is None else low, _FOREVER_US if high is None else high


def read_hour(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(minute=0, second=0, microsecond=0)

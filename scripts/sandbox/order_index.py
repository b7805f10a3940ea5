"""VTEX's index of orders, which lists are made of: it shows each order as it was the lag ago, new ones only then."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scripts.sandbox.orders import Standing
from scripts.sandbox.sorted_index import SortedIndex
from scripts.sandbox.times import WorldClock, to_us

if TYPE_CHECKING:
    from scripts.sandbox.order_book import OrderBook


class OrderIndex:
    """`created`, `authorized`, `invoiced`: ordinals by microseconds. `version` moves with each change."""

    def __init__(self, book: "OrderBook", clock: WorldClock) -> None:
        self.lag_s = 0.0
        self.version = 0
        self.created, self.authorized, self.invoiced = SortedIndex(), SortedIndex(), SortedIndex()
        self._book = book
        self._clock = clock
        self._shown: dict[int, Standing] = {}  # of those kept; the others are shown as they were stocked
        self._pending: deque[tuple[float, int, Standing]] = deque()
        self._answer: tuple[int, tuple[object, ...], Sequence[int]] = (0, (), ())

    def add_stock(self, first: int, end: int) -> None:
        self.version += 1
        book = self._book
        self.created.extend(book.created[first:end], range(first, end))
        for index, column in ((self.authorized, book.authorized), (self.invoiced, book.invoiced)):
            touched = [ordinal for ordinal in range(first, end) if column[ordinal]]
            index.extend([column[ordinal] for ordinal in touched], touched)

    def note(self, ordinal: int, standing: Standing) -> None:
        self._pending.append((self._clock.now_s(), ordinal, standing))
        self.catch_up()

    def catch_up(self) -> None:
        """Shows what changed longer ago than the lag."""
        seen_s = self._clock.now_s() - self.lag_s
        while self._pending and self._pending[0][0] <= seen_s:
            _, ordinal, standing = self._pending.popleft()
            self._show(ordinal, standing)

    def find_standing(self, ordinal: int) -> Standing | None:
        """As the index has it; None for an order that it does not show."""
        shown = self._shown.get(ordinal)
        if shown is not None:
            return shown
        return self._book.stocked_standing(ordinal) if self._book.is_from_stock(ordinal) else None

    def read_status(self, ordinal: int) -> str:
        shown = self._shown.get(ordinal)
        return shown.status if shown is not None else self._book.read_stocked_status(ordinal)

    def read_total(self, ordinal: int) -> int:
        shown = self._shown.get(ordinal)
        if shown is not None and shown.total_minor is not None:
            return shown.total_minor
        return self._book.read_stocked_total(ordinal)

    def find_answer(self, question: tuple[object, ...]) -> Sequence[int] | None:
        """What `keep_answer` kept, if nothing changed since."""
        version, kept, answer = self._answer
        return answer if version == self.version and kept == question else None

    def keep_answer(self, question: tuple[object, ...], answer: Sequence[int]) -> None:
        self._answer = (self.version, question, answer)

    def drop(self, ordinal: int) -> None:
        standing = self._shown.pop(ordinal, None)
        if standing is not None:
            self._remove(ordinal, standing)
            self.created.remove(self._book.created[ordinal], ordinal)
        self._pending = deque(entry for entry in self._pending if entry[1] != ordinal)

    def _show(self, ordinal: int, standing: Standing) -> None:
        before = self.find_standing(ordinal)
        if before is None:
            self.created.insert(self._book.created[ordinal], ordinal)
        else:
            self._remove(ordinal, before)
        self.version += 1
        self._shown[ordinal] = standing
        if standing.authorized_at is not None:
            self.authorized.insert(to_us(standing.authorized_at), ordinal)
        if standing.invoiced_at is not None:
            self.invoiced.insert(to_us(standing.invoiced_at), ordinal)

    def _remove(self, ordinal: int, standing: Standing) -> None:
        self.version += 1
        if standing.authorized_at is not None:
            self.authorized.remove(to_us(standing.authorized_at), ordinal)
        if standing.invoiced_at is not None:
            self.invoiced.remove(to_us(standing.invoiced_at), ordinal)

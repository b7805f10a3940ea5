"""All orders of a store. Those it was stocked with are a few numbers each until they change; a document is made of
its number when it is read."""

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from scripts.sandbox.customer_book import CustomerBook
from scripts.sandbox.order_index import OrderIndex
from scripts.sandbox.orders import Order, Standing, draw_total
from scripts.sandbox.seeds import mix
from scripts.sandbox.times import NEVER_US, WorldClock, find_moment, from_us, to_us
from scripts.sandbox.workflow import WAYS, find_way

DOCUMENTS_KEPT_MAX = 30_000  # of orders made or changed, about 8 KB each; older ones are made again when read
_UNKNOWN = -1


class StockedOrder(NamedTuple):
    """Times in microseconds, NEVER_US for what did not happen. `shopper`: the customer's ordinal."""

    number: int
    shopper: int
    position: int
    created_us: int
    changed_us: int
    authorized_us: int
    invoiced_us: int


class OrderBook:
    """An ordinal is an order's number by age in the book. `kept` are those made or changed since the stocking."""

    def __init__(self, account: str, customers: CustomerBook, clock: WorldClock) -> None:
        self.account = account
        self.stock_seed = 0
        self.numbers, self.created, self.changed = array("q"), array("q"), array("q")
        self.authorized, self.invoiced = array("q"), array("q")
        self.positions, self.shoppers = array("b"), array("I")
        self.kept: dict[int, Order] = {}
        self.index = OrderIndex(self, clock)
        self._customers = customers
        self._totals = array("q")
        self._from_stock = bytearray()
        self._made: deque[int] = deque()
        self._documents: deque[Order] = deque()
        self._forgotten: set[int] = set()

    def __len__(self) -> int:
        return len(self.numbers) - len(self._forgotten)

    @property
    def end(self) -> int:
        """One more than the last ordinal."""
        return len(self.numbers)

    @property
    def last_number(self) -> int | None:
        return self.numbers[-1] if self.numbers else None

    def stock(self, orders: Iterable[StockedOrder]) -> None:
        """Orders with ascending numbers, above all that there are."""
        first = self.end
        for order in orders:
            self._append(order, is_from_stock=True)
        self.index.add_stock(first, self.end)

    def _append(self, order: StockedOrder, *, is_from_stock: bool) -> None:
        self._from_stock.append(is_from_stock)
        self.numbers.append(order.number)
        self.shoppers.append(order.shopper)
        self.positions.append(order.position)
        self.created.append(order.created_us)
        self.changed.append(order.changed_us)
        self.authorized.append(order.authorized_us)
        self.invoiced.append(order.invoiced_us)
        self._totals.append(_UNKNOWN)

    def add(self, order: Order) -> None:
        """A new one, whose ordinal is `end`."""
        created_us = to_us(order.created_at)
        self._append(
            StockedOrder(order.number, order.shopper.ordinal, 0, created_us, created_us, NEVER_US, NEVER_US),
            is_from_stock=False,
        )
        self._made.append(order.ordinal)
        self.keep(order)

    def keep(self, order: Order) -> None:
        """After every change: what the order says now counts, for its document at once, for lists after the lag."""
        if order.ordinal not in self.kept:
            self.kept[order.ordinal] = order
            self._documents.append(order)
            if len(self._documents) > DOCUMENTS_KEPT_MAX:
                self._documents.popleft().forget_document()
        self.index.note(order.ordinal, order.now)

    def forget_oldest(self, objects_max: int) -> None:
        """Without a word to anybody: the sandbox makes room. What it was stocked with stays."""
        while len(self._made) > objects_max:
            ordinal = self._made.popleft()
            self._forgotten.add(ordinal)
            self.index.drop(ordinal)
            del self.kept[ordinal]

    def is_from_stock(self, ordinal: int) -> bool:
        return bool(self._from_stock[ordinal])

    def has(self, ordinal: int) -> bool:
        return 0 <= ordinal < self.end and ordinal not in self._forgotten

    def at(self, ordinal: int) -> Order:
        """Raises LookupError when there is none of that number."""
        kept = self.kept.get(ordinal)
        if kept is not None:
            return kept
        if not self.has(ordinal):
            raise LookupError(f"no order {ordinal}")
        return Order(
            self.account,
            self.numbers[ordinal],
            seed=mix(self.stock_seed, ordinal),
            shopper=self._customers.at(self.shoppers[ordinal]),
            created_at=from_us(self.created[ordinal]),
            ordinal=ordinal,
            now=self.stocked_standing(ordinal),
        )

    def stocked_standing(self, ordinal: int) -> Standing:
        way, position = WAYS[find_way(mix(self.stock_seed, ordinal))], self.positions[ordinal]
        changed_at = from_us(self.changed[ordinal])
        return Standing(
            position,
            way[position],
            changed_at,
            from_us(self.created[ordinal]),
            find_moment(self.authorized[ordinal]),
            find_moment(self.invoiced[ordinal]),
            changed_at if way[position] == "canceled" else None,
        )

    def read_stocked_status(self, ordinal: int) -> str:
        return WAYS[find_way(mix(self.stock_seed, ordinal))][self.positions[ordinal]]

    def read_stocked_total(self, ordinal: int) -> int:
        """In cents, as it was stocked or made; drawn once."""
        if self._totals[ordinal] == _UNKNOWN:
            kept = self.kept.get(ordinal)
            self._totals[ordinal] = draw_total(kept.seed if kept else mix(self.stock_seed, ordinal))
        return self._totals[ordinal]

    def find(self, order_id: str) -> Order | None:
        """By its id, or by `seq` and its sequence."""
        if order_id.startswith("seq"):
            return self._find_sequence(order_id[3:])
        digits = order_id.removesuffix("-01")
        return self._find_number(int(digits)) if digits != order_id and _is_number(digits) else None

    def _find_sequence(self, sequence: str) -> Order | None:
        if not self.numbers or not _is_number(sequence):
            return None
        first, last = self.numbers[0] // 10**9, self.numbers[-1] // 10**9
        candidates = (self._find_number(head * 10**9 + int(sequence)) for head in range(first, last + 1))
        return next((order for order in candidates if order), None)

    def _find_number(self, number: int) -> Order | None:
        at = bisect_left(self.numbers, number) if number < 2**63 else self.end
        return self.at(at) if self.has(at) and self.numbers[at] == number else None

    def get(self, order_id: str) -> Order:
        """Raises LookupError when there is none."""
        found = self.find(order_id)
        if found is None:
            raise LookupError(f"no order {order_id}")
        return found

    def list_newest(self) -> Iterator[Order]:
        return (self.at(ordinal) for ordinal in reversed(range(self.end)) if self.has(ordinal))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()

"""All sales of a living seller: a few numbers each. Where one stands follows from its seed until it is changed.

Ids lead back to a sale without a table: whatever belongs to an order has its number. A sale's `leader` is the first of
its cart: they are bought, paid and sent together, and become what the leader becomes.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from scripts.sandbox.seeds import mix
from scripts.sandbox.sellers.ways import CANCEL, MS_US, STATUSES, Standing, find_way, list_moments
from scripts.sandbox.sorted_index import SortedIndex

SALES_MAX = 1_000_000
ORDERS, PACKS, SHIPMENTS, PAYMENTS, BILLINGS = (
    2_000_000_000_000_000,
    2_500_000_000_000_000,
    45_000_000_000,
    91_000_000_000,
    700_000_000_000,
)
_CART_PERCENT = 12
_REINDEXED_PERCENT = 4
_DAY_US = 86_400_000_000


class Sale(NamedTuple):
    """One order. `number` is in all its ids; `cart`: the numbers of all orders of its pack, itself among them."""

    ordinal: int
    number: int
    seed: int
    buyer: int
    created_us: int
    indexed_us: int
    cart: tuple[int, ...]
    is_sent: bool
    standing: Standing

    @property
    def is_pack(self) -> bool:
        return len(self.cart) > 1


class SaleBook:
    """`index`: ordinals by the indexer's stamp; `closed`: when paid, else created; `statuses`: places in STATUSES, of
    orders. `version` moves with each change. Times in microseconds."""

    def __init__(self, seed: int, first_number: int) -> None:
        self.seed = seed
        self.version = 0
        self.numbers, self.created, self.indexed = array("q"), array("q"), array("q")
        self.closed, self.statuses = array("q"), array("b")
        self.leaders, self.buyers = array("I"), array("I")
        self.index = SortedIndex()
        self._first_number = first_number
        self._stocked_until_us = 0
        self._standings: dict[int, Standing] = {}  # leader → where it stands, of those made or changed

    def __len__(self) -> int:
        return len(self.numbers)

    def stock(self, orders: int, begin_us: int, end_us: int) -> None:
        """So many orders, evenly over the time, each where its seed has brought it by its end."""
        random, part = Random(f"{self.seed}:stock"), (end_us - begin_us) / max(orders, 1)
        self._stocked_until_us = end_us
        while len(self) < orders:
            ordinal = len(self)
            created_us = (begin_us + int((ordinal + random.random()) * part)) // MS_US * MS_US
            self._append(created_us, int(random.random() * max(orders // 2, 1)), random, orders - ordinal)
        for ordinal in range(len(self)):
            standing = self.standing_of(ordinal)
            self._note(ordinal, standing)
            changed_us = standing.order_changed_us
            if mix(self.seed, -ordinal) % 100 < _REINDEXED_PERCENT:  # for reasons of its own, long after
                later_us = mix(self.seed, ordinal) % min(60 * _DAY_US, max(end_us - changed_us, 1))
                changed_us += later_us // MS_US * MS_US
            self.indexed.append(changed_us)
        self.index.extend(self.indexed, range(len(self)))

    def create(self, at_us: int, random: Random) -> list[int]:
        """A new order, or the orders of a new cart. Their ordinals; none when the book is full."""
        if len(self) >= SALES_MAX:
            return []
        first, gap = len(self), 10**6 if not self._standings else 0  # other numbers than any stock's before
        self._append(at_us, int(random.random() * max(first // 2, 10)), random, 2, gap=int(random.random() * gap))
        way = find_way(self.seed_of(first))
        self._standings[first] = Standing(way.steps[:1], (at_us,))
        made = list(range(first, len(self)))
        for ordinal in made:
            self._note(ordinal, self._standings[first])
            self.indexed.append(at_us)
            self.index.insert(at_us, ordinal)
        self.version += 1
        return made

    def _append(self, created_us: int, buyer: int, random: Random, room: int, *, gap: int = 0) -> None:
        leader = len(self)
        count = 2 if room > 1 and mix(self.seed, leader) >> 40 & 127 < _CART_PERCENT * 128 // 100 else 1
        for _ in range(count):
            last = self.numbers[-1] if self.numbers else self._first_number
            self.numbers.append(last + gap + 1 + int(random.random() * 90))
            self.created.append(created_us)
            self.leaders.append(leader)
            self.buyers.append(buyer)

    def advance(self, ordinal: int, at_us: int, *, cancels: bool = False) -> list[int]:
        """The next step of its way, or by being cancelled, which may come late. Who changed: none at its way's end."""
        leader = self.leaders[ordinal]
        standing, way = self.standing_of(leader), find_way(self.seed_of(leader))
        if standing.last == CANCEL if cancels else self.has_ended(leader):
            return []
        step = CANCEL if cancels else way.steps[len(standing.steps)]
        self._standings[leader] = standing.take(step, at_us)
        cart = self.list_cart(leader)
        for one in cart if step.order is not None else ():
            self._note(one, self._standings[leader])
            self.index.remove(self.indexed[one], one)
            self.indexed[one] = at_us
            self.index.insert(at_us, one)
        self.version += 1
        return cart

    def _note(self, ordinal: int, standing: Standing) -> None:
        """What searches look at."""
        if ordinal == len(self.closed):
            self.closed.append(0)
            self.statuses.append(0)
        self.closed[ordinal] = standing.find("paid") or self.created[ordinal]
        self.statuses[ordinal] = STATUSES.index(standing.order_status)

    def has_ended(self, ordinal: int) -> bool:
        standing = self.standing_of(ordinal)
        way = find_way(self.seed_of(self.leaders[ordinal]))
        return standing.last == CANCEL or len(standing.steps) >= len(way.steps)

    def seed_of(self, ordinal: int) -> int:
        return mix(self.seed, ordinal)

    def standing_of(self, ordinal: int) -> Standing:
        leader = self.leaders[ordinal]
        changed = self._standings.get(leader)
        if changed is not None:
            return changed
        seed = self.seed_of(leader)
        way = find_way(seed)
        moments = list_moments(seed, way, self.created[leader])
        taken = max(1, sum(moment <= self._stocked_until_us for moment in moments))
        return Standing(way.steps[:taken], moments[:taken])

    def list_cart(self, ordinal: int) -> list[int]:
        leader = self.leaders[ordinal]
        return [one for one in (leader, leader + 1) if one < len(self) and self.leaders[one] == leader]

    def at(self, ordinal: int) -> Sale:
        leader = self.leaders[ordinal]
        return Sale(
            ordinal,
            self.numbers[ordinal],
            self.seed_of(ordinal),
            self.buyers[ordinal],
            self.created[ordinal],
            self.indexed[ordinal],
            tuple(self.numbers[one] for one in self.list_cart(ordinal)),
            find_way(self.seed_of(leader)).is_sent,
            self.standing_of(ordinal),
        )

    def find(self, object_id: str, base: int) -> Sale | None:
        """By an id of that kind: ORDERS, PACKS, …"""
        if not object_id.isascii() or not object_id.isdecimal() or len(object_id) > 18:
            return None
        number = int(object_id) - base
        at = bisect_left(self.numbers, number) if number >= 0 else len(self)
        return self.at(at) if at < len(self) and self.numbers[at] == number else None

    def list_open(self) -> Iterator[int]:
        """Leaders that can still advance, the newest first."""
        leaders = (one for one in reversed(range(len(self))) if self.leaders[one] == one)
        return (one for one in leaders if not self.has_ended(one))

    def select(self, column: str, low_us: int, high_us: int) -> Sequence[int]:
        """Ordinals whose creation or last update lies between, both included."""
        if column == "date_last_updated":
            return self.index.find_keys(low_us, high_us)
        start, stop = bisect_left(self.created, low_us), bisect_left(self.created, high_us + 1)
        return range(start, stop)

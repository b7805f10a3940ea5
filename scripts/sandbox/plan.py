"""What happens next in a run: which store changes what, and which notice goes out now, again, or out of turn."""

from collections import deque
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from scripts.sandbox.inline import make_inline_customer
from scripts.sandbox.notices import Notice
from scripts.sandbox.store import Store

_RECENT_KEPT = 300
_TRIES_MAX = 10_000
_HELD_FOR_MAX = 25


class Mix(NamedTuple):
    """Shares of a run. `orders`, `customers` and `inline_customers` are weights; the others parts of 1.

    `duplicates`: notices sent again; `out_of_order`: notices sent only after a later one of their object;
    `deletions`: of customer changes; `new_objects`: changes that make a new object instead of moving one on;
    `lost`: notices of hooks and triggers that never arrive, nor any copy of them.
    """

    orders: float = 0.7
    customers: float = 0.3
    inline_customers: float = 0.0
    duplicates: float = 0.1
    out_of_order: float = 0.1
    deletions: float = 0.05
    new_objects: float = 0.35
    lost: float = 0.0


def read_mix(body: dict[str, Any]) -> Mix:
    """The mix of a control call: given weights replace all default weights. Raises ValueError naming what is wrong."""
    unknown = set(body) - set(Mix._fields)
    if unknown:
        raise ValueError(f"mix: no share {', '.join(sorted(unknown))}; there are {', '.join(Mix._fields)}")
    weights = {"orders", "customers", "inline_customers"}
    if weights & set(body):
        body = {**dict.fromkeys(weights, 0.0), **body}
    mix = Mix(**{name: float(value) for name, value in body.items()})
    if min(mix) < 0 or mix.orders + mix.customers + mix.inline_customers <= 0:
        raise ValueError("mix: shares are not negative, and one of orders, customers, inline_customers is more than 0")
    return mix


class Plan:
    """An endless series of notices. `take` makes the change that the next one tells of, at that moment."""

    def __init__(self, stores: Sequence[Store], mix: Mix, random: Random) -> None:
        self._stores = stores
        self._mix = mix
        self._random = random
        self._recent: deque[Notice] = deque(maxlen=_RECENT_KEPT)
        self._held: deque[tuple[int, Notice]] = deque()
        self._siblings: deque[Notice] = deque()  # of the change told last: what the account's other hooks are told
        self._taken = 0
        self._inline_ids = 0

    @property
    def has_pending(self) -> bool:
        """Whether something that was changed is still to be told."""
        return bool(self._siblings or self._held)

    def take(self, left: int | None = None) -> Notice:
        """The next notice; `left`: how many the run still has, this one included (None: no end)."""
        self._taken += 1
        if self._siblings:
            return self._keep(self._siblings.popleft())
        if self._held and (self._held[0][0] <= self._taken or (left is not None and len(self._held) >= left)):
            return self._keep(self._held.popleft()[1])
        if self._recent and self._random.random() < self._mix.duplicates:
            return self._random.choice(self._recent)
        for _ in range(_TRIES_MAX):
            notice = self._make_change(can_hold=left is None or left > len(self._held) + 1)
            if notice is not None:
                return self._keep(notice)
        raise RuntimeError("none of the chosen accounts has a hook, a trigger or an inline endpoint for this mix")

    def _keep(self, notice: Notice) -> Notice:
        if notice.channel != "inline" and self._mix.lost and self._random.random() < self._mix.lost:
            return notice._replace(is_lost=True)
        self._recent.append(notice)
        return notice

    def _hold(self, notice: Notice) -> None:
        self._held.append((self._taken + self._random.randint(1, _HELD_FOR_MAX), notice))

    def _make_change(self, *, can_hold: bool) -> Notice | None:
        """Changes something; None when the store has nobody who wants to hear of it."""
        mix, random = self._mix, self._random
        store = random.choice(self._stores)
        kinds = ("orders", "customers", "inline_customers")
        kind = random.choices(kinds, (mix.orders, mix.customers, mix.inline_customers))[0]
        is_late = can_hold and random.random() < mix.out_of_order
        if kind == "orders":
            return self._change_order(store, is_late=is_late)
        if kind == "customers":
            return self._change_customer(store, is_late=is_late)
        return self._make_inline(store)

    def _change_order(self, store: Store, *, is_late: bool) -> Notice | None:
        order = None if self._random.random() < self._mix.new_objects else store.choose_open_order()
        if order is None:
            order = store.create_order()
        else:
            store.advance_order(order)
        notices = store.make_order_notices(order)
        if not is_late or not notices or order.is_finished:
            return self._tell(notices)
        store.advance_order(order)
        later = store.make_order_notices(order)
        if not later:
            return self._tell(notices)
        for notice in notices:
            self._hold(notice)
        return self._tell(later)

    def _tell(self, notices: list[Notice]) -> Notice | None:
        """The first of one change's notices; the others come next."""
        self._siblings.extend(notices[1:])
        return notices[0] if notices else None

    def _change_customer(self, store: Store, *, is_late: bool) -> Notice | None:
        draw = self._random.random()
        customer = None if draw < self._mix.new_objects else store.choose_customer()
        if customer is None:
            customer = store.create_customer()
        elif draw > 1 - self._mix.deletions:
            store.delete_customer(customer)
            return store.make_customer_notice(customer)
        else:
            store.update_customer(customer)
        notice = store.make_customer_notice(customer)
        if not is_late or notice is None:
            return notice
        self._hold(notice)
        store.update_customer(customer)
        return store.make_customer_notice(customer)

    def _make_inline(self, store: Store) -> Notice | None:
        if store.inline is None:
            return None
        if self._inline_ids == 0 or self._random.random() < self._mix.new_objects:
            self._inline_ids += 1
            number = self._inline_ids
        else:
            number = self._random.randint(1, self._inline_ids)
        return make_inline_customer(store.account, store.inline, self._random, f"c-{number:07}")

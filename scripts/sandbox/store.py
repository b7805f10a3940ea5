"""One VTEX account of the sandbox: its keys, hooks, orders and customers, and the notices that its changes make."""

import time
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

import orjson

from scripts.sandbox.access import AppKey
from scripts.sandbox.call_limit import CallMeter
from scripts.sandbox.customer_book import CustomerBook
from scripts.sandbox.customers import Customer
from scripts.sandbox.inline import InlineEndpoint
from scripts.sandbox.notices import Notice
from scripts.sandbox.order_book import OrderBook
from scripts.sandbox.orders import Order
from scripts.sandbox.scrolls import Scrolls
from scripts.sandbox.seeds import hash_words
from scripts.sandbox.stocking import HISTORY_DAYS, History, plan_customers, plan_orders
from scripts.sandbox.times import NO_TIME, Clock, WorldClock, write_z

HOOK_SILENCE_S_MAX = 3 * 86_400.0
OBJECTS_KEPT_MAX = 200_000  # of each kind, beside the stock; about 1 KB each
_FIRST_ORDER_NUMBER = 1_268_540_000_000
_TRIGGER_FIELDS = ("id", "userId", "email", "updatedIn", "lastInteractionIn", "accountName", "dataEntityId")


class Hook(NamedTuple):
    """An order hook as configured: `statuses` None means all of them."""

    url: str
    headers: Mapping[str, str]
    statuses: frozenset[str] | None
    configuration: Mapping[str, Any]
    app_key: str


class Store:
    """`hooks`: one for each app key that configured one. `trigger_url`: where Master Data's triggers call, None when
    none is set up. `has_data_protection_plus`: personal values are masked, and there is no Master Data of shoppers.
    `objects_kept_max`: orders and customers made beyond the stock; the oldest make room.
    """

    def __init__(self, account: str, seed: int, clock: WorldClock) -> None:
        self.account = account
        self.seed = seed
        self.random = Random(f"{seed}:{account}")
        self.keys: dict[str, AppKey] = {}
        self.hooks: dict[str, Hook] = {}
        self.meter = CallMeter()
        self.has_data_protection_plus = False
        self.is_offline = False
        self.trigger_url: str | None = None
        self.inline: InlineEndpoint | None = None
        self.objects_kept_max = OBJECTS_KEPT_MAX
        self.customers = CustomerBook(account, clock)
        self.orders = OrderBook(account, self.customers, clock)
        self.call_random = Random(f"{seed}:{account}:calls")  # reading changes nothing of what happens next
        self.scrolls = Scrolls(clock, self.call_random)
        self.readable_at: dict[str, float] = {}  # order id → monotonic time before which it is answered 404
        self.unreadable_s = 0.0
        self.stock_seed: int | None = None
        self._told_at_s: dict[str, float] = {}  # app key → when its hook last had something to tell
        self.clock = clock
        self._stamps = Clock()
        self._number = 0
        self._open_orders: list[Order] = []

    def stock(self, customers: int, orders: int, history: History | None = None) -> None:
        """What the store has before anybody listens: mostly finished orders of known customers, over the history.

        The same stock seed, numbers and history make the same objects.
        """
        if self.stock_seed is None:
            self.stock_seed = self.seed
        seed = self.customers.stock_seed = self.orders.stock_seed = hash_words(self.stock_seed, self.account)
        history = history or History.before(self._stamps.tick(), HISTORY_DAYS)
        random = Random(f"{seed}:{self.customers.end}:{self.orders.end}")
        if orders and not customers and not len(self.customers):
            customers = 1
        self.customers.stock(plan_customers(customers, history, random))
        self.orders.stock(
            plan_orders(
                orders,
                history,
                random,
                first_ordinal=self.orders.end,
                last_number=self.orders.last_number or _FIRST_ORDER_NUMBER + seed % 10**9,
                customers=self.customers.end,
                seed=seed,
            )
        )

    def create_order(self) -> Order:
        customer = self.choose_customer() or self.create_customer()
        order = Order(
            self.account,
            self._choose_number(),
            seed=self.random.getrandbits(64),
            shopper=customer,
            created_at=self._stamps.tick(),
            ordinal=self.orders.end,
        )
        self.orders.add(order)
        self._open_orders.append(order)
        if self.unreadable_s:
            self.readable_at[order.order_id] = time.monotonic() + self.unreadable_s
        self.orders.forget_oldest(self.objects_kept_max)
        return order

    def _choose_number(self) -> int:
        """Above all others. A store that is made anew with the same stock has other orders after it."""
        if self._number <= (self.orders.last_number or 0):
            self._number = (self.orders.last_number or _FIRST_ORDER_NUMBER) + self.random.randrange(10**8)
        self._number += self.random.randint(1, 9)
        return self._number

    def choose_open_order(self) -> Order | None:
        """An order that can still advance, at random; None when there is none."""
        while self._open_orders:
            index = self.random.randrange(len(self._open_orders))
            order = self._open_orders[index]
            if not order.is_finished and self.orders.has(order.ordinal):
                return order
            self._open_orders[index] = self._open_orders[-1]
            self._open_orders.pop()
        return None

    def advance_order(self, order: Order) -> None:
        order.advance(self._stamps.tick())
        self.orders.keep(order)

    def force_order(self, order: Order, status: str) -> None:
        order.force_status(status, self._stamps.tick())
        self.orders.keep(order)

    def patch_order(self, order: Order, changes: Mapping[str, Any]) -> None:
        order.patch(changes, self._stamps.tick())
        self.orders.keep(order)

    def create_customer(self) -> Customer:
        customer = Customer(self.account, self.random.getrandbits(64), self.customers.end, self._stamps.tick())
        self.customers.add(customer)
        self.customers.forget_oldest(self.objects_kept_max)
        return customer

    def choose_customer(self) -> Customer | None:
        """A customer that was not deleted, at random; None when there is none."""
        return self.customers.choose(self.random)

    def update_customer(self, customer: Customer, changes: Mapping[str, object] | None = None) -> None:
        if changes is None:
            customer.update(self.random, self._stamps.tick())
        else:
            customer.patch(changes, self._stamps.tick())
        self.customers.keep(customer)

    def delete_customer(self, customer: Customer) -> None:
        customer.delete(self._stamps.tick())
        self.customers.keep(customer)

    def make_order_notices(self, order: Order) -> list[Notice]:
        """The notifications of the order's present state, one for each hook that wants it."""
        self.drop_silent_hooks()
        hooks = [hook for hook in self.hooks.values() if hook.statuses is None or order.status in hook.statuses]
        for hook in hooks:
            self._told_at_s[hook.app_key] = self.clock.now_s()
        return [self._make_order_notice(order, hook) for hook in hooks]

    def set_hook(self, hook: Hook) -> None:
        self.hooks[hook.app_key] = hook
        self._told_at_s[hook.app_key] = self.clock.now_s()

    def drop_silent_hooks(self) -> None:
        """VTEX deletes the configuration of a hook that had nothing to tell for three days."""
        now_s = self.clock.now_s()
        for app_key in [key for key in self.hooks if now_s - self._told_at_s[key] >= HOOK_SILENCE_S_MAX]:
            del self.hooks[app_key]

    def _make_order_notice(self, order: Order, hook: Hook) -> Notice:
        standing = order.now
        last_state = order.way[order.position - 1] if order.position else None
        body = {
            "Domain": "Marketplace",
            "OrderId": order.order_id,
            "State": order.status,
            "LastState": last_state,
            "LastChange": write_z(standing.changed_before) if standing.changed_before else NO_TIME,
            "CurrentChange": write_z(standing.changed_at),
            "Origin": {"Account": self.account, "Key": hook.app_key},
        }
        return Notice(
            self.account, "order_hook", "order", order.order_id, hook.url, hook.headers, orjson.dumps(body), True
        )

    def make_customer_notices(self, customer: Customer) -> list[Notice]:
        notice = self.make_customer_notice(customer)
        return [notice] if notice else []

    def make_customer_notice(self, customer: Customer) -> Notice | None:
        """The trigger's call; None when no trigger is set up. Null becomes an empty text, as Master Data does it."""
        if self.trigger_url is None or self.has_data_protection_plus:
            return None
        client = customer.client
        body = {name: str(client.get(name) or "") for name in _TRIGGER_FIELDS}
        separator = "&" if "?" in self.trigger_url else "?"
        url = f"{self.trigger_url}{separator}action=delete" if customer.is_deleted else self.trigger_url
        return Notice(
            self.account, "customer_trigger", "customer", customer.document_id, url, {}, orjson.dumps(body), False
        )

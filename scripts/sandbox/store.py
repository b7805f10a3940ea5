"""One VTEX account of the sandbox: its keys, hooks, orders and customers, and the notices that its changes make."""

import time
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

import orjson

from scripts.sandbox.access import AppKey
from scripts.sandbox.customers import Customer
from scripts.sandbox.inline import InlineEndpoint
from scripts.sandbox.notices import Notice
from scripts.sandbox.orders import Order
from scripts.sandbox.times import Clock, write_z

GUEST_SHARE = 0.12
OBJECTS_KEPT_MAX = 30_000  # of each kind; an order takes about 8 KB
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
    """

    def __init__(self, account: str, seed: int) -> None:
        self.account = account
        self.random = Random(f"{seed}:{account}")
        self.keys: dict[str, AppKey] = {}
        self.hooks: dict[str, Hook] = {}
        self.has_data_protection_plus = False
        self.is_offline = False
        self.trigger_url: str | None = None
        self.inline: InlineEndpoint | None = None
        self.orders: dict[str, Order] = {}
        self.customers: dict[str, Customer] = {}
        self.customers_by_user: dict[str, Customer] = {}
        self.readable_at: dict[str, float] = {}  # order id → monotonic time before which it is answered 404
        self.unreadable_s = 0.0
        self._clock = Clock()
        self._number = _FIRST_ORDER_NUMBER + self.random.randrange(10**9)
        self._open_orders: list[Order] = []
        self._live_customers: list[Customer] = []

    def stock(self, customers: int, orders: int) -> None:
        """What the store has before anybody listens: finished orders of known customers."""
        for _ in range(customers):
            self.create_customer()
        for _ in range(orders):
            order = self.create_order()
            while not order.is_finished:
                order.advance(self.random, self._clock.tick())
        self._open_orders.clear()

    def create_order(self) -> Order:
        self._number += self.random.randint(1, 9)
        customer = self.choose_customer() or self.create_customer()
        is_guest = self.random.random() < GUEST_SHARE
        order = Order(
            self.account,
            self._number,
            person=customer.person,
            profile_id=None if is_guest else customer.user_id,
            random=self.random,
            now=self._clock.tick(),
        )
        self.orders[order.order_id] = order
        self._open_orders.append(order)
        if self.unreadable_s:
            self.readable_at[order.order_id] = time.monotonic() + self.unreadable_s
        if len(self.orders) > OBJECTS_KEPT_MAX:
            self.orders.pop(next(iter(self.orders)))
        return order

    def choose_open_order(self) -> Order | None:
        """An order that can still advance, at random; None when there is none."""
        while self._open_orders:
            index = self.random.randrange(len(self._open_orders))
            order = self._open_orders[index]
            if not order.is_finished and order.order_id in self.orders:
                return order
            self._open_orders[index] = self._open_orders[-1]
            self._open_orders.pop()
        return None

    def advance_order(self, order: Order) -> None:
        order.advance(self.random, self._clock.tick())

    def patch_order(self, order: Order, changes: Mapping[str, Any]) -> None:
        order.patch(changes, self._clock.tick())

    def create_customer(self) -> Customer:
        customer = Customer(self.account, self.random, self._clock.tick())
        self.customers[customer.document_id] = customer
        self.customers_by_user[customer.user_id] = customer
        self._live_customers.append(customer)
        if len(self.customers) > OBJECTS_KEPT_MAX:
            self._forget_customer(next(iter(self.customers.values())))
        return customer

    def _forget_customer(self, customer: Customer) -> None:
        """Without a word to anybody: the sandbox makes room."""
        del self.customers[customer.document_id]
        if not customer.is_deleted:
            self.customers_by_user.pop(customer.user_id, None)
            self._live_customers.remove(customer)

    def choose_customer(self) -> Customer | None:
        """A customer that was not deleted, at random; None when there is none."""
        return self.random.choice(self._live_customers) if self._live_customers else None

    def update_customer(self, customer: Customer, changes: dict[str, Any] | None = None) -> None:
        if changes is None:
            customer.update(self.random, self._clock.tick())
        else:
            customer.patch(changes, self._clock.tick())

    def delete_customer(self, customer: Customer) -> None:
        customer.is_deleted = True
        customer.updated_at = self._clock.tick()
        self.customers_by_user.pop(customer.user_id, None)
        self._live_customers.remove(customer)

    def make_order_notices(self, order: Order) -> list[Notice]:
        """The notifications of the order's present state, one for each hook that wants it."""
        hooks = (hook for hook in self.hooks.values() if hook.statuses is None or order.status in hook.statuses)
        return [self._make_order_notice(order, hook) for hook in hooks]

    def _make_order_notice(self, order: Order, hook: Hook) -> Notice:
        last_state = order.way[order.position - 1] if order.position else None
        body = {
            "Domain": "Marketplace",
            "OrderId": order.order_id,
            "State": order.status,
            "LastState": last_state,
            "LastChange": write_z(order.changed_before) if order.changed_before else "0001-01-01T00:00:00",
            "CurrentChange": write_z(order.changed_at),
            "Origin": {"Account": self.account, "Key": hook.app_key},
        }
        return Notice(
            self.account, "order_hook", "order", order.order_id, hook.url, hook.headers, orjson.dumps(body), True
        )

    def make_customer_notice(self, customer: Customer) -> Notice | None:
        """The trigger's call; None when no trigger is set up. Null becomes an empty text, as Master Data does it."""
        if self.trigger_url is None or self.has_data_protection_plus:
            return None
        body = {name: str(customer.client.get(name) or "") for name in _TRIGGER_FIELDS}
        separator = "&" if "?" in self.trigger_url else "?"
        url = f"{self.trigger_url}{separator}action=delete" if customer.is_deleted else self.trigger_url
        return Notice(
            self.account, "customer_trigger", "customer", customer.document_id, url, {}, orjson.dumps(body), False
        )

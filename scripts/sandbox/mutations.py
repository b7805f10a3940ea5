"""Changes that nobody is told of, many at once: what a lost webhook leaves behind for others to find."""

from collections.abc import Callable
from random import Random
from typing import Any, Protocol, TypeVar

from scripts.sandbox.customers import Customer
from scripts.sandbox.orders import Order
from scripts.sandbox.people import make_person
from scripts.sandbox.store import Store
from scripts.sandbox.times import parse_us

_LATEST_US = 2**62
T_co = TypeVar("T_co", covariant=True)


class Book(Protocol[T_co]):
    @property
    def created(self) -> Any: ...

    def has(self, ordinal: int) -> bool: ...

    def at(self, ordinal: int) -> T_co: ...


def mutate(store: Store, body: dict[str, Any]) -> list[str]:
    """Ids of what was changed: `count` objects of a `kind`, chosen by `seed` among those made from `created_after` to
    `created_before`. Raises ValueError, having changed nothing, when there are not so many.

    An order's `action`: advance (of those under way), status (to `status`, or canceled), total, edit (what no list
    shows), create. A customer's: update, delete, create.
    """
    kind, action, count = str(body["kind"]), str(body["action"]), int(body["count"])
    random = Random(f"{body.get('seed', 0)}:{kind}:{action}")
    first_us = parse_us(body["created_after"]) if "created_after" in body else 0
    last_us = parse_us(body["created_before"]) if "created_before" in body else _LATEST_US
    if kind == "order":
        change, can_take = _find_order_change(store, action, random, str(body.get("status", "canceled")))
        if change is None:
            return [store.create_order().order_id for _ in range(count)]
        orders = _choose(store.orders, can_take, count, random, (first_us, last_us))
        for order in orders:
            change(order)
        return [order.order_id for order in orders]
    if kind == "customer":
        return _mutate_customers(store, action, count, random, (first_us, last_us))
    raise ValueError("kind: order or customer")


def _find_order_change(
    store: Store, action: str, random: Random, status: str
) -> tuple[Callable[[Order], None] | None, Callable[[Order], bool]]:
    """What is done (None: new orders are made) and to which orders it can be done."""
    if action == "advance":
        return store.advance_order, lambda order: not order.is_finished
    if action == "status":
        return lambda order: store.force_order(order, status), lambda order: order.status != status
    if action == "total":
        return lambda order: store.patch_order(
            order, {"value": order.total_minor + random.randint(100, 100_000)}
        ), lambda _: True
    if action == "edit":
        return lambda order: store.patch_order(
            order, {"openTextField": {"value": f"Timbre {random.randint(1, 99)}"}}
        ), lambda _: True
    if action == "create":
        return None, lambda _: False
    raise ValueError("action: advance, status, total, edit or create")


def _mutate_customers(store: Store, action: str, count: int, random: Random, created_us: tuple[int, int]) -> list[str]:
    if action == "create":
        return [store.create_customer().document_id for _ in range(count)]
    if action not in ("update", "delete"):
        raise ValueError("action: update, delete or create")
    customers: list[Customer] = _choose(store.customers, lambda one: not one.is_deleted, count, random, created_us)
    for customer in customers:
        if action == "delete":
            store.delete_customer(customer)
        else:
            store.update_customer(customer, {"homePhone": make_person(random).phone, "isNewsletterOptIn": True})
    return [customer.document_id for customer in customers]


def _choose(
    book: Book[T_co], can_take: Callable[[T_co], bool], count: int, random: Random, created_us: tuple[int, int]
) -> list[T_co]:
    first_us, last_us = created_us
    ordinals = [ordinal for ordinal, moment_us in enumerate(book.created) if first_us <= moment_us <= last_us]
    random.shuffle(ordinals)
    chosen: list[T_co] = []
    for ordinal in ordinals:
        if len(chosen) == count:
            break
        if book.has(ordinal) and can_take(found := book.at(ordinal)):
            chosen.append(found)
    if len(chosen) < count:
        raise ValueError(f"count: there are only {len(chosen)}")
    return chosen

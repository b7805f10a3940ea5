"""What is true at the sandbox now, in few words: for checks of rows against it."""

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from scripts.sandbox.customers import Customer
from scripts.sandbox.orders import Order
from scripts.sandbox.store import Store


def list_truth(store: Store, kind: str, limit: int) -> list[dict[str, Any]]:
    """The newest objects of a store."""
    if kind == "customer":
        return [_show_customer(customer) for customer in islice(store.customers.list_newest(), limit)]
    return [_show_order(order) for order in islice(store.orders.list_newest(), limit)]


def list_truth_of_run(
    store: Store, kind: str, touched: Mapping[tuple[str, str, str], bool], limit: int
) -> list[dict[str, Any]]:
    """Objects of which every notice of the run was accepted: a row for each must be as true as this, in the end."""
    found: list[dict[str, Any]] = []
    for (account, touched_kind, object_id), is_accepted in touched.items():
        if len(found) >= limit:
            break
        if account != store.account or touched_kind != kind or not is_accepted:
            continue
        if kind == "order" and (order := store.orders.find(object_id)) is not None:
            found.append(_show_order(order))
        elif kind == "customer" and (customer := store.customers.find(object_id)) is not None:
            found.append(_show_customer(customer))
    return found


def _show_order(order: Order) -> dict[str, Any]:
    return {
        "kind": "order",
        "external_id": order.order_id,
        "status": order.status,
        "total_minor": order.total_minor,
        "source_updated_at": _write(order.now.changed_at),
        "deleted": False,
        "email": None,
    }


def _show_customer(customer: Customer) -> dict[str, Any]:
    return {
        "kind": "customer",
        "external_id": customer.document_id,
        "status": None,
        "total_minor": None,
        "source_updated_at": _write(customer.updated_at),
        "deleted": customer.is_deleted,
        "email": customer.client["email"],
    }


def _write(moment: datetime) -> str:
    return moment.isoformat()

"""Whole documents to start from: what the sandbox shows of an invoiced order and of a customer with an address."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from scripts.sandbox.customers import Customer
from scripts.sandbox.orders import Order
from scripts.sandbox.seeds import mix

FIXTURES = Path(__file__).parents[2] / "contract/connectors/fixtures"
NOW = datetime(2026, 3, 4, 12, 0, 0, 123456, UTC)


def make_order_document(**changes: Any) -> dict[str, Any]:
    """An invoiced order of two sellers, with a gift card, a utm and a coupon; `changes` overwrite its top level."""
    for seed in range(1_000):
        customer = Customer("acme", mix(1, seed), seed, NOW)
        order = Order("acme", 1_268_540_501_456, seed=mix(2, seed), shopper=customer, created_at=NOW)
        document: dict[str, Any] = orjson.loads(order.show())
        has_all = document["marketingData"] and len(document["sellers"]) == 2 and order.way[-1] == "invoiced"
        if has_all:
            while not order.is_finished:
                order.advance(NOW)
            return {**orjson.loads(order.show()), **changes}
    raise AssertionError("no seed makes such an order")


def make_client_document(**changes: Any) -> dict[str, Any]:
    """A `CL` document with one `AD` beside it."""
    for seed in range(1_000):
        customer = Customer("acme", mix(1, seed), seed, NOW)
        if customer.client["firstName"] and customer.addresses:
            return {**customer.client, "addresses": customer.addresses, **changes}
    raise AssertionError("no seed makes such a customer")


def read_fixture(name: str) -> Any:
    """The document of a fixture of the contract suite, `mercadolibre/orders/whole` for example."""
    return orjson.loads((FIXTURES / f"{name}.json").read_bytes())["document"]

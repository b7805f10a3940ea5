"""A MercadoLibre order (GET /orders/{id}) as an OrderRecord, with what belongs to it merged in by whoever read it.

Beside the order's own keys the document may have

* `shipment`: GET /shipments/{id}, or the array of /orders/{id}/shipments,
* `billing_info`: GET /orders/billing-info/{site}/{id},
* `content_missing`: the parts that an answer of 206 left out (its header X-Content-Missing), or that could not be read
  just now, `shipment` and `billing_info` among them: an array, or the header's text.

What the document says nothing about is listed in `missing`, and known values stay: a part that is named so, absent, or
`{}`, as in an answer of 206. `null` says that there is none. Amounts are numbers in major units.
"""

import re
from datetime import datetime
from decimal import Decimal

from app.connectors.mercadolibre.buyer import map_buyer
from app.connectors.mercadolibre.money import find_amount, find_minor, to_minor
from app.connectors.mercadolibre.shipment import choose_shipment, find_shipping_minor, map_address
from app.connectors.mercadolibre.statuses import classify_order
from app.connectors.reading import JsonObject, find_latest
from app.core.errors import MappingError
from schemas.records import OrderItem, OrderRecord, Payment

SHIPMENT_KEY, BILLING_KEY, MISSING_KEY = "shipment", "billing_info", "content_missing"

_ORDER_ID = re.compile(r"[0-9]{1,19}", re.ASCII)
_REASON_CHARS_MAX = 2_000
_UNPAID = frozenset({"rejected", "cancelled", "canceled"})
_TOLD_LATER = frozenset({"buyer", "seller", "shipping", "order_items", "payments"})
_ABSENT = object()


def is_whole(document: object) -> bool:
    """Whether an answer of 206 left out nothing that a record needs. What could not be read for good is no reason to
    ask again."""
    return not isinstance(document, dict) or _TOLD_LATER.isdisjoint(_list_unread(document))


def map_order(document: object) -> OrderRecord:
    """The record of an order. Raises MappingError naming the path of what cannot be mapped, nothing else."""
    if not isinstance(document, dict):
        raise MappingError("$", "is not a JSON object")
    order = JsonObject(document)
    external_id = _get_order_id(order)
    unread = _list_unread(document)
    items = order.get_objects("order_items")
    currency = _find_currency(order, items)
    status = order.find_text("status", chars_max=100)
    shipment = choose_shipment(document.get(SHIPMENT_KEY), SHIPMENT_KEY)
    address = map_address(shipment)
    pack_id = order.find_text("pack_id", chars_max=60)
    payments = _list_payments(order)
    before, after = _sum_items(items, currency)
    cancellation = order.get_object("cancel_detail")
    seller = order.get_object("seller").find_text("id", chars_max=60)
    return OrderRecord(
        external_id=external_id,
        source_created_at=order.find_moment("date_created"),
        source_updated_at=_find_stamp(order, shipment),
        missing=_find_missing(document, unread, has_address=address is not None),
        status=status,
        status_class=classify_order(status, _list_tags(document)),
        currency=currency,
        total_minor=find_minor(order, "total_amount", currency),
        items_minor=before,
        discounts_minor=None if before is None or after is None else after - before,
        # One shipment carries all orders of a cart: its cost is none of theirs alone.
        shipping_minor=find_shipping_minor(shipment, currency) if pack_id is None else None,
        tax_minor=find_minor(order.get_object("taxes"), "amount", currency),
        order_group=pack_id,
        origin=order.get_object("context").find_text("channel", chars_max=100),
        sales_channel=order.get_object("context").find_text("site", chars_max=100),
        authorized_at=min(_list_approvals(payments), default=None),
        canceled_at=cancellation.find_moment("date"),
        items=tuple(_map_item(item, currency, seller) for item in items),
        payments=tuple(_map_payment(payment, currency) for payment in payments),
        sellers=(seller,) if seller else (),
        buyer=map_buyer(order.get_object("buyer"), JsonObject(document.get(BILLING_KEY), BILLING_KEY)),
        shipping_address=address,
        cancel_reason=cancellation.find_text("description", "code", chars_max=_REASON_CHARS_MAX),
    )


def _get_order_id(order: JsonObject) -> str:
    value = order.peek("id")
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _ORDER_ID.fullmatch(text):
        raise MappingError("id", "is missing" if value is None else "is not an order's id: digits")
    return text


def _list_unread(document: dict[str, object]) -> frozenset[str]:
    """The parts that were named as left out, in lower case."""
    named = document.get(MISSING_KEY)
    parts = named.split(",") if isinstance(named, str) else named if isinstance(named, list) else []
    return frozenset(part.strip().lower() for part in parts if isinstance(part, str))


def _find_missing(document: dict[str, object], unread: frozenset[str], *, has_address: bool) -> tuple[str, ...]:
    def is_told(part: str) -> bool:
        # `{}` is how a part looks that an answer of 206 leaves out; null says that there is none.
        value = document.get(part, _ABSENT)
        return part not in unread and value is not _ABSENT and value != {} and isinstance(value, list | dict | None)

    missing = [
        field
        for part, field in (("order_items", "items"), ("payments", "payments"), ("seller", "sellers"))
        if not is_told(part)
    ]
    if not is_told("buyer") or BILLING_KEY in unread:
        missing.append("buyer")
    if not has_address and not _has_no_shipment(document, unread):
        missing.append("shipping_address")
    # The shipment tells its cost also where it hides the address.
    if not isinstance(document.get(SHIPMENT_KEY), list | dict) and not _has_no_shipment(document, unread):
        missing.append("shipping_minor")
    return tuple(sorted(missing, key=list(OrderRecord.model_fields).index))


def _has_no_shipment(document: dict[str, object], unread: frozenset[str]) -> bool:
    """Whether the order says that nothing is sent: to be agreed with the buyer, for example."""
    shipping = document.get("shipping", _ABSENT)
    if not unread.isdisjoint({"shipping", SHIPMENT_KEY}) or shipping is _ABSENT:
        return False
    return shipping is None or (isinstance(shipping, dict) and "id" in shipping and shipping["id"] is None)


def _find_stamp(order: JsonObject, shipment: JsonObject) -> datetime | None:
    """The order's own stamp, or its shipment's if that changed later. The indexer's (`date_last_updated`) is months
    later at times and stands in only where the order's is missing: else a read without it would never win again."""
    own = (
        order.find_moment("last_updated")
        or order.find_moment("date_last_updated")
        or find_latest(order.find_moment("date_closed"), order.find_moment("date_created"))
    )
    return find_latest(own, shipment.find_moment("last_updated"))


def _find_currency(order: JsonObject, items: list[JsonObject]) -> str | None:
    for source in (order, *items):
        code = (source.find_text("currency_id", chars_max=20) or "").upper()
        if len(code) == 3 and code.isascii() and code.isalpha():
            return code
    return None


def _list_tags(document: dict[str, object]) -> frozenset[str]:
    tags = document.get("tags")
    return frozenset(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else frozenset()


def _sum_items(items: list[JsonObject], currency: str | None) -> tuple[int | None, int | None]:
    """All lines before and after discounts; None where a line does not say it."""
    gross, net = Decimal(0), Decimal(0)
    if not items:
        return None, None
    for item in items:
        quantity, unit_price = find_amount(item, "quantity"), find_amount(item, "unit_price")
        if quantity is None or unit_price is None:
            return None, None
        net += quantity * unit_price
        gross += _find_gross(item, quantity) or quantity * unit_price
    return to_minor(gross, currency, "order_items"), to_minor(net, currency, "order_items")


def _find_gross(item: JsonObject, quantity: Decimal) -> Decimal | None:
    """What the line would cost without discounts: `gross_price` where it is there (not on older orders)."""
    gross, full_price = find_amount(item, "gross_price"), find_amount(item, "full_unit_price")
    return gross if gross is not None or full_price is None else full_price * quantity


def _map_item(item: JsonObject, currency: str | None, seller: str | None) -> OrderItem:
    product = item.get_object("item")
    quantity, unit_price = item.find_integer("quantity"), find_amount(item, "unit_price")
    gross = _find_gross(item, Decimal(quantity)) if quantity else None
    list_price = gross / quantity if gross is not None and quantity else unit_price
    path = f"{item.path}.unit_price"
    return OrderItem(
        line_id=item.find_text("id", chars_max=100),
        sku=product.find_text("seller_sku", "seller_custom_field"),
        product_id=product.find_text("id"),
        name=product.find_text("title", chars_max=500),
        seller=seller,
        quantity=quantity,
        unit_price_minor=None if unit_price is None else to_minor(unit_price, currency, path),
        list_price_minor=None if list_price is None else to_minor(list_price, currency, path),
        total_minor=None if unit_price is None or quantity is None else to_minor(unit_price * quantity, currency, path),
    )


def _list_payments(order: JsonObject) -> list[JsonObject]:
    """Those that were not refused; all, when every one was."""
    payments = order.get_objects("payments")
    return [one for one in payments if (one.find_text("status") or "").lower() not in _UNPAID] or payments


def _list_approvals(payments: list[JsonObject]) -> list[datetime]:
    moments = (payment.find_moment("date_approved") for payment in payments)
    return [moment for moment in moments if moment is not None]


def _map_payment(payment: JsonObject, currency: str | None) -> Payment:
    return Payment(
        method=payment.find_text("payment_method_id"),
        group=payment.find_text("payment_type", "payment_type_id"),
        value_minor=find_minor(payment, "transaction_amount", currency),
        installments=payment.find_integer("installments"),
    )

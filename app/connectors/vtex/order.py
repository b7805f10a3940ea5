"""A VTEX order document (GET /api/oms/pvt/orders/{orderId}) as an OrderRecord.

Amounts are integers of the currency times 100, whatever the currency. Every level may be null, missing or empty.
What the document has no word about (the key itself is absent, or holds a shape that cannot be read) is listed in
`missing`; a key that is null says "none".
"""

from app.connectors.reading import JsonObject, check_integer
from app.connectors.vtex.address import map_address
from app.connectors.vtex.email import find_real_email
from app.connectors.vtex.personal import find_open_text, find_personal_text
from app.connectors.vtex.statuses import classify_status
from app.core.errors import MappingError
from schemas.records import Buyer, OrderItem, OrderRecord, Payment

_REASON_CHARS_MAX = 2_000
# Parts that the platform leaves out of partial documents, and the field each becomes.
_PARTS = (
    ("items", "items"),
    ("sellers", "sellers"),
    ("paymentData", "payments"),
    ("clientProfileData", "buyer"),
    ("shippingData", "shipping_address"),
)

_ABSENT = object()


def map_order(document: object) -> OrderRecord:
    """The record of an order. Raises MappingError naming the path of what cannot be mapped, nothing else."""
    if not isinstance(document, dict):
        raise MappingError("$", "is not a JSON object")
    order = JsonObject(document)
    status = order.find_text("status", chars_max=100)
    cancellation = order.get_object("cancellationData")
    marketing = order.get_object("marketingData")
    totals = _sum_totals(order)
    return OrderRecord(
        external_id=order.get_identifier("orderId"),
        source_created_at=order.find_moment("creationDate"),
        source_updated_at=order.find_moment("lastChange"),
        missing=_find_missing(document),
        status=status,
        status_class=classify_status(status),
        currency=_find_currency(order),
        total_minor=order.find_integer("value"),
        items_minor=totals.get("items"),
        discounts_minor=totals.get("discounts"),
        shipping_minor=totals.get("shipping"),
        tax_minor=_add_taxes(totals),
        sequence=order.find_text("sequence"),
        order_group=order.find_text("orderGroup"),
        origin=order.find_text("origin", chars_max=100),
        sales_channel=order.find_text("salesChannel", chars_max=100),
        is_completed=order.find_flag("isCompleted"),
        authorized_at=order.find_moment("authorizedDate"),
        invoiced_at=order.find_moment("invoicedDate"),
        canceled_at=cancellation.find_moment("CancellationDate", "cancellationDate"),
        utm_source=find_open_text(marketing, "utmSource"),
        utm_medium=find_open_text(marketing, "utmMedium"),
        utm_campaign=find_open_text(marketing, "utmCampaign"),
        coupon=find_open_text(marketing, "coupon"),
        has_workflow_error=order.find_flag("workflowIsInError"),
        items=tuple(_map_item(item) for item in order.get_objects("items")),
        payments=_map_payments(order.get_object("paymentData")),
        sellers=_list_sellers(order),
        buyer=_map_buyer(order.get_object("clientProfileData")),
        shipping_address=map_address(order.get_object("shippingData").get_object("address")),
        cancel_reason=order.find_text("cancelReason", chars_max=_REASON_CHARS_MAX)
        or cancellation.find_text("Reason", "reason", chars_max=_REASON_CHARS_MAX),
    )


def _find_missing(document: dict[str, object]) -> tuple[str, ...]:
    return tuple(field for key, field in _PARTS if not isinstance(document.get(key, _ABSENT), list | dict | None))


def _find_currency(order: JsonObject) -> str | None:
    preferences = order.get_object("storePreferencesData")
    code = (preferences.find_text("currencyCode", chars_max=20) or "").upper()
    return code if len(code) == 3 and code.isascii() and code.isalpha() else None


def _sum_totals(order: JsonObject) -> dict[str, int]:
    """Amount by lower-case id: ids occur more than once."""
    sums: dict[str, int] = {}
    for total in order.get_objects("totals"):
        name, value = total.find_text("id"), total.find_integer("value")
        if name is not None and value is not None:
            sums[name.lower()] = check_integer(sums.get(name.lower(), 0) + value, f"{total.path}.value")
    return sums


def _add_taxes(totals: dict[str, int]) -> int | None:
    parts = [totals[name] for name in ("tax", "customtax") if name in totals]
    return check_integer(sum(parts), "totals") if parts else None


def _map_item(item: JsonObject) -> OrderItem:
    quantity = item.find_integer("quantity")
    price = item.find_integer("price")
    selling_price = item.find_integer("sellingPrice")
    unit_price = selling_price if selling_price is not None else price
    return OrderItem(
        line_id=item.find_text("uniqueId"),
        sku=item.find_text("id"),
        product_id=item.find_text("productId"),
        name=item.find_text("name", chars_max=500),
        seller=item.find_text("seller"),
        quantity=quantity,
        unit_price_minor=unit_price,
        list_price_minor=item.find_integer("listPrice"),
        total_minor=_find_line_total(item, unit_price, quantity),
        is_gift=item.find_flag("isGift"),
    )


def _find_line_total(item: JsonObject, unit_price: int | None, quantity: int | None) -> int | None:
    """`priceDefinition.total` where it is given: it knows unit multipliers and rounding."""
    total = item.get_object("priceDefinition", "priceDefinitions").find_integer("total")
    if total is not None or unit_price is None or quantity is None:
        return total
    return check_integer(unit_price * quantity, f"{item.path}.quantity")


def _map_payments(payment_data: JsonObject) -> tuple[Payment, ...]:
    """Payments of the active transactions (of all, when none is active), and gift cards used besides them."""
    transactions = payment_data.get_objects("transactions")
    active = [one for one in transactions if one.find_flag("isActive") is not False] or transactions
    payments = [_map_payment(payment) for one in active for payment in one.get_objects("payments")]
    if not any((payment.group or "").lower() == "giftcard" for payment in payments):
        payments += _map_gift_cards(payment_data)
    return tuple(payments)


def _map_payment(payment: JsonObject) -> Payment:
    return Payment(
        method=payment.find_text("paymentSystemName", "paymentSystem"),
        group=payment.find_text("group"),
        value_minor=payment.find_integer("value"),
        installments=payment.find_integer("installments"),
    )


def _map_gift_cards(payment_data: JsonObject) -> list[Payment]:
    """Listed cards are not all used: only those in use with a value count."""
    cards = ((card, card.find_integer("value")) for card in payment_data.get_objects("giftCards"))
    return [
        Payment(method=card.find_text("name", "provider"), group="giftCard", value_minor=value)
        for card, value in cards
        if value and card.find_flag("inUse")
    ]


def _list_sellers(order: JsonObject) -> tuple[str, ...]:
    ids = (seller.find_text("id") or seller.find_text("name") for seller in order.get_objects("sellers"))
    return tuple(dict.fromkeys(seller for seller in ids if seller is not None))


def _map_buyer(profile: JsonObject) -> Buyer | None:
    profile_id = profile.find_text("userProfileId", chars_max=100)
    buyer = Buyer(
        profile_id=profile_id.lower() if profile_id else None,
        email=find_real_email(profile.find_text("email", chars_max=500)),
        first_name=find_personal_text(profile, "firstName"),
        last_name=find_personal_text(profile, "lastName"),
        document_type=find_personal_text(profile, "documentType", chars_max=60),
        document=find_personal_text(profile, "document", chars_max=60),
        phone=find_personal_text(profile, "phone", chars_max=60),
        is_corporate=profile.find_flag("isCorporate"),
        corporate_name=find_personal_text(profile, "corporateName"),
        corporate_document=find_personal_text(profile, "corporateDocument", chars_max=60),
    )
    return None if buyer == _NOBODY else buyer


_NOBODY = Buyer()

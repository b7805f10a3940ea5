from datetime import UTC, datetime
from typing import Any

import pytest

from app.connectors.vtex.mapping import map_order
from app.connectors.vtex.statuses import classify_status
from app.core.errors import MappingError
from schemas.records import Payment
from tests.unit.connectors.documents import NOW, make_order_document


def test_a_whole_document_becomes_a_whole_record() -> None:
    document = make_order_document()
    record = map_order(document)
    assert record.external_id == "1268540501456-01"
    assert (record.status, record.status_class) == ("invoiced", "invoiced")
    assert (record.currency, record.total_minor) == ("ARS", document["value"])
    parts = (record.items_minor, record.discounts_minor, record.shipping_minor, record.tax_minor)
    assert sum(part for part in parts if part is not None) == record.total_minor
    assert record.source_created_at == record.source_updated_at == NOW
    assert [item.sku for item in record.items] == [item["id"] for item in document["items"]]
    assert [item.unit_price_minor for item in record.items] == [item["sellingPrice"] for item in document["items"]]
    assert record.sellers == ("1", "marroquineria-sur")
    assert record.utm_source
    assert record.invoiced_at == NOW
    assert record.buyer is not None
    assert record.buyer.email is None, "VTEX shows an alias"
    assert record.buyer.profile_id == document["clientProfileData"]["userProfileId"]
    assert record.shipping_address is not None
    assert record.shipping_address.country == "ARG"
    assert record.missing == ()


def test_the_least_that_can_be_mapped_is_an_id() -> None:
    record = map_order({"orderId": "x-01"})
    assert record.external_id == "x-01"
    assert record.status_class == "unknown"
    assert record.missing == ("items", "sellers", "payments", "buyer", "shipping_address")


def test_null_says_none_and_absence_says_nothing() -> None:
    parts = ("items", "sellers", "paymentData", "clientProfileData", "shippingData")
    assert map_order({"orderId": "x", **dict.fromkeys(parts)}).missing == ()
    assert map_order({"orderId": "x", **{part: {} for part in parts}}).missing == ()
    assert map_order({"orderId": "x", **dict.fromkeys(parts[1:], "?"), "items": []}).missing == (
        "sellers", "payments", "buyer", "shipping_address",
    )  # fmt: skip


@pytest.mark.parametrize("document", [None, [], "x", 5, True])
def test_what_is_no_object_is_refused(document: object) -> None:
    with pytest.raises(MappingError) as caught:
        map_order(document)
    assert caught.value.field == "$"


@pytest.mark.parametrize("order_id", [None, "", " ", 5, {}, [], True, "a\x00b", "\ud800"])
def test_an_order_without_a_proper_id_names_the_field(order_id: object) -> None:
    with pytest.raises(MappingError) as caught:
        map_order(make_order_document(orderId=order_id))
    assert caught.value.field == "orderId"


@pytest.mark.parametrize("value", [11.6, float("nan"), True, 2**63, "mucho"])
def test_an_amount_that_is_none_names_the_field(value: object) -> None:
    with pytest.raises(MappingError) as caught:
        map_order(make_order_document(value=value))
    assert caught.value.field == "value"


def test_a_wrong_price_names_its_line() -> None:
    document = make_order_document()
    document["items"][1]["sellingPrice"] = 0.5
    with pytest.raises(MappingError) as caught:
        map_order(document)
    assert caught.value.field == "items[1].sellingPrice"


def test_repeated_totals_are_summed_by_id() -> None:
    totals = [
        {"id": "Items", "value": 3_000_000_000},
        {"id": "Discounts", "value": -100},
        {"id": "Discounts", "value": -50},
        {"id": "Tax", "value": 5},
        {"id": "CustomTax", "value": 1},
        {"id": "CustomTax", "value": 2},
        {"id": "Change", "value": 9},
        {"id": None, "value": 7},
        None,
    ]
    record = map_order(make_order_document(totals=totals))
    assert record.items_minor == 3_000_000_000
    assert record.discounts_minor == -150
    assert record.tax_minor == 8
    assert record.shipping_minor is None


def test_a_sum_past_64_bits_is_refused() -> None:
    totals = [{"id": "Items", "value": 2**62}, {"id": "Items", "value": 2**62}]
    with pytest.raises(MappingError) as caught:
        map_order(make_order_document(totals=totals))
    assert caught.value.field == "totals[1].value"


def test_year_one_is_no_date() -> None:
    record = map_order(make_order_document(authorizedDate="0001-01-01T00:00:00", lastChange="0001-01-01T00:00:00"))
    assert record.authorized_at is None
    assert record.source_updated_at is None


@pytest.mark.parametrize(
    "cancellation",
    [
        {"RequestedByUser": True, "CancellationDate": "2026-02-11T09:14:41.3695207Z", "Reason": "Sin stock"},
        {"requestedByUser": True, "cancellationDate": "2026-02-11T09:14:41.3695207Z", "reason": "Sin stock"},
    ],
)
def test_a_cancellation_is_read_in_both_casings(cancellation: dict[str, Any]) -> None:
    record = map_order(make_order_document(cancellationData=cancellation))
    assert record.canceled_at == datetime(2026, 2, 11, 9, 14, 41, 369520, UTC)
    assert record.cancel_reason == "Sin stock"


def test_the_order_s_own_cancel_reason_wins() -> None:
    assert map_order(make_order_document(cancelReason="A", cancellationData={"Reason": "B"})).cancel_reason == "A"


def test_the_price_before_promotions_stands_in_for_a_missing_selling_price() -> None:
    items = [{"id": "1", "quantity": 2, "price": 500}, {"id": 7, "quantity": 3, "price": 500, "sellingPrice": 0}]
    first, second = map_order(make_order_document(items=items)).items
    assert (first.unit_price_minor, first.total_minor) == (500, 1000)
    assert (second.sku, second.unit_price_minor, second.total_minor) == ("7", 0, 0)


@pytest.mark.parametrize("name", ["priceDefinition", "priceDefinitions"])
def test_a_line_s_own_total_wins(name: str) -> None:
    items = [{"id": "1", "quantity": 2, "sellingPrice": 333, name: {"total": 667}}]
    assert map_order(make_order_document(items=items)).items[0].total_minor == 667


def test_payments_of_dead_transactions_are_left_out() -> None:
    dead = {"isActive": False, "payments": [{"paymentSystemName": "Visa", "group": "creditCard", "value": 1}]}
    live = {"isActive": True, "payments": [{"paymentSystemName": "Cabal", "group": "creditCard", "value": 2}]}
    both = map_order(make_order_document(paymentData={"transactions": [dead, live]}))
    assert [payment.method for payment in both.payments] == ["Cabal"]
    only_dead = map_order(make_order_document(paymentData={"transactions": [dead]}))
    assert [payment.method for payment in only_dead.payments] == ["Visa"]


def test_gift_cards_count_when_used_and_not_paid_elsewhere() -> None:
    cards = [
        {"name": "Vale", "inUse": True, "value": 500},
        {"name": "Otro", "inUse": False, "value": 500},
        {"name": "Nada", "inUse": True, "value": 0},
    ]
    record = map_order(make_order_document(paymentData={"transactions": None, "giftCards": cards}))
    assert record.payments == (Payment(method="Vale", group="giftCard", value_minor=500),)
    paid = {"transactions": [{"payments": [{"group": "giftCard", "value": 500}]}], "giftCards": cards}
    assert len(map_order(make_order_document(paymentData=paid)).payments) == 1


def test_masked_personal_values_are_dropped() -> None:
    profile = {"firstName": "J***", "lastName": "Gómez", "document": "***", "phone": "+54 ** 1234", "email": "a**@b.c"}
    buyer = map_order(make_order_document(clientProfileData=profile)).buyer
    assert buyer is not None
    assert buyer.model_dump(exclude_none=True) == {"last_name": "Gómez"}


def test_a_soft_alias_gives_the_buyer_s_own_address() -> None:
    profile = {"email": "ana@example.com-207700027841b.ct.vtex.com.br"}
    buyer = map_order(make_order_document(clientProfileData=profile)).buyer
    assert buyer is not None
    assert buyer.email == "ana@example.com"


@pytest.mark.parametrize("profile", [None, {}, [], {"email": "0123456789abcdef0123456789abcdef@ct.vtex.com.br"}])
def test_a_buyer_of_whom_nothing_is_known_is_none(profile: object) -> None:
    assert map_order(make_order_document(clientProfileData=profile)).buyer is None


@pytest.mark.parametrize(
    "preferences", [None, {}, {"currencyCode": None}, {"currencyCode": "pesos"}, {"currencyCode": 32}]
)
def test_an_unknown_currency_is_none(preferences: object) -> None:
    assert map_order(make_order_document(storePreferencesData=preferences)).currency is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("order-created", "created"), ("payment-pending", "pending"), ("payment-approved", "approved"),
        ("window-to-cancel", "approved"), ("handling", "handling"), ("invoice", "handling"), ("invoiced", "invoiced"),
        ("cancel", "canceled"), ("Canceled", "canceled"), ("replaced", "replaced"),
        ("order-creation-error", "unknown"), ("something-new", "unknown"), ("", "unknown"), (None, "unknown"),
    ],
)  # fmt: skip
def test_statuses_have_a_class(status: str | None, expected: str) -> None:
    assert classify_status(status) == expected

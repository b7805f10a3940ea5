from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from app.connectors.brand.mapping import map_inline
from app.core.errors import MappingError
from schemas.records import CustomerRecord, OrderRecord


def make_body(type_name: str = "customer.upsert", **data: Any) -> bytes:
    return orjson.dumps({"type": type_name, "data": {"external_id": "c-1", **data}})


def find_field(body: bytes) -> str:
    with pytest.raises(MappingError) as caught:
        map_inline(body)
    return caught.value.field


def test_a_document_becomes_its_record() -> None:
    record = map_inline(make_body(email="ana@example.com", source_updated_at="2026-01-31T12:00:00-03:00"))
    assert isinstance(record, CustomerRecord)
    assert record.email == "ana@example.com"
    assert record.source_updated_at == datetime(2026, 1, 31, 15, 0, tzinfo=UTC)


def test_an_order_has_its_items() -> None:
    record = map_inline(make_body("order.upsert", total_minor=5, items=[{"sku": "a", "quantity": 1}]))
    assert isinstance(record, OrderRecord)
    assert record.items[0].sku == "a"


def test_a_deletion_keeps_nothing_but_key_and_stamps() -> None:
    record = map_inline(make_body("customer.delete", email="ana@example.com", source_updated_at="2026-01-31T12:00:00Z"))
    assert record == CustomerRecord(
        external_id="c-1", source_updated_at=datetime(2026, 1, 31, 12, 0, tzinfo=UTC), is_deleted=True
    )


def test_the_time_of_the_event_stands_in_for_a_stamp() -> None:
    body = {"type": "customer.upsert", "timestamp": "2026-01-31T12:00:00Z", "data": {"external_id": "c-1"}}
    assert map_inline(orjson.dumps(body)).source_updated_at == datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def test_a_naive_time_is_utc_and_year_one_is_none() -> None:
    record = map_inline(make_body(source_created_at="0001-01-01T00:00:00", source_updated_at="2026-01-31T12:00:00"))
    assert record.source_created_at is None
    assert record.source_updated_at == datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "$"),
        (b"[]", "$"),
        (b"{}", "type"),
        (orjson.dumps({"type": "customer.merge", "data": {}}), "type"),
        (orjson.dumps({"type": ["customer.upsert"], "data": {}}), "type"),
        (orjson.dumps({"type": "customer.upsert"}), "data"),
        (orjson.dumps({"type": "customer.upsert", "data": []}), "data"),
        (orjson.dumps({"type": "customer.upsert", "data": {}}), "data.external_id"),
        (make_body(emial="x"), "data.emial"),
        (make_body(email=5), "data.email"),
        (make_body(missing=["external_id"]), "data.missing"),
        (make_body(missing=["nothing"]), "data.missing"),
        (make_body("order.upsert", total_minor=1.5), "data.total_minor"),
        (make_body("order.upsert", total_minor=True), "data.total_minor"),
        (make_body("order.upsert", total_minor="5"), "data.total_minor"),
        (make_body("order.upsert", total_minor=2**63), "data.total_minor"),
        (make_body("order.upsert", items=[{"quantity": 1}, {"quantity": False}]), "data.items[1].quantity"),
        (make_body("order.upsert", items=[{"colour": "x"}]), "data.items[0].colour"),
        (make_body(first_name="x" * 4_001), "data.first_name"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, field: str) -> None:
    assert find_field(body) == field


def test_an_error_never_repeats_a_value() -> None:
    with pytest.raises(MappingError) as caught:
        map_inline(make_body(birth_date="canary@example.com"))
    assert "canary" not in str(caught.value)
    assert caught.value.field == "data.birth_date"


def test_nul_and_lone_surrogates_are_made_storable() -> None:
    body = b'{"type": "customer.upsert", "data": {"external_id": "c-1", "first_name": "A\\u0000na\\ud800"}}'
    record = map_inline(body)
    assert isinstance(record, CustomerRecord)
    assert record.first_name == "Ana\ufffd"


@pytest.mark.parametrize("name", ["ana@example.com", "20-12345678-9", "1155551234", "Ana María"])
def test_a_name_that_is_no_fields_is_not_repeated_in_the_path(name: str) -> None:
    body = orjson.dumps({"type": "customer.upsert", "data": {"external_id": "c-1", name: 1}})
    assert find_field(body) == "data.?"


def test_a_misspelt_field_is_named() -> None:
    assert find_field(make_body(emial="ana@example.com")) == "data.emial"


def test_an_email_address_is_no_identifier() -> None:
    body = orjson.dumps({"type": "customer.upsert", "data": {"external_id": "ana@example.com"}})
    assert find_field(body) == "data.external_id"

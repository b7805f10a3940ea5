from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.connectors.vtex.mapping import map_customer
from app.core.errors import MappingError
from tests.unit.connectors.documents import NOW, make_client_document

EARLY, LATE = "2026-01-01T00:00:00.0000000Z", "2026-06-01T00:00:00.0000000Z"


def test_a_whole_document_becomes_a_whole_record() -> None:
    document = make_client_document()
    record = map_customer(document)
    assert record.external_id == document["id"]
    assert record.profile_id == document["userId"]
    assert record.email == document["email"]
    assert record.phones == (document["homePhone"],)
    assert record.first_name == document["firstName"]
    assert record.birth_date == date.fromisoformat(document["birthDate"][:10])
    assert record.accepts_marketing is document["isNewsletterOptIn"]
    assert len(record.addresses) == len(document["addresses"])
    assert record.source_updated_at == NOW
    assert record.missing == ()


@pytest.mark.parametrize("spelling", ["CL-ABC-1", "cl-abc-1", "ABC-1", "abc-1"])
def test_one_document_has_one_key(spelling: str) -> None:
    assert map_customer(make_client_document(id=spelling)).external_id == "abc-1"


@pytest.mark.parametrize("value", [None, "", 5, {}, "CL-", "a\x00"])
def test_a_customer_without_a_proper_id_names_the_field(value: object) -> None:
    with pytest.raises(MappingError) as caught:
        map_customer(make_client_document(id=value))
    assert caught.value.field == "id"


@pytest.mark.parametrize(
    "stamps",
    [
        {"createdIn": EARLY, "updatedIn": None, "lastInteractionIn": LATE},
        {"createdIn": EARLY, "updatedIn": LATE, "lastInteractionIn": EARLY},
        {"createdIn": LATE, "updatedIn": "0001-01-01T00:00:00", "lastInteractionIn": "?"},
    ],
)
def test_the_stamp_is_the_greatest_there_is(stamps: dict[str, Any]) -> None:
    record = map_customer(make_client_document(**stamps))
    assert record.source_updated_at == datetime(2026, 6, 1, tzinfo=UTC)


def test_no_stamp_is_none() -> None:
    record = map_customer({"id": "x"})
    assert record.source_updated_at is None
    assert record.source_created_at is None


def test_an_emptied_profile_keeps_what_is_held() -> None:
    emptied = dict.fromkeys(("firstName", "lastName", "document", "documentType", "homePhone", "birthDate", "gender"))
    record = map_customer(make_client_document(**emptied))
    assert record.missing == (
        "birth_date", "document", "document_type", "first_name", "gender", "last_name", "phones",
    )  # fmt: skip


def test_a_field_cleared_in_a_profile_with_a_name_is_cleared() -> None:
    assert map_customer(make_client_document(homePhone=None)).missing == ()


def test_a_field_that_was_not_asked_for_is_missing() -> None:
    document = make_client_document()
    for name in ("addresses", "gender", "localeDefault"):
        del document[name]
    assert map_customer(document).missing == ("addresses", "gender", "locale")


def test_masked_values_say_nothing() -> None:
    record = map_customer(make_client_document(firstName="A**", lastName="Gómez", document="***", email="a**@b**.c*"))
    assert (record.first_name, record.document, record.email) == (None, None, None)
    assert record.missing == ("document", "email", "first_name")


def test_phones_are_told_once_each() -> None:
    record = map_customer(make_client_document(homePhone="+5411", cellPhone="+5411", phone=" ", businessPhone="+5422"))
    assert record.phones == ("+5411", "+5422")


def test_addresses_have_one_order() -> None:
    addresses = [{"id": "b", "street": "Mitre"}, {"id": "a", "street": "Moreno"}, {}, None]
    one = map_customer(make_client_document(addresses=addresses))
    other = map_customer(make_client_document(addresses=addresses[::-1]))
    assert one.addresses == other.addresses
    assert [address.external_id for address in one.addresses] == ["a", "b"]


def test_an_alias_is_no_email() -> None:
    assert map_customer(make_client_document(email="0123456789abcdef0123456789abcdef@ct.vtex.com.br")).email is None

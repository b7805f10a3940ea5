"""Masks tell that there is a value, and not which."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from app.services.masking import HIDDEN, mask_email, mask_name, mask_number, mask_personal, reveal_personal
from schemas.records import Address, Buyer, CustomerRecord, OrderRecord


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("ana@example.org", "a…@e….org"),
        ("ana.gomez@mail.example.com.ar", "a…@m….ar"),
        ("al@ab.co", "…@….co"),
        ("ana@example.gomez", "a…@e….…"),
        ("a", "…"),
        ("no-address", "…"),
        ("@", "…"),
        ("", "…"),
    ],
)
def test_an_email_keeps_its_first_letters_and_a_short_ending(value: str, masked: str) -> None:
    assert mask_email(value) == masked


@pytest.mark.parametrize(
    ("value", "masked"),
    [("Ana", "A…"), ("Ana María Gómez", "A… M… G…"), ("Al", "…"), ("  ", "…"), ("'''", "…"), ("Ñata", "Ñ…")],
)
def test_a_name_keeps_first_letters(value: str, masked: str) -> None:
    assert mask_name(value) == masked


@pytest.mark.parametrize(
    ("value", "masked"),
    [("+54 11 4123-4567", "…67"), ("30.123.456", "…56"), ("12.345.678-K", "…"), ("123456", "…"), ("", "…")],
)
def test_a_number_keeps_two_digits(value: str, masked: str) -> None:
    assert mask_number(value) == masked


@given(st.text(max_size=60))
def test_a_masked_name_has_at_most_one_character_of_each_part(value: str) -> None:
    parts, masks = value.split(), mask_name(value).split()
    assert len(masks) == max(1, len(parts))
    for part, mask in zip(parts, masks, strict=False):
        assert mask == HIDDEN or (mask == part[0] + HIDDEN and len(part) >= 3)


@given(st.emails() | st.text(max_size=60))
def test_a_masked_email_has_at_most_one_character_of_each_part(value: str) -> None:
    masked = mask_email(value)
    shown = masked.replace(HIDDEN, "")
    head, _, ending = shown.rpartition(".")
    assert len(ending) <= 3
    assert len(head.replace("@", "")) <= 2
    assert masked == HIDDEN or masked != value


@given(st.text(max_size=60))
def test_a_masked_number_has_at_most_two_characters(value: str) -> None:
    assert len(mask_number(value).replace(HIDDEN, "")) <= 2


TEXT = st.text(alphabet="qwxyz", min_size=4, max_size=9)
ADDRESS = st.builds(Address, **dict.fromkeys(Address.model_fields, TEXT))
BUYER = st.builds(Buyer, **{name: TEXT for name in Buyer.model_fields if name != "is_corporate"})
CUSTOMER = st.builds(
    CustomerRecord,
    external_id=st.just("1"),
    phones=st.tuples(TEXT),
    birth_date=st.just(date(1987, 6, 5)),
    addresses=st.tuples(ADDRESS),
    **dict.fromkeys(CustomerRecord.PERSONAL - {"phones", "birth_date", "addresses"}, TEXT),
)
ORDER = st.builds(OrderRecord, external_id=st.just("1"), buyer=BUYER, shipping_address=ADDRESS, cancel_reason=TEXT)


@given(CUSTOMER | ORDER)
def test_no_personal_value_of_a_record_is_in_its_masked_form(record: CustomerRecord | OrderRecord) -> None:
    masked = str(mask_personal(record))
    values = list(list_values(reveal_personal(record)))
    assert len(values) >= 20
    assert not [value for value in values if f"'{value}'" in masked]
    assert mask_personal(record).keys() == record.PERSONAL


def list_values(value: Any) -> Any:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from list_values(part)
    elif isinstance(value, str):
        yield value


def test_a_field_without_a_rule_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(CustomerRecord):
        nickname: str | None = None

    monkeypatch.setattr(Later, "PERSONAL", frozenset({"nickname"}))
    assert issubclass(Later, BaseModel)
    assert mask_personal(Later(external_id="1", nickname="Anita")) == {"nickname": HIDDEN}

from decimal import Decimal

import pytest
from babel.numbers import get_currency_precision
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.mercadolibre.sites import SITES, find_site
from app.connectors.money import convert_micros, find_digits, read_currency, read_decimal, read_minor, scale
from app.core.errors import MappingError


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("14.35", "USD", 1_435),
        ("14", "USD", 1_400),
        (14.35, "USD", 1_435),
        (0.1 + 0.2, "USD", 30),
        (1562.1, "MXN", 156_210),
        ("14357.5", "CLP", 14_358),
        ("-0.005", "USD", -1),
        ("0.005", "USD", 1),
        ("0.0049", "USD", 0),
        ("1.2345", "KWD", 1_235),
        (7, "JPY", 7),
        (2**53, "CLP", 2**53),
        ("", "USD", None),
        (None, "USD", None),
    ],
)
def test_amounts_become_minor_units_of_their_currency(value: object, currency: str, minor: int | None) -> None:
    assert read_minor(value, currency, "x") == minor


@pytest.mark.parametrize(
    "value",
    ["1,50", "1e5", "NaN", "Infinity", "0x1", "1.5.0", "--1", "uno", True, [], {}, float("nan"), float("inf"), 1e300,
     10**30, "9" * 25, "99999999999999999999", "\u0661"],
    ids=repr,
)  # fmt: skip
def test_what_is_no_amount_is_named(value: object) -> None:
    with pytest.raises(MappingError) as caught:
        read_minor(value, "USD", "data[0].spend")
    assert caught.value.field == "data[0].spend"


@pytest.mark.parametrize(
    ("micros", "currency", "minor"),
    [(1_234_567_000, "ARS", 123_457), (5_000, "USD", 1), (4_999, "USD", 0), (-5_000, "USD", -1), (1_500_000, "CLP", 2),
     (1_499_999, "CLP", 1), (1, "KWD", 0), (500, "KWD", 1), (10**17, "USD", 10**13)],
)  # fmt: skip
def test_millionths_become_minor_units(micros: int, currency: str, minor: int) -> None:
    assert convert_micros(micros, currency, "x") == minor


@given(st.integers(-(10**15), 10**15), st.sampled_from(["ARS", "CLP", "KWD"]))
def test_whole_minor_units_come_back_from_text_and_from_numbers(minor: int, currency: str) -> None:
    major = Decimal(minor).scaleb(-find_digits(currency))
    assert read_minor(f"{major:f}", currency, "x") == minor
    assert read_minor(float(major), currency, "x") == minor
    assert scale(read_decimal(f"{major:f}", "x") or Decimal(0), find_digits(currency), "x") == minor


@pytest.mark.parametrize("value", [None, "", "AR", "ARSX", "Á1S", 5, {}, "12 "])
def test_what_is_no_currency_is_named(value: object) -> None:
    with pytest.raises(MappingError) as caught:
        read_currency(value, "account_currency")
    assert caught.value.field == "account_currency"


def test_currencies_of_the_sites_have_as_many_decimals_as_pages_show() -> None:
    currencies = {find_site(site).currency for site in SITES}
    assert {one: find_digits(one) for one in currencies} == {one: get_currency_precision(one) for one in currencies}

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.connectors.reading import JsonObject, check_identifier, find_latest, parse_json, read_moment
from app.core.errors import MappingError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1160, 1160),
        (-250, -250),
        (0, 0),
        (2**31, 2**31),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (1160.0, 1160),
        ("1160", 1160),
        (" -5 ", -5),
        (None, None),
        ("", None),
        ({}, None),
        ([], None),
    ],
)
def test_a_number_is_read_exactly(value: object, expected: int | None) -> None:
    assert JsonObject({"value": value}).find_integer("value") == expected


@pytest.mark.parametrize(
    "value",
    [True, False, 1.5, float("nan"), float("inf"), 2**63, -(2**63) - 1, 1e17, "11.60", "abc", "9" * 30, {"a": 1}, [1]],
)
def test_a_number_that_cannot_be_kept_is_an_error_that_names_its_path(value: object) -> None:
    document = JsonObject({"items": [{}, {"price": value}]})
    with pytest.raises(MappingError) as caught:
        document.get_objects("items")[1].find_integer("price")
    assert caught.value.field == "items[1].price"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2019-08-14T17:11:39.2550122Z", datetime(2019, 8, 14, 17, 11, 39, 255012, UTC)),
        ("2019-08-12T20:54:01.134057Z", datetime(2019, 8, 12, 20, 54, 1, 134057, UTC)),
        ("2022-12-15T20:32:06.6120711", datetime(2022, 12, 15, 20, 32, 6, 612071, UTC)),
        ("2019-01-28T20:09:43.8999580+00:00", datetime(2019, 1, 28, 20, 9, 43, 899958, UTC)),
        ("2024-01-01T00:00:00-03:00", datetime(2024, 1, 1, 3, 0, tzinfo=UTC)),
        ("0001-01-01T00:00:00", None),
        ("0001-01-01T00:00:00+03:00", None),
        ("9999-12-31T23:59:59.9999999Z", None),
        ("9999-12-31T23:59:59-03:00", None),
        ("1753-01-01T00:00:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1_700_000_000, None),
        ({}, None),
    ],
)
def test_times_become_utc_and_placeholders_none(value: object, expected: datetime | None) -> None:
    moment = read_moment(value)
    assert moment == expected
    assert moment is None or moment.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("  Ana  ", "Ana"),
        ("", None),
        ("   ", None),
        ("\x00", None),
        ("A\x00na", "Ana"),
        ("Ana\ud800", "Ana\ufffd"),
        (5, "5"),
        (5.0, "5"),
        (2.5, "2.5"),
        (float("nan"), None),
        (10**40, None),
        (True, None),
        ({"a": 1}, None),
        (["x"], None),
    ],
)
def test_text_is_made_storable(value: object, expected: str | None) -> None:
    assert JsonObject({"name": value}).find_text("name") == expected


def test_long_text_is_cut() -> None:
    assert JsonObject({"name": "x" * 10_000_000}).find_text("name", chars_max=50) == "x" * 50


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        ("true", True),
        ("False", False),
        (1, True),
        (0, False),
        ("1", True),
        (2, None),
        ("x", None),
        ([], None),
    ],
)
def test_a_flag_is_read_leniently(value: object, expected: bool | None) -> None:
    assert JsonObject({"isGift": value}).find_flag("isGift") is expected


def test_shapes_that_stand_for_each_other_are_taken() -> None:
    document = JsonObject({"one": [{"a": "1"}], "many": {"a": "2"}, "none": {}, "words": "x", "mixed": [1, {"a": "3"}]})
    assert document.get_object("one").find_text("a") == "1"
    assert [item.find_text("a") for item in document.get_objects("many")] == ["2"]
    assert document.get_objects("none") == []
    assert document.get_objects("words") == []
    assert [item.path for item in document.get_objects("mixed")] == ["mixed[1]"]
    assert not document.get_object("words").get_object("deeper")


@pytest.mark.parametrize("value", [None, "", "  ", 5, True, {}, "a\x00b", "a\ud800", "x" * 201, "a\nb", ".", ".."])
def test_an_identifier_is_taken_unaltered_or_not_at_all(value: Any) -> None:
    with pytest.raises(MappingError) as caught:
        check_identifier(value, "orderId")
    assert caught.value.field == "orderId"


def test_a_birthday_loses_its_time_of_day() -> None:
    assert JsonObject({"d": "1985-03-12T00:00:00Z"}).find_day("d") == date(1985, 3, 12)
    assert JsonObject({"d": "0001-01-01T00:00:00"}).find_day("d") is None
    assert JsonObject({"d": "12/03/1985"}).find_day("d") is None


def test_the_latest_of_no_stamps_is_none() -> None:
    assert find_latest(None, None) is None


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"\xff", b"[" * 100_000, b'{"a":' * 5_000])
def test_what_is_no_json_is_named_so(body: bytes) -> None:
    with pytest.raises(MappingError) as caught:
        parse_json(body)
    assert caught.value.field == "$"


def test_json_that_a_field_can_still_refuse_is_let_through() -> None:
    assert parse_json(b'{"a": "\\ud800"}') == {"a": "\ud800"}
    document = parse_json(b'{"a": NaN, "b": ' + b"9" * 5_000 + b"}")
    for name in ("a", "b"):
        with pytest.raises(MappingError):
            JsonObject(document).find_integer(name)

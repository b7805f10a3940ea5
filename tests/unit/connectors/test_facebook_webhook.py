import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.facebook_ads.webhook import (
    CHANGES_MAX,
    Change,
    answer_challenge,
    parse_delivery,
    verify_signature,
)
from app.core.errors import MappingError

SECRET = "0123456789abcdef0123456789abcdef"
# As Meta sends it: blanks and escapes that nobody who wrote it anew would make.
BODY = (
    rb'{"object": "page", "entry":[{"id":"10203040","time":1793716800,'
    rb'"changes":[{"field":"leadgen","value":{"name":"Luc\u00eda"}}]}]}'
)


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()


def test_a_signature_of_a_known_body_is_what_it_was() -> None:
    body = b'{"object":"page","entry":[]}'
    header = "sha256=cffc9df26568338e00bd5d214847a728a0df8afe40129cdd6ceef8170a6d5abb"
    assert verify_signature(body, header, ["EXAMPLE_SECRET"])


def test_it_is_made_over_the_raw_bytes() -> None:
    header = sign(BODY)
    assert verify_signature(BODY, header, [SECRET])
    for written_anew in (json.dumps(json.loads(BODY)), json.dumps(json.loads(BODY), ensure_ascii=False)):
        assert not verify_signature(written_anew.encode(), header, [SECRET])


def test_any_of_the_secrets_will_do_and_no_other() -> None:
    assert verify_signature(BODY, sign(BODY, "old"), [SECRET, "old"])
    assert not verify_signature(BODY, sign(BODY, "old"), [SECRET])


@pytest.mark.parametrize(
    "header",
    [None, "", "sha256=", sign(BODY)[7:], sign(BODY).upper(), sign(BODY) + "0", " " + sign(BODY), sign(BODY) + "\n",
     sign(BODY).replace("sha256", "sha1"), "sha256=" + "\u0660" * 64, "sha256=" + "0" * 64],
    ids=repr,
)  # fmt: skip
def test_a_header_of_another_form_is_no_signature(header: str | None) -> None:
    assert not verify_signature(BODY, header, [SECRET])


def test_an_empty_secret_is_a_disabled_address() -> None:
    assert not verify_signature(BODY, sign(BODY, ""), [""])
    assert not verify_signature(BODY, sign(BODY), [])


QUERY = {"hub.mode": "subscribe", "hub.verify_token": "token-of-ours", "hub.challenge": "1158201444"}


def test_the_challenge_is_answered_to_who_knows_the_token() -> None:
    assert answer_challenge(QUERY, "token-of-ours") == "1158201444"


@pytest.mark.parametrize(
    "changes",
    [
        {"hub.verify_token": "token-of-others"},
        {"hub.verify_token": ""},
        {"hub.verify_token": "tóken-of-ours"},
        {"hub.mode": "unsubscribe"},
        {"hub.challenge": ""},
        {"hub.challenge": "<script>"},
        {"hub.challenge": "1" * 201},
        {"hub.challenge": "1\r\nSet-Cookie: x"},
    ],
    ids=repr,
)
def test_nobody_else_is_answered_nor_anything_that_is_no_challenge(changes: dict[str, str]) -> None:
    assert answer_challenge(QUERY | changes, "token-of-ours") is None
    assert answer_challenge({}, "token-of-ours") is None


def test_an_empty_token_is_a_disabled_address_too() -> None:
    assert answer_challenge(QUERY | {"hub.verify_token": ""}, "") is None
    assert answer_challenge(QUERY, "") is None


def test_a_delivery_becomes_who_and_what_without_the_values() -> None:
    changes = parse_delivery(json.loads(BODY))
    assert changes == [Change("page", "10203040", "leadgen", datetime.fromtimestamp(1793716800, UTC))]
    assert "Luc" not in repr(changes)


def test_several_entries_are_told_each_once() -> None:
    entry: dict[str, Any] = {
        "id": 7,
        "time": 5,
        "changes": [{"field": "feed"}, {"field": "feed"}, {"field": "leadgen"}],
    }
    other = {"id": "8", "changes": [{"field": "feed"}]}
    found = parse_delivery({"object": "page", "entry": [entry, other, entry]})
    assert [(one.owner_id, one.field) for one in found] == [("7", "feed"), ("7", "leadgen"), ("8", "feed")]
    assert found[2].at is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, "$"),
        ([], "$"),
        ({}, "object"),
        ({"object": 5}, "object"),
        ({"object": "a b"}, "object"),
        ({"object": "page", "entry": [{"id": "x"}]}, "entry[0].id"),
        ({"object": "page", "entry": [{"id": "1", "changes": [{"field": "../x"}]}]}, "entry[0].changes[0].field"),
        (
            {"object": "page", "entry": [{"id": n + 1, "changes": [{"field": "a"}]} for n in range(CHANGES_MAX + 1)]},
            "entry",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_delivery_is_refused_with_a_field(body: object, field: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse_delivery(body)
    assert caught.value.field == field


@given(st.binary(max_size=60), st.text(max_size=80))
def test_any_body_and_header_is_only_not_verified(body: bytes, header: str) -> None:
    assert verify_signature(body, header, [SECRET]) == (header == sign(body))

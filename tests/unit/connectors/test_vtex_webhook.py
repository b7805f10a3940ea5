from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.contract import Call, Hint, Ignored, Ping
from app.connectors.vtex.webhook import parse_order_hook, parse_trigger
from app.core.errors import MappingError

NOTIFICATION = {
    "Domain": "Marketplace",
    "OrderId": "1268540501456-01",
    "State": "payment-approved",
    "LastState": "payment-pending",
    "LastChange": "2026-08-14T17:11:39.2550122Z",
    "CurrentChange": "2026-08-14T17:12:48.0965893Z",
    "Origin": {"Account": "Acme", "Key": "vtexappkey-acme-ABCDEF"},
}
STAMP = datetime(2026, 8, 14, 17, 12, 48, 96589, UTC)


def make_notification(**changes: Any) -> dict[str, Any]:
    return {**NOTIFICATION, **changes}


def parse_hint(body: object) -> Hint:
    call = parse_order_hook(body)
    assert isinstance(call, Hint)
    return call


def test_a_notification_becomes_a_pointer() -> None:
    assert parse_hint(NOTIFICATION) == Hint(
        account="acme",
        app_key="vtexappkey-acme-ABCDEF",
        kind="order",
        action="upsert",
        object_id="1268540501456-01",
        state="payment-approved",
        stamp=STAMP,
    )


def test_camel_case_is_taken_too() -> None:
    body = {
        "orderId": "v1-01",
        "state": "invoiced",
        "currentChange": "2026-08-14T17:12:48.0965893Z",
        "origin": {"account": "acme", "key": "k"},
    }
    hint = parse_hint(body)
    assert (hint.object_id, hint.state, hint.stamp, hint.account) == ("v1-01", "invoiced", STAMP, "acme")


def test_the_stamp_is_the_later_of_both_changes() -> None:
    swapped = make_notification(LastChange=NOTIFICATION["CurrentChange"], CurrentChange=NOTIFICATION["LastChange"])
    assert parse_hint(swapped).stamp == STAMP


@pytest.mark.parametrize("missing", ["CurrentChange", "LastState", "Domain", "State"])
def test_it_does_without_what_may_be_absent(missing: str) -> None:
    body = {name: value for name, value in NOTIFICATION.items() if name != missing}
    assert parse_hint(body).object_id == "1268540501456-01"


def test_year_one_means_no_time() -> None:
    body = make_notification(CurrentChange="0001-01-01T00:00:00", LastChange="0001-01-01T00:00:00")
    assert parse_hint(body).stamp is None


@pytest.mark.parametrize("state", ["unknow", None, "", "has spaces and a name", "x" * 61, {}])
def test_a_state_that_says_nothing_is_none(state: object) -> None:
    assert parse_hint(make_notification(State=state)).state is None


def test_a_state_nobody_knows_is_kept() -> None:
    assert parse_hint(make_notification(State="detail.state.null")).state == "detail.state.null"


def test_the_ping_is_known() -> None:
    assert parse_order_hook({"hookConfig": "ping"}) == Ping()


def test_a_ping_with_anything_else_is_none() -> None:
    with pytest.raises(MappingError):
        parse_order_hook({"hookConfig": "ping", "more": 1})


@pytest.mark.parametrize("order_id", [None, "", "  ", 5, True, {}, [], "a\x00", "a\ud800", "..", "x" * 201])
def test_an_order_id_that_is_none_is_named(order_id: object) -> None:
    with pytest.raises(MappingError) as caught:
        parse_order_hook(make_notification(OrderId=order_id))
    assert caught.value.field == "OrderId"


@pytest.mark.parametrize("origin", [None, {}, [], "acme", {"Account": None}, {"Account": 5}, {"Account": "a b"}])
def test_an_account_that_is_none_is_named(origin: object) -> None:
    with pytest.raises(MappingError) as caught:
        parse_order_hook(make_notification(Origin=origin))
    assert caught.value.field == "Origin.Account"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


def assert_parsed_or_named(parse: Callable[[], Call]) -> None:
    try:
        call = parse()
    except MappingError as error:
        refusal = error
    else:
        assert isinstance(call, Hint | Ping | Ignored)
        return
    assert refusal.field


@given(st.dictionaries(st.sampled_from([*NOTIFICATION, "orderId", "hookConfig"]), JSON) | JSON)
def test_any_body_is_parsed_or_refused_with_a_field(body: object) -> None:
    assert_parsed_or_named(lambda: parse_order_hook(body))


GUID = "2f5dde81-1613-11ea-82ee-12f868feb457"
TRIGGER = {
    "id": GUID,
    "userId": GUID,
    "email": "ana@example.com",
    "updatedIn": "2026-03-19T21:43:29.7132146Z",
    "lastInteractionIn": "2026-03-19T21:43:30.0000000Z",
    "accountName": "Acme",
    "dataEntityId": "CL",
}


def parse_trigger_hint(query: dict[str, str], body: object | None) -> Hint:
    call = parse_trigger(query, body)
    assert isinstance(call, Hint)
    return call


def test_a_trigger_becomes_a_pointer_without_the_email() -> None:
    hint = parse_trigger_hint({}, TRIGGER)
    stamp = datetime(2026, 3, 19, 21, 43, 30, tzinfo=UTC)
    assert hint == Hint("acme", None, "customer", "upsert", GUID, None, stamp, profile_id=GUID)
    assert "ana@example.com" not in repr(hint)


@pytest.mark.parametrize("spelling", [f"CL-{GUID}", GUID.upper(), f"  cl-{GUID.upper()} "])
def test_one_document_has_one_pointer(spelling: str) -> None:
    assert parse_trigger_hint({"id": spelling}, None).object_id == GUID


@pytest.mark.parametrize(
    "query",
    [
        {"remove": "true"},
        {"Remove": "1"},
        {"action": "delete"},
        {"event": "deleted"},
        {"type": "DELETE"},
        {"operation": "removed"},
    ],
)
def test_a_deletion_is_told_in_the_address(query: dict[str, str]) -> None:
    assert parse_trigger_hint(query, TRIGGER).action == "delete"


@pytest.mark.parametrize("query", [{}, {"remove": "false"}, {"action": "insert"}, {"type": "whatever"}])
def test_everything_else_is_an_upsert(query: dict[str, str]) -> None:
    assert parse_trigger_hint(query, TRIGGER).action == "upsert"


@pytest.mark.parametrize("name", ["id", "ID", "documentId", "document_id", "document-id"])
def test_names_are_lenient(name: str) -> None:
    assert parse_trigger_hint({name: GUID}, None).object_id == GUID


def test_a_user_id_alone_points_too() -> None:
    assert parse_trigger_hint({"userId": GUID.upper()}, None).object_id == f"userId:{GUID}"


def test_an_address_points_at_its_customer() -> None:
    hint = parse_trigger_hint({"action": "delete"}, {"id": "some-address", "userId": GUID, "dataEntityId": "AD"})
    assert (hint.object_id, hint.action) == (f"userId:{GUID}", "upsert")


def test_another_entity_is_ignored_by_name() -> None:
    assert parse_trigger({}, {"id": GUID, "dataEntityId": "BK"}) == Ignored("data_entity")


@pytest.mark.parametrize("placeholder", ["{!id}", "{! id }", "CL-{!id}"])
def test_a_placeholder_left_in_is_explained(placeholder: str) -> None:
    with pytest.raises(MappingError, match="entity CL") as caught:
        parse_trigger({}, {"id": placeholder, "email": "ana@example.com"})
    assert caught.value.field == "id"
    assert "ana@" not in str(caught.value)


def test_a_placeholder_does_no_harm_beside_a_user_id() -> None:
    assert parse_trigger_hint({}, {"id": "{!id}", "userId": GUID}).object_id == f"userId:{GUID}"


@pytest.mark.parametrize("body", [{}, None, {"email": "ana@example.com"}, {"id": ""}, {"id": None}, {"id": 5}])
def test_an_email_is_never_a_pointer(body: object | None) -> None:
    with pytest.raises(MappingError) as caught:
        parse_trigger({}, body)
    assert caught.value.field == "id"


@pytest.mark.parametrize("value", ["ana@example.com", "a/b", "a b", "x" * 101, "../x", "a\x00"])
def test_an_id_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(MappingError):
        parse_trigger({"id": value}, None)


@given(JSON, st.dictionaries(st.sampled_from(["id", "userId", "action", "remove"]), st.text(max_size=20)))
def test_any_trigger_is_parsed_or_refused_with_a_field(body: object, query: dict[str, str]) -> None:
    assert_parsed_or_named(lambda: parse_trigger(query, body))

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.contract import Call, Hint, Ignored
from app.connectors.mercadolibre.webhook import parse_notification
from app.core.errors import MappingError

APPLICATION, USER = "5503910054141466123", "468424240"
NOTIFICATION = {
    "_id": "f9f08571-1f65-4c46-9e0a-c0f43faas1557e",
    "resource": "/orders/2000011223344556",
    "user_id": 468424240,
    "topic": "orders_v2",
    "application_id": 5503910054141466123,
    "attempts": 1,
    "sent": "2026-11-03T16:19:20.129Z",
    "received": "2026-11-03T16:19:20.106Z",
}


def parse(users: set[str] | None = None, applications: set[str] | None = None, **changes: Any) -> Call:
    body = {name: value for name, value in (NOTIFICATION | changes).items() if value is not ...}
    return parse_notification(
        body,
        applications={APPLICATION} if applications is None else applications,
        users={USER} if users is None else users,
    )


def test_a_notification_becomes_a_pointer_without_a_stamp() -> None:
    assert parse() == Hint(
        account=USER,
        app_key=APPLICATION,
        kind="order",
        action="upsert",
        object_id="2000011223344556",
        state=None,
        stamp=None,
    )


@pytest.mark.parametrize(
    ("topic", "resource", "pointer"),
    [
        ("orders_v2", "orders/2195160686", "2195160686"),
        ("shipments", "/shipments/45001002003", "shipment:45001002003"),
        ("payments", "/collections/90111222333", "payment:90111222333"),
        ("payments", "/payments/90111222333", "payment:90111222333"),
    ],
)
def test_what_changes_an_order_points_at_it(topic: str, resource: str, pointer: str) -> None:
    call = parse(topic=topic, resource=resource)
    assert isinstance(call, Hint)
    assert (call.kind, call.object_id) == ("order", pointer)


@pytest.mark.parametrize(
    "topic", ["items", "questions", "messages", "post_purchase", "invoices", "user_products", "x y"]
)
def test_other_topics_are_ignored_whatever_their_resource(topic: str) -> None:
    assert parse(topic=topic, resource="/items/MLA686791111") == Ignored("topic")
    assert parse(topic=topic, resource=...) == Ignored("topic")


def test_ids_may_be_text() -> None:
    assert parse(user_id=USER, application_id=APPLICATION) == parse()


def test_neither_anothers_application_nor_anothers_seller_is_taken() -> None:
    assert parse(application_id=1) == Ignored("application_not_ours")
    assert parse(user_id=1) == Ignored("account_not_listed")
    assert parse(users={"468424241"}) == Ignored("account_not_listed")


def test_who_has_no_application_or_seller_takes_nobodys() -> None:
    assert parse(applications=set()) == Ignored("application_not_ours")
    assert parse(users=set()) == Ignored("account_not_listed")


@pytest.mark.parametrize(
    "resource",
    ["", "/", "/orders/", "/orders/1/feedback", "/orders/../users/me", "/orders/1?x=/orders/2", "/orders/1#",
     "/orders/1\n", "//orders/1", "https://api.example/orders/1", "/orders/-1", "/orders/1.5", "/orders/\u0661",
     "/shipments/1", "/orders/12345678901234567890", 2195160686, None, {}, ["/orders/1"]],
    ids=repr,
)  # fmt: skip
def test_a_resource_of_another_form_is_never_a_pointer(resource: object) -> None:
    with pytest.raises(MappingError) as caught:
        parse(resource=resource)
    assert caught.value.field == "resource"
    assert "users/me" not in str(caught.value)


@pytest.mark.parametrize("name", ["user_id", "application_id"])
@pytest.mark.parametrize("value", [..., None, "", "x", True, 1.5, -1, {}, "1 ", "\u0661"], ids=repr)
def test_who_is_meant_must_be_told(name: str, value: object) -> None:
    changes: dict[str, Any] = {name: value}
    with pytest.raises(MappingError) as caught:
        parse(**changes)
    assert caught.value.field == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*NOTIFICATION]), JSON).map(lambda changes: NOTIFICATION | changes) | JSON)
def test_any_body_is_parsed_or_refused_with_a_field(body: object) -> None:
    try:
        call = parse_notification(body, applications={APPLICATION}, users={USER})
    except MappingError as error:
        call = Ignored(error.field)
    assert isinstance(call, Hint) or call.reason  # type: ignore[union-attr]

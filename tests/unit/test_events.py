"""The queue's entry form and the event ids."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Event, decode_event, encode_event
from schemas.ids import find_received_on, make_uuid7, read_uuid7_ms

MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(
    st.builds(
        Event,
        event_id=st.just("0193"),
        source=st.sampled_from(["vtex", "brand"]),
        account=st.text(),
        integration_id=st.integers(0, 2**31),
        form=st.sampled_from(["hint", "inline"]),
        kind=st.sampled_from(["order", "customer"]),
        action=st.sampled_from(["upsert", "delete"]),
        object_id=st.text(),
        state=st.none() | st.text(),
        stamp=st.none() | MOMENTS,
        signed_at=st.none() | MOMENTS,
        sealed=st.none() | st.binary(),
        profile_id=st.none() | st.text(),
    )
)
def test_an_event_is_read_back_as_it_was_written(event: Event) -> None:
    assert decode_event("0193", encode_event(event)) == event


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"s":"vtex"}'])
def test_an_entry_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode_event("0193", body)


def test_ids_carry_their_millisecond_and_day() -> None:
    moment = datetime(2026, 11, 23, 23, 59, 59, 999_000, tzinfo=UTC)
    event_id = make_uuid7(int(moment.timestamp() * 1000))
    assert read_uuid7_ms(event_id) == int(moment.timestamp() * 1000)
    assert find_received_on(event_id) == date(2026, 11, 23)
    assert event_id[14] == "7"
    assert event_id[19] in "89ab"


def test_ids_do_not_repeat() -> None:
    assert len({make_uuid7(1) for _ in range(10_000)}) == 10_000

"""The table of a comparison: what is listed against what is held."""

from datetime import UTC, datetime, timedelta

from app.connectors.listing import Listing
from schemas.held_state import HeldState
from workers.sync_differences import tell_differences

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SETTLED = NOW - timedelta(minutes=5)


def hold(external_id: str, status: str = "invoiced", *, minutes_ago: float = 60, is_deleted: bool = False) -> HeldState:
    observed_at = NOW - timedelta(minutes=minutes_ago)
    return HeldState(external_id, observed_at, observed_at, is_deleted, NOW - timedelta(days=1), status)


def compare(
    listed: dict[str, str], *held: HeldState, others: tuple[HeldState, ...] = (), is_complete: bool = True
) -> dict[str, str]:
    found = tell_differences(
        {external_id: Listing(external_id, status) for external_id, status in listed.items()},
        {state.external_id: state for state in held},
        {state.external_id: state for state in others},
        describe=lambda state: state.status or "",
        settled_before=SETTLED,
        is_complete=is_complete,
        day=NOW.date(),
    )
    return dict(found.kinds)


def test_equal_fingerprints_are_no_difference() -> None:
    assert compare({"a": "invoiced"}, hold("a")) == {}


def test_each_kind_of_difference_is_told() -> None:
    held = (hold("stale", "handling"), hold("unlisted"))
    assert compare({"missing": "invoiced", "stale": "invoiced"}, *held) == {
        "missing": "missing", "stale": "stale", "unlisted": "unlisted",
    }  # fmt: skip


def test_a_row_under_another_time_is_held_all_the_same() -> None:
    assert compare({"a": "invoiced"}, others=(hold("a"),)) == {}
    assert compare({"a": "invoiced"}, others=(hold("a", "handling"),)) == {"a": "stale"}


def test_a_tombstone_that_is_listed_is_missing() -> None:
    assert compare({"a": "invoiced"}, others=(hold("a", is_deleted=True),)) == {"a": "missing"}


def test_what_was_observed_after_the_list_was_made_is_left_to_the_next_look() -> None:
    assert compare({"a": "invoiced"}, hold("a", "handling", minutes_ago=1), hold("b", minutes_ago=1)) == {}


def test_nothing_follows_from_what_an_incomplete_list_does_not_show() -> None:
    assert compare({}, hold("a"), is_complete=False) == {}

"""Windows of a repair: every moment is compared once, however they are cut; a checkpoint is what it was."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from workers.sync_differences import Differences
from workers.sync_windows import Found, RepairCheckpoint, Suspect, Window, plan_windows

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def covers_once(windows: list[Window], since: datetime, until: datetime) -> bool:
    ordered = sorted(windows)
    return (
        ordered[0].start == since
        and ordered[-1].end == until
        and all(one.end == other.start for one, other in itertools.pairwise(ordered))
    )


@given(since=MOMENTS, until=MOMENTS, history_days=st.integers(1, 900))
def test_the_plan_covers_every_moment_once_and_no_day_twice(
    since: datetime, until: datetime, history_days: int
) -> None:
    windows = list(plan_windows(since, until, history_days))
    if until <= since:
        assert windows == []
        return
    assert covers_once(windows, since, until)
    assert windows == sorted(windows, reverse=True), "the newest first"
    recent = [window for window in windows if window.start >= until - timedelta(days=history_days)]
    assert all((window.end - timedelta(microseconds=1)).date() == window.start.date() for window in recent)


@given(start=MOMENTS, length=st.timedeltas(timedelta(seconds=2), timedelta(days=900)), cuts=st.integers(1, 12))
def test_halves_cover_what_they_were_cut_from_until_they_cannot_be_cut(
    start: datetime, length: timedelta, cuts: int
) -> None:
    checkpoint = RepairCheckpoint(start, start, (Window(start, start + length),))
    for _ in range(cuts):
        if not checkpoint.windows[0].can_be_halved:
            break
        checkpoint = checkpoint.halve_first()
        assert all(window.end > window.start for window in checkpoint.windows)
    assert covers_once(list(checkpoint.windows), start, start + length)


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    now = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
    checkpoint = RepairCheckpoint(
        now, now - timedelta(days=3), plan_windows(now - timedelta(days=3), now, 2), frozenset({"a"}), Found(1, 2, 3),
        (Suspect("c-1", now),), 17,
    )  # fmt: skip
    assert RepairCheckpoint.from_json(checkpoint.to_json()) == checkpoint


def test_what_was_found_adds_up_over_the_parts_of_a_window_and_begins_anew_with_the_next() -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    checkpoint = RepairCheckpoint(now, now, plan_windows(now - timedelta(days=2), now, 9))
    differences = Differences({"a": "missing", "b": "stale", "c": "stale", "d": "unlisted"})
    checkpoint = checkpoint.add(["a", "b"], differences, ()).add(["c", "d"], differences, [Suspect("d", now)])
    assert checkpoint.found == Found(missing=1, stale=2, unlisted=1)
    assert checkpoint.done == {"a", "b", "c", "d"}
    after = checkpoint.drop_first(10)
    assert (after.found, after.done, after.listed, len(after.windows)) == (Found(), frozenset(), 10, 1)
    assert after.suspects == (Suspect("d", now),)
    assert after.clear({"d"}).suspects == ()

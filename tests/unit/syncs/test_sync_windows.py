"""Windows of a repair: every moment is compared once, however they are cut; a checkpoint is what it was."""

import itertools
from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from workers.sync_windows import RepairCheckpoint, Suspect, Window, plan_windows

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def covers_once(windows: list[Window], since: datetime, until: datetime) -> bool:
    ordered = sorted(windows)
    return (
        ordered[0].start == since
        and ordered[-1].end == until
        and all(one.end == other.start for one, other in itertools.pairwise(ordered))
    )


@given(since=MOMENTS, until=MOMENTS, window_days=st.integers(1, 90), history_days=st.integers(1, 900))
def test_the_plan_covers_every_moment_once_in_windows_of_whole_days(
    since: datetime, until: datetime, window_days: int, history_days: int
) -> None:
    windows = list(plan_windows(since, until, window_days, history_days))
    if until <= since:
        assert windows == []
        return
    assert covers_once(windows, since, until)
    assert windows == sorted(windows, reverse=True), "the newest first"
    recent = [window for window in windows if window.end > until - timedelta(days=history_days)]
    assert all(window.end - window.start <= timedelta(days=window_days) for window in recent)
    assert len(windows) - len(recent) <= 1, "what is older is one window, to be cut where it is too much"
    assert all(window.start.time() == time() for window in windows[:-1])


@given(start=MOMENTS, length=st.timedeltas(timedelta(seconds=1), timedelta(days=900)), cuts=st.integers(1, 12))
def test_halves_cover_what_they_were_cut_from_until_they_cannot_be_cut(
    start: datetime, length: timedelta, cuts: int
) -> None:
    checkpoint = RepairCheckpoint(start, start, (Window(start, start + length),), 0)
    for _ in range(cuts):
        if not checkpoint.windows[0].can_be_halved:
            break
        checkpoint = checkpoint.halve_first()
        assert all(window.end > window.start for window in checkpoint.windows)
    assert covers_once(list(checkpoint.windows), start, start + length)


@given(start=MOMENTS, length=st.timedeltas(timedelta(0), timedelta(days=900)), is_first=st.booleans())
def test_cutting_comes_to_an_end_however_crooked_the_moments_are(
    start: datetime, length: timedelta, is_first: bool
) -> None:
    window, cuts = Window(start, start + length), 0
    while window.can_be_halved:
        window = window.halve()[0 if is_first else 1]
        cuts += 1
    assert cuts <= 32
    assert window.end - window.start <= timedelta(seconds=1), "a reader may call anything longer too much"


@given(start=MOMENTS, length=st.timedeltas(timedelta(seconds=1), timedelta(days=900)))
def test_no_day_is_in_both_halves_while_that_can_be(start: datetime, length: timedelta) -> None:
    """A list of whole days would be too much for both of them, down to the second before midnight."""
    window = Window(start, start + length)
    if not window.can_be_halved:
        return
    later, _ = window.halve()
    last_moment = window.end - timedelta(microseconds=1)
    assert later.start.time() == time() or last_moment.date() == window.start.date() or later.start == last_moment


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    now = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
    since = now - timedelta(days=3)
    windows = plan_windows(since, now, 2, 9)
    checkpoint = RepairCheckpoint(now, since, windows, 40, frozenset({"a"}), (Suspect("c-1", now),), 17)
    assert RepairCheckpoint.from_json(checkpoint.to_json()) == checkpoint


def test_what_is_settled_of_a_window_is_forgotten_with_it_and_who_was_missing_is_not() -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    checkpoint = RepairCheckpoint(now, now, plan_windows(now - timedelta(days=2), now, 1, 9), 0)
    checkpoint = checkpoint.add(["a", "b"], ()).add(["c", "d"], [Suspect("d", now)])
    assert checkpoint.done == {"a", "b", "c", "d"}
    after = checkpoint.drop_first(10)
    assert (after.done, after.listed, len(after.windows)) == (frozenset(), 10, 1)
    assert after.suspects == (Suspect("d", now),)
    assert after.clear({"d"}).suspects == ()

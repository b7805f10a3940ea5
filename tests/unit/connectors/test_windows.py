from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.windows import ReportWindow, find_trailing, plan_windows

TODAY = date(2026, 11, 24)
DAYS = st.dates(date(2020, 1, 1), date(2026, 12, 31))


def test_windows_are_read_newest_first_each_on_all_levels() -> None:
    windows = plan_windows(("campaign", "ad_group"), date(2026, 11, 1), date(2026, 11, 10), days_max=7)
    assert windows == [
        ReportWindow("campaign", date(2026, 11, 4), date(2026, 11, 10)),
        ReportWindow("ad_group", date(2026, 11, 4), date(2026, 11, 10)),
        ReportWindow("campaign", date(2026, 11, 1), date(2026, 11, 3)),
        ReportWindow("ad_group", date(2026, 11, 1), date(2026, 11, 3)),
    ]


def test_nothing_is_planned_before_its_beginning() -> None:
    assert plan_windows(("campaign",), TODAY, TODAY - timedelta(days=1), days_max=7) == []


@given(DAYS, st.integers(0, 900), st.integers(1, 60))
def test_windows_hold_every_day_once(first: date, length: int, days_max: int) -> None:
    last = first + timedelta(days=length)
    windows = plan_windows(("campaign",), first, last, days_max=days_max)
    days = [one.first + timedelta(days=n) for one in windows for n in range(one.days)]
    assert sorted(days) == [first + timedelta(days=n) for n in range(length + 1)]
    assert max(one.days for one in windows) <= days_max


@given(DAYS, st.integers(1, 100))
def test_halves_are_the_whole_and_neither_is_empty(first: date, more: int) -> None:
    window = ReportWindow("campaign", first, first + timedelta(days=more))
    newer, older = window.halve()
    assert (older.first, newer.last) == (window.first, window.last)
    assert newer.first == older.last + timedelta(days=1)
    assert min(newer.days, older.days) >= 1


def test_a_day_is_not_halved() -> None:
    with pytest.raises(ValueError, match="not halved"):
        ReportWindow("campaign", TODAY, TODAY).halve()


@pytest.mark.parametrize(
    ("known_through", "begins"),
    [
        (None, date(2024, 1, 1)),
        (TODAY, date(2026, 10, 28)),
        (date(2026, 11, 20), date(2026, 10, 28)),
        (date(2026, 10, 27), date(2026, 10, 28)),
        (date(2026, 9, 1), date(2026, 9, 2)),
        (date(2020, 1, 1), date(2024, 1, 1)),
    ],
)
def test_a_run_begins_where_figures_may_be_others_or_are_not_known(known_through: date | None, begins: date) -> None:
    assert find_trailing(TODAY, known_through, date(2024, 1, 1), days=28) == begins

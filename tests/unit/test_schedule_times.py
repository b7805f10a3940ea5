"""A schedule's moments in time zones whose clocks are turned."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.connectors.frequency import parse_frequency
from app.services.schedule_times import find_next_moment, find_shift, load_zone

SAO_PAULO, SANTIAGO, MEXICO, LORD_HOWE = (
    ZoneInfo(name) for name in ("America/Sao_Paulo", "America/Santiago", "America/Mexico_City", "Australia/Lord_Howe")
)
ZONES = (SAO_PAULO, SANTIAGO, MEXICO, LORD_HOWE, ZoneInfo("America/Argentina/Buenos_Aires"), ZoneInfo("UTC"))
FREQUENCIES = (
    "hourly",
    "daily",
    "weekly",
    "30 */6 * * 1-5",
    "*/20 * * * *",
    "30 23 * * *",
    "15 0 * * *",
    "0 2,3 * * 0",
)


def find(frequency: str, zone: ZoneInfo, after: str) -> str:
    """The next moment as the zone's clocks show it."""
    moment = find_next_moment(parse_frequency(frequency), zone, datetime.fromisoformat(after))
    return moment.astimezone(zone).isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("frequency", "after", "expected"),
    [
        ("hourly", "2026-11-24T12:00:00-03:00", "2026-11-24T13:00-03:00"),
        ("hourly", "2026-11-24T12:59:59-03:00", "2026-11-24T13:00-03:00"),
        ("daily", "2026-11-24T02:59:00-03:00", "2026-11-24T03:00-03:00"),
        ("daily", "2026-11-24T03:00:00-03:00", "2026-11-25T03:00-03:00"),
        ("weekly", "2026-11-24T12:00:00-03:00", "2026-11-30T03:00-03:00"),
        ("30 */6 * * 1-5", "2026-11-27T18:30:00-03:00", "2026-11-30T00:30-03:00"),
        ("0 0 29 2 *", "2026-11-27T18:30:00-03:00", "2028-02-29T00:00-03:00"),
        ("0 0 13 * 5", "2026-11-24T00:00:00-03:00", "2026-11-27T00:00-03:00"),
    ],
)
def test_the_next_moment_is_the_zones_own(frequency: str, after: str, expected: str) -> None:
    assert find(frequency, SAO_PAULO, after) == expected


@pytest.mark.parametrize(
    ("zone", "frequency", "after", "expected"),
    [
        # Brazil, 2018-11-04: 00:00 became 01:00.
        (SAO_PAULO, "30 0 * * *", "2018-11-03T12:00:00-03:00", "2018-11-04T01:00-02:00"),
        (SAO_PAULO, "0 0 * * *", "2018-11-03T12:00:00-03:00", "2018-11-04T01:00-02:00"),
        (SAO_PAULO, "30 0 * * *", "2018-11-04T01:00:00-02:00", "2018-11-05T00:30-02:00"),
        # Chile, 2026-09-06: 00:00 became 01:00.
        (SANTIAGO, "15 0 * * *", "2026-09-05T12:00:00-04:00", "2026-09-06T01:00-03:00"),
        # Mexico, 2022-04-03: 02:00 became 03:00.
        (MEXICO, "30 2 * * *", "2022-04-02T12:00:00-06:00", "2022-04-03T03:00-05:00"),
        (MEXICO, "daily", "2022-04-02T12:00:00-06:00", "2022-04-03T03:00-05:00"),
        # Lord Howe, 2026-10-04: 02:00 became 02:30.
        (LORD_HOWE, "15 2 * * *", "2026-10-03T12:00:00+10:30", "2026-10-04T02:30+11:00"),
    ],
)
def test_a_time_that_does_not_exist_is_taken_at_the_next_that_does(
    zone: ZoneInfo, frequency: str, after: str, expected: str
) -> None:
    assert find(frequency, zone, after) == expected


@pytest.mark.parametrize(
    ("zone", "frequency", "after", "expected"),
    [
        # Brazil, 2018-02-18: 00:00 became 23:00 of the day before.
        (SAO_PAULO, "30 23 * * *", "2018-02-17T12:00:00-02:00", "2018-02-17T23:30-02:00"),
        (SAO_PAULO, "30 23 * * *", "2018-02-17T23:30:00-02:00", "2018-02-18T23:30-03:00"),
        # Mexico, 2022-10-30: 02:00 became 01:00.
        (MEXICO, "0 1 * * *", "2022-10-30T01:00:00-05:00", "2022-10-31T01:00-06:00"),
        # In the second showing of the hour the time is over.
        (MEXICO, "30 1 * * *", "2022-10-30T01:10:00-06:00", "2022-10-31T01:30-06:00"),
    ],
)
def test_a_time_that_comes_twice_counts_once(zone: ZoneInfo, frequency: str, after: str, expected: str) -> None:
    assert find(frequency, zone, after) == expected


def test_hourly_stays_hourly_when_an_hour_comes_twice_or_not_at_all() -> None:
    for begin in (datetime(2018, 2, 17, 18, tzinfo=UTC), datetime(2018, 11, 3, 18, tzinfo=UTC)):
        moments = [begin]
        for _ in range(24):
            moments.append(find_next_moment(parse_frequency("hourly"), SAO_PAULO, moments[-1]))
        assert {later - earlier for earlier, later in pairwise(moments)} == {timedelta(hours=1)}


AFTER = st.integers(0, 12 * 365 * 86_400).map(lambda s: datetime(2016, 1, 1, tzinfo=UTC) + timedelta(seconds=s))


@given(zone=st.sampled_from(ZONES), frequency=st.sampled_from(FREQUENCIES), after=AFTER)
@example(SAO_PAULO, "15 0 * * *", datetime(2018, 11, 4, 2, 59, tzinfo=UTC))
@example(SAO_PAULO, "30 23 * * *", datetime(2018, 2, 18, 1, 40, tzinfo=UTC))
def test_the_next_moment_lies_behind_fits_and_none_lies_between(
    zone: ZoneInfo, frequency: str, after: datetime
) -> None:
    schedule = parse_frequency(frequency)
    moment = find_next_moment(schedule, zone, after)
    assert moment > after
    wall = moment.astimezone(zone)
    is_on_time = wall.minute in schedule.minutes and wall.hour in schedule.hours
    was_turned = wall.utcoffset() != (moment - timedelta(seconds=1)).astimezone(zone).utcoffset()
    assert is_on_time or was_turned
    # Whoever asks from anywhere before it is told the same.
    between = after + (moment - after) / 2
    assert find_next_moment(schedule, zone, between) == moment
    assert find_next_moment(schedule, zone, moment - timedelta(microseconds=1)) == moment


@given(zone=st.sampled_from(ZONES), frequency=st.sampled_from(("daily", "15 0 * * *", "30 23 * * *", "30 2 * * *")),
       year=st.integers(2016, 2027))  # fmt: skip
def test_a_daily_time_comes_once_on_every_day_of_a_year(zone: ZoneInfo, frequency: str, year: int) -> None:
    schedule, moment = parse_frequency(frequency), datetime(year, 1, 1, 12, tzinfo=zone)
    days: list[date] = []
    while len(days) < 365:
        moment = find_next_moment(schedule, zone, moment)
        days.append(moment.astimezone(zone).date())
    assert days == [days[0] + timedelta(days=number) for number in range(365)]


def test_a_thousand_tenants_are_spread_evenly_and_each_stays_where_it_is() -> None:
    shifts = [find_shift(tenant_id, 1, 1_800).total_seconds() for tenant_id in range(1, 1_001)]
    assert shifts == [find_shift(tenant_id, 1, 1_800).total_seconds() for tenant_id in range(1, 1_001)]
    assert 0 <= min(shifts) < 60
    assert 1_740 < max(shifts) <= 1_800
    busiest = max(sum(start <= shift < start + 60 for shift in shifts) for start in range(0, 1_800, 60))
    assert busiest < 66, "twice the share of a minute"
    assert find_shift(56, 1, 0) == timedelta()
    assert find_shift(56, 1, 1_800) != find_shift(56, 2, 1_800)


def test_a_zone_that_is_not_known_is_utc() -> None:
    for name in ("America/Nowhere", "", "../etc/passwd", "x" * 300):
        assert load_zone(name).key == "UTC"
    assert load_zone("America/Sao_Paulo") == SAO_PAULO

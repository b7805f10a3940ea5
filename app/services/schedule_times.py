"""When a schedule's next moment is, in a time zone whose clocks are turned, and how far it is moved aside. Pure."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.connectors.frequency import Schedule

# 29 February on a given weekday comes again within 40 years, around a century without a leap day.
_DAYS_MAX = 366 * 41
# No clock is turned by more: what a turn puts in another order lies within it.
_TURN_MAX = timedelta(hours=3)
_EVERY_HOUR = frozenset(range(24))
_DEFAULT_ZONE = "UTC"


def find_next_moment(schedule: Schedule, zone: ZoneInfo, after: datetime) -> datetime:
    """The schedule's first moment behind `after` (aware), in UTC.

    A time that the zone's clocks leave out is taken at the next one that they show; one that they show twice counts the
    first time alone. Where every hour is named, an hour that comes twice is two hours: hourly stays hourly.
    """
    wall_after = after.astimezone(zone).replace(tzinfo=None)
    is_every_hour = schedule.hours == _EVERY_HOUR
    found: tuple[datetime, datetime] | None = None
    for wall in _list_walls(schedule, wall_after - _TURN_MAX):
        if found is not None and wall > found[1] + _TURN_MAX:
            break
        for moment in _find_moments(wall, zone, is_twice=is_every_hour):
            if moment > after and (found is None or moment < found[0]):
                found = moment, wall
    if found is None:
        raise ValueError("the schedule has no moment")  # parse_frequency refuses such
    return found[0]


def find_shift(tenant_id: int, integration_id: int, most_s: int) -> timedelta:
    """How far an integration's moments lie behind the schedule's: always the same, evenly spread over `most_s`."""
    if most_s <= 0:
        return timedelta()
    drawn = int.from_bytes(sha256(f"sync|{tenant_id}|{integration_id}".encode()).digest()[:8])
    return timedelta(seconds=drawn % (most_s + 1))


def load_zone(name: str) -> ZoneInfo:
    """UTC for a zone that this machine does not know (any more): a sync at the wrong hour is better than none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(_DEFAULT_ZONE)


def _list_walls(schedule: Schedule, since: datetime) -> Iterator[datetime]:
    """The times that fit as a wall clock shows them, in order, from `since` on."""
    hours, minutes = sorted(schedule.hours), sorted(schedule.minutes)
    for offset in range(_DAYS_MAX):
        day = since.date() + timedelta(days=offset)
        if not _fits(schedule, day):
            continue
        for hour in hours:
            for minute in minutes:
                wall = datetime.combine(day, time(hour, minute))
                if wall >= since:
                    yield wall


def _fits(schedule: Schedule, day: date) -> bool:
    is_day, is_weekday = day.day in schedule.days, day.isoweekday() % 7 in schedule.weekdays
    is_either = is_day or is_weekday if schedule.is_either_day else is_day and is_weekday
    return day.month in schedule.months and is_either


def _find_moments(wall: datetime, zone: ZoneInfo, *, is_twice: bool) -> list[datetime]:
    """When a wall clock shows this time, in UTC; where it never does, the moment at which it is turned past it."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first > second:
        return [_find_turn(zone, second, first)]
    return [first, second] if is_twice and second != first else [first]


def _find_turn(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second at which the clocks are turned between two moments."""
    offset_before = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset_before:
            before = middle
        else:
            after = middle
    return after

"""How often a sync runs: `hourly`, `daily`, `weekly`, or five cron fields.

The grammar is the small one that every cron has: `*`, numbers, `a-b`, lists, and `/step` after `*` or a range. No
names, no `@daily`, no seconds, no `?`, `L`, `W` or `#`: what one cron reads otherwise than another is refused.
"""

import re
from calendar import monthrange
from typing import NamedTuple

FREQUENCY_CHARS_MAX = 100
_WORDS = {"hourly": "0 * * * *", "daily": "0 3 * * *", "weekly": "0 3 * * 1"}
_LIMITS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
_PART = re.compile(r"(?:\*|(?P<first>[0-9]{1,2})(?:-(?P<last>[0-9]{1,2}))?)(?:/(?P<step>[0-9]{1,2}))?")
_LEAP_YEAR = 2028


class Schedule(NamedTuple):
    """The moments of a frequency. `weekdays`: 0 is Sunday. As in every cron, a day counts when it fits `days` or
    `weekdays` if both are restricted (`is_either_day`), and must fit both otherwise."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_either_day: bool


def parse_frequency(text: str) -> Schedule:
    """The schedule of a frequency. Raises ValueError saying what is wrong, without repeating the text."""
    parts = _WORDS.get(text, text).split(" ")
    if len(text) > FREQUENCY_CHARS_MAX or len(parts) != len(_LIMITS):
        raise ValueError("is none of hourly, daily, weekly, and not five cron fields with one blank between them")
    minutes, hours, days, months, weekdays = (
        _parse_field(part, *limit) for part, limit in zip(parts, _LIMITS, strict=True)
    )
    is_either_day = not (parts[2].startswith("*") or parts[4].startswith("*"))
    if not is_either_day and min(days) > max(monthrange(_LEAP_YEAR, month)[1] for month in months):
        raise ValueError("names a day that none of its months has")
    return Schedule(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), is_either_day)


def _parse_field(text: str, name: str, least: int, most: int) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        found = _PART.fullmatch(part)
        if found is None:
            raise ValueError(f"{name}: is not *, a number, a range a-b, or a list of these, with /step if wanted")
        first = int(found["first"] or least)
        last = int(found["last"] or found["first"] or most)
        step = int(found["step"] or 1)
        if found["step"] and found["first"] and not found["last"]:
            raise ValueError(f"{name}: a step follows * or a range")
        if not least <= first <= last <= most:
            raise ValueError(f"{name}: goes from {least} to {most}, the smaller number first")
        if not 1 <= step <= most:
            raise ValueError(f"{name}: a step is from 1 to {most}")
        values.update(range(first, last + 1, step))
    return frozenset(values)

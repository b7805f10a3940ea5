"""Days as a calendar of small squares, a column a week: where they lie, in the units of its SVG. Pure."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal, NamedTuple

CELL, LEFT, TOP = 16, 34, 18
Tone = Literal["good", "warn", "bad", "unknown"]


class Cell(NamedTuple):
    x: int
    y: int
    day: date
    tone: Tone


class Label(NamedTuple):
    """A month's first week, or a weekday: `day` is one that it stands for."""

    x: int
    y: int
    day: date


class Calendar(NamedTuple):
    width: int
    height: int
    cells: list[Cell]
    months: list[Label]
    weekdays: list[Label]


def draw_calendar(first: date, last: date, tones: Mapping[date, Tone]) -> Calendar:
    """Days of which nothing is known are `unknown`. A week begins on Monday."""
    monday = first - timedelta(days=first.weekday())
    cells, months, weeks = [], [], 0
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        week, weekday = divmod((day - monday).days, 7)
        x = LEFT + week * CELL
        cells.append(Cell(x, TOP + weekday * CELL, day, tones.get(day, "unknown")))
        if day.day == 1 or (number == 0 and day.day <= 15):
            months.append(Label(x, TOP - 6, day))
        weeks = week + 1
    weekdays = [Label(0, TOP + n * CELL + 11, monday + timedelta(days=n)) for n in (0, 2, 4)]
    return Calendar(LEFT + weeks * CELL, TOP + 7 * CELL, cells, months, weekdays)

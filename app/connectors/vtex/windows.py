"""Windows of time that are halved until a provider shows all that is in them.

Times are ISO 8601 in UTC with milliseconds, days are ISO dates: what stands in positions is readable and sorts.
"""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from app.connectors.reading import read_moment


class Window(NamedTuple):
    """From `start` to `end`, both included."""

    start: datetime
    end: datetime

    @property
    def width_s(self) -> float:
        return (self.end - self.start).total_seconds()

    def halve(self) -> tuple["Window", "Window"]:
        """Both halves hold the moment between them: what is listed twice costs nothing, what is not listed would."""
        middle = self.start + (self.end - self.start) / 2
        return Window(self.start, middle), Window(middle, self.end)


class Days(NamedTuple):
    """Whole UTC days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1

    def halve(self) -> tuple["Days", "Days"]:
        middle = self.first + timedelta(days=self.length // 2 - 1)
        return Days(self.first, middle), Days(middle + timedelta(days=1), self.last)


def cover_days(start: datetime, end: datetime) -> Days:
    """The days that have a moment of [start, end) in them."""
    last = max(start, end - timedelta(microseconds=1))
    return Days(start.astimezone(UTC).date(), last.astimezone(UTC).date())


def write_moment(moment: datetime) -> str:
    """As VTEX's ranges take it: `2022-01-01T02:00:00.000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def get_moment(text: str) -> datetime:
    """The moment that `write_moment` wrote. Raises ValueError for another text."""
    moment = read_moment(text)
    if moment is None:
        raise ValueError("a position's time cannot be read")
    return moment

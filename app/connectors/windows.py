"""Windows of days that reports are read by.

Platforms restate what they reported for weeks, so a run reads a trailing window again, and each window replaces what is
held of its days. Windows are read newest first: what people look at is there first, and one that is too much is halved.
"""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from schemas.records import AdSpendRecord, SpendLevel


class ReportWindow(NamedTuple):
    """The account's own days from `first` to `last`, both included, on one level."""

    level: SpendLevel
    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def halve(self) -> tuple["ReportWindow", "ReportWindow"]:
        """The newer half first. Raises ValueError for a single day: it cannot be asked for in less."""
        if self.days < 2:
            raise ValueError("a day is not halved")
        middle = self.first + timedelta(days=self.days // 2)
        return self._replace(first=middle), self._replace(last=middle - timedelta(days=1))


class ReportRows(NamedTuple):
    """All that an account reported of a window. `observed_at`: before the first request left."""

    window: ReportWindow
    currency: str
    time_zone: str | None
    observed_at: datetime
    rows: list[AdSpendRecord]


def plan_windows(levels: tuple[SpendLevel, ...], first: date, last: date, *, days_max: int) -> list[ReportWindow]:
    """The days from `first` to `last` in windows of at most `days_max`, newest first, for each all levels."""
    windows: list[ReportWindow] = []
    end = last
    while end >= first:
        start = max(first, end - timedelta(days=days_max - 1))
        windows += [ReportWindow(level, start, end) for level in levels]
        end = start - timedelta(days=1)
    return windows


def find_trailing(today: date, known_through: date | None, oldest: date, *, days: int) -> date:
    """Where an incremental run begins: `days` back, or where the days known end if that is earlier (a gap), or at the
    oldest that is wanted."""
    start = today - timedelta(days=days - 1)
    if known_through is None:
        return oldest
    return max(oldest, min(start, known_through + timedelta(days=1)))

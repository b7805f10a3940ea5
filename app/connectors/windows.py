"""Windows of days that reports are read by.

Platforms restate what they reported for weeks, so a run reads a trailing window again, and each window replaces what is
held of its days. Windows are read newest first: what people look at is there first, and one that is too much is halved.
Days are an account's own: at any moment they may be a day ahead of UTC's, or behind.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.records import AdSpendRecord, SpendLevel

AHEAD, BEHIND = timedelta(hours=14), timedelta(hours=12)  # of UTC, the farthest zones
_DAY = timedelta(days=1)


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
        return self._replace(first=middle), self._replace(last=middle - _DAY)

    def cut_to_begun(self, time_zone: str | None, now: datetime) -> "ReportWindow | None":
        """Without the days that have not begun where the account is: of these nothing is known. None: none has. Where
        nobody knows the zone, a day has begun once it has anywhere."""
        try:
            today = now.astimezone(ZoneInfo(time_zone or "")).date()
        except (ZoneInfoNotFoundError, ValueError, OSError):
            today = (now + AHEAD).date()
        return None if today < self.first else self._replace(last=min(self.last, today))


class ReportRows(NamedTuple):
    """All that an account reported of a window. `observed_at`: before the first request left."""

    window: ReportWindow
    currency: str
    time_zone: str | None
    observed_at: datetime
    rows: list[AdSpendRecord]


class ReportSpan(NamedTuple):
    """What a run reads, beginning `now`. `oldest`: of days before it nothing is wanted (retention).

    full: all there is. incremental: what may have changed: from `since` on, which is read for the first time, and the
    trailing days in any case. repair: the days from `since` to `until` again, as the account's own by their dates.
    """

    kind: Literal["full", "incremental", "repair"]
    oldest: datetime
    now: datetime
    since: datetime | None = None
    until: datetime | None = None


class ReportDays(NamedTuple):
    """How a report is read. `history`: days that the platform keeps, or that are wanted of it. `trailing`: days that it
    restates. `window`: days asked for at once."""

    history: int
    trailing: int
    window: int


def plan_report(span: ReportSpan, levels: tuple[SpendLevel, ...], days: ReportDays) -> list[ReportWindow]:
    """The windows of a run. None where nothing is wanted of the days that it is for."""
    oldest = max(span.oldest, span.now - timedelta(days=days.history)).date()
    first, last = oldest, (span.now + AHEAD).date()
    if span.kind == "incremental":
        known_through = None if span.since is None else (span.since - BEHIND).date() - _DAY
        first = find_trailing((span.now - BEHIND).date(), known_through, oldest, days=days.trailing)
    elif span.kind == "repair":
        first = oldest if span.since is None else max(oldest, span.since.date())
        last = last if span.until is None else min(last, (span.until - datetime.resolution).date())
    return plan_windows(levels, first, last, days_max=days.window)


def plan_windows(levels: tuple[SpendLevel, ...], first: date, last: date, *, days_max: int) -> list[ReportWindow]:
    """The days from `first` to `last` in windows of at most `days_max`, newest first, for each all levels."""
    windows: list[ReportWindow] = []
    end = last
    while end >= first:
        start = max(first, end - timedelta(days=days_max - 1))
        windows += [ReportWindow(level, start, end) for level in levels]
        end = start - _DAY
    return windows


def find_trailing(today: date, known_through: date | None, oldest: date, *, days: int) -> date:
    """Where an incremental run begins: `days` back, or where the days known end if that is earlier (a gap), or at the
    oldest that is wanted."""
    start = today - timedelta(days=days - 1)
    if known_through is None:
        return oldest
    return max(oldest, min(start, known_through + _DAY))


def write_window(window: ReportWindow) -> dict[str, Any]:
    """As JSON, for a position."""
    return {"level": window.level, "first": window.first.isoformat(), "last": window.last.isoformat()}


def parse_window(position: Mapping[str, Any]) -> ReportWindow:
    """What `write_window` wrote, whatever else stands beside it."""
    first, last = date.fromisoformat(position["first"]), date.fromisoformat(position["last"])
    return ReportWindow(position["level"], first, last)


def describe_window(position: Mapping[str, Any]) -> str:
    """In words: `campaign 2026-11-01 to 2026-11-24`."""
    return f"{position['level']} {position['first']} to {position['last']}"

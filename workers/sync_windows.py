"""Where a repair stands: windows of creation that are still to be compared, and who was missing once."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, Self

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


class Window(NamedTuple):
    """Created in [start, end), UTC."""

    start: datetime
    end: datetime

    @property
    def can_be_halved(self) -> bool:
        return self.end - self.start > SECOND

    def halve(self) -> "tuple[Window, Window]":
        """At a midnight where there is one inside, else at a whole second: a provider that lists whole days shows less
        of two windows only if no day is in both. Neither half is empty."""
        middle = self.start + (self.end - self.start) / 2
        midnight = _begin_day(middle.date())
        for cut in (midnight, midnight + DAY, middle.replace(microsecond=0)):
            if self.start < cut < self.end:
                middle = cut
                break
        return Window(middle, self.end), Window(self.start, middle)


class Suspect(NamedTuple):
    """Held, not listed, and not there when asked for: to be asked for once more."""

    external_id: str
    missed_at: datetime


@dataclass(frozen=True, slots=True)
class RepairCheckpoint:
    """`begun_at`: when the first step began; `since`: from when on creations are compared. `expected`: rows held of
    that time. `done`: differences of the first window that were settled already. `listed`: of all windows so far."""

    begun_at: datetime
    since: datetime
    windows: tuple[Window, ...]
    expected: int
    done: frozenset[str] = frozenset()
    suspects: tuple[Suspect, ...] = ()
    listed: int = 0

    def halve_first(self) -> Self:
        """The first window is too much for one look."""
        first, *rest = self.windows
        return replace(self, windows=(*first.halve(), *rest), done=frozenset())

    def add(self, handled: Iterable[str], suspects: Sequence[Suspect]) -> Self:
        """Some of the first window's differences are settled."""
        return replace(self, done=self.done | frozenset(handled), suspects=(*self.suspects, *suspects))

    def drop_first(self, listed: int) -> Self:
        """The first window is compared."""
        return replace(self, windows=self.windows[1:], done=frozenset(), listed=self.listed + listed)

    def clear(self, external_ids: AbstractSet[str]) -> Self:
        """What was missing once is settled."""
        left = tuple(one for one in self.suspects if one.external_id not in external_ids)
        return replace(self, suspects=left)

    def to_json(self) -> dict[str, Any]:
        return {
            "begun_at": self.begun_at.isoformat(),
            "since": self.since.isoformat(),
            "windows": [[window.start.isoformat(), window.end.isoformat()] for window in self.windows],
            "done": sorted(self.done),
            "expected": self.expected,
            "suspects": [[one.external_id, one.missed_at.isoformat()] for one in self.suspects],
            "listed": self.listed,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` made."""
        return cls(
            datetime.fromisoformat(value["begun_at"]),
            datetime.fromisoformat(value["since"]),
            tuple(Window(*map(datetime.fromisoformat, pair)) for pair in value["windows"]),
            value["expected"],
            frozenset(value["done"]),
            tuple(Suspect(external_id, datetime.fromisoformat(at)) for external_id, at in value["suspects"]),
            value["listed"],
        )


def plan_windows(since: datetime, until: datetime, window_days: int, history_days: int) -> tuple[Window, ...]:
    """The newest first: windows of `window_days` whole UTC days for the last `history_days`, and one for all before."""
    windows: list[Window] = []
    end, recent = until, max(since, _begin_day((until - timedelta(days=history_days)).date()))
    while end > recent:
        last_day = (end - timedelta(microseconds=1)).date()
        start = max(recent, _begin_day(last_day - timedelta(days=window_days - 1)))
        windows.append(Window(start, end))
        end = start
    if since < end:
        windows.append(Window(since, end))
    return tuple(windows)


def _begin_day(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)

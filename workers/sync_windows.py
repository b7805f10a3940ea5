"""Where a repair stands: windows of creation that are still to be compared, and who was missing once."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, Self

from workers.sync_differences import Differences

SHORTEST = timedelta(seconds=2)
DAY = timedelta(days=1)


class Window(NamedTuple):
    """Created in [start, end), UTC."""

    start: datetime
    end: datetime

    @property
    def can_be_halved(self) -> bool:
        return self.end - self.start >= SHORTEST

    def halve(self) -> "tuple[Window, Window]":
        """At a whole second, or a whole day where it is longer than one."""
        unit = DAY if self.end - self.start >= 2 * DAY else timedelta(seconds=1)
        middle = self.start + ((self.end - self.start) / 2) // unit * unit
        return Window(middle, self.end), Window(self.start, middle)


class Suspect(NamedTuple):
    """Held, not listed, and not there when asked for: to be asked for once more."""

    external_id: str
    missed_at: datetime


class Found(NamedTuple):
    """Differences of the first window so far."""

    missing: int = 0
    stale: int = 0
    unlisted: int = 0


NOTHING_FOUND = Found()


@dataclass(frozen=True, slots=True)
class RepairCheckpoint:
    """`begun_at`: when the first step began; `since`: from when on creations are compared. `done`: objects of the first
    window that were settled already. `listed`: of all windows so far."""

    begun_at: datetime
    since: datetime
    windows: tuple[Window, ...]
    done: frozenset[str] = frozenset()
    found: Found = NOTHING_FOUND
    suspects: tuple[Suspect, ...] = ()
    listed: int = 0

    def halve_first(self) -> Self:
        """The first window is too much for one look."""
        first, *rest = self.windows
        return replace(self, windows=(*first.halve(), *rest), done=frozenset(), found=NOTHING_FOUND)

    def add(self, handled: Iterable[str], differences: Differences, suspects: Sequence[Suspect]) -> Self:
        """Some of the first window's differences are settled."""
        handled = list(handled)
        kinds = [differences.kinds[one] for one in handled]
        found = Found(*(count + kinds.count(kind) for kind, count in self.found._asdict().items()))  # type: ignore[arg-type]
        return replace(self, done=self.done | frozenset(handled), found=found, suspects=(*self.suspects, *suspects))

    def drop_first(self, listed: int) -> Self:
        """The first window is compared."""
        return replace(self, windows=self.windows[1:], done=frozenset(), found=Found(), listed=self.listed + listed)

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
            "found": list(self.found),
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
            frozenset(value["done"]),
            Found(*value["found"]),
            tuple(Suspect(external_id, datetime.fromisoformat(at)) for external_id, at in value["suspects"]),
            value["listed"],
        )


def plan_windows(since: datetime, until: datetime, history_days: int) -> tuple[Window, ...]:
    """The newest first: each UTC day of the last `history_days`, and one window for everything before them."""
    if until <= since:
        return ()
    windows: list[Window] = []
    first_day = max(since, _begin_day((until - timedelta(days=history_days)).date()))
    end = until
    while end > first_day:
        start = max(first_day, _begin_day((end - timedelta(microseconds=1)).date()))
        windows.append(Window(start, end))
        end = start
    if since < first_day:
        windows.append(Window(since, first_day))
    return tuple(windows)


def _begin_day(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)

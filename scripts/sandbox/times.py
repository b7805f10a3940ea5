"""Times as VTEX writes them: seven digits of a second, `Z` in notifications and Master Data, `+00:00` in orders."""

import time
from datetime import UTC, datetime, timedelta

NO_TIME = "0001-01-01T00:00:00"
NEVER_US = 0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock:
    """Now, but later by at least a microsecond each time it is asked: a store's changes have distinct stamps."""

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)

    def tick(self) -> datetime:
        self._last = max(datetime.now(UTC), self._last + _MICROSECOND)
        return self._last


class WorldClock:
    """Seconds of the sandbox's world, for what ends or appears by waiting: index lag, silent hooks, scroll tokens.

    It runs `rate` times as fast as ours and can be moved forward; the stamps in documents are always true ones.
    """

    def __init__(self) -> None:
        self._rate = 1.0
        self._world_s = 0.0
        self._ours_s = time.monotonic()

    def now_s(self) -> float:
        return self._world_s + (time.monotonic() - self._ours_s) * self._rate

    def advance(self, seconds: float) -> None:
        """Raises ValueError for a step back."""
        if seconds < 0:
            raise ValueError("the clock only goes forward")
        self._world_s += seconds

    def set_rate(self, rate: float) -> None:
        if rate < 0:
            raise ValueError("clock_rate is not negative")
        self._world_s, self._ours_s, self._rate = self.now_s(), time.monotonic(), rate


def to_us(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def from_us(moment_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=moment_us)


def find_moment(moment_us: int) -> datetime | None:
    return from_us(moment_us) if moment_us != NEVER_US else None


def parse_us(text: str) -> int:
    """Of an ISO date or date-time; without a zone it is UTC, without a time midnight. Raises ValueError."""
    moment = datetime.fromisoformat(text.strip())
    return to_us(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)


def write_z(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")[:26] + "0Z"


def write_offset(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")[:26] + "0+00:00"


def write_seconds(moment: datetime) -> str:
    """Second precision, as the order list has it."""
    return moment.isoformat(timespec="seconds")[:19] + "+00:00"

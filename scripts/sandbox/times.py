"""Times as VTEX writes them: seven digits of a second, `Z` in notifications and Master Data, `+00:00` in orders."""

from datetime import UTC, datetime, timedelta

NO_TIME = "0001-01-01T00:00:00"


class Clock:
    """Now, but later by at least a microsecond each time it is asked: a store's changes have distinct stamps."""

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)

    def tick(self) -> datetime:
        self._last = max(datetime.now(UTC), self._last + timedelta(microseconds=1))
        return self._last


def write_z(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def write_offset(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f0+00:00")

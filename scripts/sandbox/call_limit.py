"""What an account may call in a minute, and the time it is shut out for when it called more."""

import time
from typing import Any, NamedTuple, Self

from scripts.sandbox.asgi import Reply

_WINDOW_S = 60.0
_TOO_MANY = b'{"error":{"code":"429","message":"Too many requests","exception":null}}'


class CallLimit(NamedTuple):
    """`lasts_s`: how long all calls are refused after an excess. `retry_after_s` None: without that header."""

    calls_per_minute: int
    lasts_s: float = 60.0
    retry_after_s: int | None = None

    @classmethod
    def read(cls, body: dict[str, Any]) -> Self:
        """Raises ValueError or TypeError for a wrong body."""
        limit = cls(**body)
        if limit.calls_per_minute < 1 or limit.lasts_s < 0:
            raise ValueError("call_limit: calls_per_minute is at least 1, lasts_s not negative")
        return limit


class CallMeter:
    """Counts the calls of one account, by route and minute. `limit` None: as many as come. Refused ones are counted by
    themselves: they do not keep the account shut."""

    def __init__(self) -> None:
        self.limit: CallLimit | None = None
        self.by_route: dict[str, int] = {}
        self.refused = 0
        self._window_until_s = 0.0
        self._in_window = 0
        self._shut_until_s = 0.0

    def count(self, route: str) -> Reply | None:
        """The refusal of this call; None for one that may pass."""
        self.by_route[route] = self.by_route.get(route, 0) + 1
        if self.limit is None:
            return None
        now_s = time.monotonic()
        if now_s < self._shut_until_s:
            return self._refuse(self.limit)
        if now_s >= self._window_until_s:
            self._window_until_s, self._in_window = now_s + _WINDOW_S, 0
        self._in_window += 1
        if self._in_window <= self.limit.calls_per_minute:
            return None
        self._shut_until_s, self._window_until_s = now_s + self.limit.lasts_s, 0.0
        return self._refuse(self.limit)

    def _refuse(self, limit: CallLimit) -> Reply:
        self.refused += 1
        seconds = limit.retry_after_s
        return Reply(429, _TOO_MANY, () if seconds is None else ((b"retry-after", str(seconds).encode()),))

    def set_limit(self, limit: CallLimit | None) -> None:
        """From now on; who is shut out may come in again."""
        self.limit = limit
        self._window_until_s = self._shut_until_s = 0.0

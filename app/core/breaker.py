"""A circuit breaker: after some failures in a row nobody calls for a while, then one call tries."""

import time
from collections.abc import Callable


class Breaker:
    """The breaker of one provider account. Times are monotonic seconds.

    `is_failing` tells whether so many calls failed in a row that the fault is the account's and not the object's.
    """

    def __init__(self, failures_max: int, open_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures_max = failures_max
        self._open_s = open_s
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_failing(self) -> bool:
        return self._failures >= self._failures_max

    def find_open_s(self) -> float:
        """Seconds that nobody calls for; asking changes nothing."""
        return max(0.0, self._open_until - self._clock()) if self.is_failing else 0.0

    def find_wait_s(self) -> float:
        """Seconds until a call may go out; 0 when it may now. After the wait one caller goes, the others wait on."""
        if not self.is_failing:
            return 0.0
        now = self._clock()
        if now < self._open_until:
            return self._open_until - now
        self._open_until = now + self._open_s
        return 0.0

    def note_answer(self) -> None:
        self._failures = 0

    def note_failure(self) -> bool:
        """Counts a failure; True when it opened the breaker."""
        self._failures += 1
        if self._failures < self._failures_max:
            return False
        self._open_until = self._clock() + self._open_s
        return self._failures == self._failures_max

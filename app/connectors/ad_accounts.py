"""What an ad account says of itself, kept for a while: every window needs its currency and its time zone.

Asking each time would cost half of all calls; and where a platform slows us down after every answer, the one before a
window would leave the window none.
"""

import math
import time
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from app.core.lru import Lru

LIFE_S = 600.0

AccessT = TypeVar("AccessT")


class AdAccount(NamedTuple):
    """`currency`: of its figures; an account without a row has one too, since days without spend are known days.
    `time_zone`: of its days, where it is known. `is_asked`: it has answered just now."""

    currency: str
    time_zone: str | None
    is_asked: bool = True


class AdAccounts(Generic[AccessT]):
    """`read`: asks the platform. By everything that access is: nobody is told what others may read."""

    def __init__(
        self, read: Callable[[AccessT], Awaitable[AdAccount]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._known: Lru[AccessT, tuple[float, AdAccount]] = Lru()

    async def get(self, access: AccessT) -> AdAccount:
        """Raises what `read` raises."""
        known = self._known.get(access)
        if known is not None and self._clock() < known[0]:
            return known[1]._replace(is_asked=False)
        account = await self._read(access)
        self._known.put(access, (self._clock() + LIFE_S, account))
        return account

    def doubt(self, access: AccessT) -> None:
        """The next time it is asked."""
        known = self._known.get(access)
        if known is not None:
            self._known.put(access, (-math.inf, known[1]))

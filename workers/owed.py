"""Queue calls that are always right and could not be made: they are kept and made when Redis is back.

Without this an outage of Redis in the middle of a slice would leave the reads of its events counted, and a few such
outages would bury good events as ones that stop their worker.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from app.core.errors import QueueUnavailableError
from app.core.logging import get_logger

RETRY_INTERVAL_S = 0.25

log = get_logger()


class OwedCalls:
    """Unfenced or fenced-and-idempotent calls, in order. `calls_max` bounds memory; the oldest go first."""

    def __init__(self, calls_max: int = 10_000) -> None:
        self._calls: deque[Callable[[], Awaitable[object]]] = deque(maxlen=calls_max)
        self._paying = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Callable[[], Awaitable[object]]) -> None:
        self._calls.append(call)

    async def pay(self) -> bool:
        """Makes what is owed; False when Redis is still away. Each call is made by one payer only: made twice it would
        give back what was counted once, and the second payer would drop the call behind it."""
        async with self._paying:
            while self._calls:
                call = self._calls[0]
                try:
                    await call()
                except QueueUnavailableError:
                    return False
                except Exception as error:
                    log.error("owed_call.failed", error=type(error).__name__, detail=str(error))
                if self._calls[0] is call:  # else it was the oldest of too many, and is gone already
                    self._calls.popleft()
        return True

    async def run(self) -> None:
        while True:
            await self.pay()
            await asyncio.sleep(RETRY_INTERVAL_S)

"""Batch calls wait for their account's budget in a line, the first first, for a bounded time."""

import asyncio
from collections.abc import Awaitable, Callable

from app.core.budget_metrics import BATCH_WAIT_SECONDS
from app.core.errors import ThrottledError
from app.core.lru import Lru


class Turns:
    """The lines of one process: one an account. Whoever is cancelled leaves its line, and the next moves up."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._lines: Lru[str, asyncio.Lock] = Lru()

    async def wait(self, account_key: str, take: Callable[[], Awaitable[None]]) -> None:
        """Returns when `take` has taken one call. Raises ThrottledError when it would not within the time."""
        loop = asyncio.get_running_loop()
        begun_at = loop.time()
        deadline = begun_at + self._wait_s
        line = self._lines.get(account_key) or self._lines.put(account_key, asyncio.Lock())
        try:
            async with asyncio.timeout_at(deadline):
                await line.acquire()
        except TimeoutError:
            raise ThrottledError(f"the line for {account_key} is too long", retry_after_s=self._wait_s) from None
        try:
            await _take_within(take, deadline)
        finally:
            line.release()
            BATCH_WAIT_SECONDS.labels(account_key.partition(":")[0]).observe(loop.time() - begun_at)


async def _take_within(take: Callable[[], Awaitable[None]], deadline: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            return await take()
        except ThrottledError as error:
            pause_s = error.retry_after_s or 0.0
            if loop.time() + pause_s >= deadline:
                raise
            await asyncio.sleep(pause_s)

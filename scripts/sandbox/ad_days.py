"""The days of an ad account that lives: to today in its own zone, of which only what has passed is told.

Nothing grows by itself while somebody compares: `grow` says until when figures are known.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, Protocol
from zoneinfo import ZoneInfo

TICK_S = 15.0
_CORRECTED_DAYS = 27  # both platforms still correct what is that old
_CORRECTED_SHARE = 0.25  # of ticks, of each account


class Growing(Protocol):
    """An account whose figures end at `grown_until`; None: they are those of fixed days."""

    grown_until: datetime | None
    time_zone: str

    def correct(self, first: date, last: date) -> None: ...


def begin_growing(history_days: int, time_zone: str) -> tuple[datetime, date]:
    """Until when figures are known, and the first day that has some."""
    now = datetime.now(UTC)
    return now, find_today(now, time_zone) - timedelta(days=history_days)


def find_today(moment: datetime, time_zone: str) -> date:
    return moment.astimezone(ZoneInfo(time_zone)).date()


def find_share(day: date, grown_until: datetime | None, time_zone: str) -> float:
    """How much of the day has passed when figures end: 1 for days that are over."""
    if grown_until is None or day < find_today(grown_until, time_zone):
        return 1.0
    midnight = datetime.combine(day, time(), ZoneInfo(time_zone))
    return min(max((grown_until - midnight) / timedelta(days=1), 0.0), 1.0)


def grow(account: Growing, until: datetime | None = None) -> None:
    """Never back. Raises ValueError for an account of fixed days."""
    if account.grown_until is None:
        raise ValueError("the account has fixed days: give it history_days")
    account.grown_until = max(account.grown_until, until or datetime.now(UTC))


class FigureDemo:
    """A demo's figures: today's grow, and now and then a day of the last weeks is corrected."""

    def __init__(self, list_accounts: Callable[[], Iterable[Growing]], seed: int) -> None:
        self._list_accounts = list_accounts
        self._random = Random(f"{seed}:figures")
        self._task: asyncio.Task[None] | None = None

    async def start_demo(self, body: Mapping[str, Any]) -> None:
        """`figures_tick_s`: how often something changes; 0: never."""
        await self.stop_demo()
        tick_s = float(body.get("figures_tick_s", TICK_S))
        if tick_s > 0:
            self._task = asyncio.create_task(self._go(tick_s))

    async def stop_demo(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _go(self, tick_s: float) -> None:
        while True:
            await asyncio.sleep(tick_s)
            for account in self._list_accounts():
                if account.grown_until is None:
                    continue
                grow(account)
                if self._random.random() < _CORRECTED_SHARE:
                    today = find_today(account.grown_until, account.time_zone)
                    day = today - timedelta(days=self._random.randint(1, _CORRECTED_DAYS))
                    account.correct(day, day)

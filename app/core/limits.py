"""The budget of calls per provider account, shared by all processes and all work through the cache Redis.

A token bucket under the server's clock: `calls_per_minute` flow in, at most a sixth of that is saved up, so any minute
sees at most 7/6 of the setting (VTEX: 5,833 of the 6,000 it allows). Batch work leaves the reserve to live work.
Calls are taken in blocks: the first alone, then twice as many each time a block is used up within its second.
Without Redis each process goes on with a quarter of the budget: a limit that is too low is better than none.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import NamedTuple, cast, get_args

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from app.core.errors import ThrottledError
from app.core.lru import Lru
from app.core.outbound import Priority
from app.core.settings import Settings

BLOCK_CALLS_MAX = 32
BLOCK_LIFE_S = 1.0
BURST_SHARE = 6  # of a minute's calls
SHARE_WITHOUT_REDIS = 0.25
_TAKE = files("app.core").joinpath("take_budget.lua").read_text(encoding="utf-8")


class BudgetRate(NamedTuple):
    """What one account may be asked. `live_reserve_percent` of the burst is for live work alone."""

    calls_per_minute: int
    live_reserve_percent: int

    @property
    def calls_per_s(self) -> float:
        return self.calls_per_minute / 60

    @property
    def burst_calls(self) -> float:
        return max(1.0, self.calls_per_minute / BURST_SHARE)


class _Block:
    """Calls this process has taken and not made yet, for one account and priority."""

    __slots__ = ("calls", "lock", "size", "taken_at")

    def __init__(self) -> None:
        self.calls = 0
        self.size = 0
        self.taken_at = 0.0
        self.lock = asyncio.Lock()


class _LocalBucket:
    __slots__ = ("_at", "_tokens")

    def __init__(self) -> None:
        self._tokens = 1.0
        self._at: float | None = None

    def take(self, per_s: float, now: float) -> float:
        """0 when a call was taken, else the seconds to wait."""
        passed = now - self._at if self._at is not None else 0.0
        self._tokens, self._at = min(max(1.0, per_s), self._tokens + passed * per_s), now
        if self._tokens < 1:
            return (1 - self._tokens) / per_s
        self._tokens -= 1
        return 0.0


class RedisBudget:
    """`rates`: provider → rate of each of its accounts. Account keys are `provider:account`."""

    def __init__(self, cache: Redis, rates: dict[str, BudgetRate], clock: Callable[[], float] = time.monotonic) -> None:
        self._cache = cache
        self._rates = rates
        self._clock = clock
        self._blocks: Lru[tuple[str, Priority], _Block] = Lru()
        self._local: Lru[str, _LocalBucket] = Lru()
        self._closed_until: Lru[str, float] = Lru()
        self._sha: str | None = None

    async def take(self, account_key: str, priority: Priority) -> None:
        """One call of the account's budget. Raises ThrottledError saying how long to wait."""
        closed_s = (self._closed_until.get(account_key) or 0.0) - self._clock()
        if closed_s > 0:
            raise ThrottledError(f"{account_key} asked for a pause", retry_after_s=closed_s)
        place = (account_key, priority)
        block = self._blocks.get(place) or self._blocks.put(place, _Block())
        async with block.lock:
            now = self._clock()
            if now - block.taken_at > BLOCK_LIFE_S:
                block.calls, block.size = 0, 0
            if block.calls == 0:
                await self._take_block(account_key, priority, block, now)
            block.calls -= 1

    async def close(self, account_key: str, seconds: float) -> None:
        """Nobody calls this account for so long, in any process."""
        self._closed_until.put(account_key, self._clock() + seconds)
        for priority in get_args(Priority):
            block = self._blocks.get((account_key, priority))
            if block is not None:
                block.calls = 0
        try:
            await self._cache.set(f"{_bucket(account_key)}:closed", b"1", px=max(1, int(seconds * 1000)))
        except (RedisError, OSError, TimeoutError):
            return  # this process keeps the pause by itself; the others will be told 429 too

    async def _take_block(self, account_key: str, priority: Priority, block: _Block, now: float) -> None:
        rate = self._rates[account_key.partition(":")[0]]
        wanted = min(BLOCK_CALLS_MAX, max(1, block.size * 2))
        try:
            granted, wait_ms = await self._ask(account_key, priority, rate, wanted)
        except (RedisError, OSError, TimeoutError):
            bucket = self._local.get(account_key) or self._local.put(account_key, _LocalBucket())
            wait_s = bucket.take(rate.calls_per_s * SHARE_WITHOUT_REDIS, now)
            granted, wait_ms = (0, wait_s * 1000) if wait_s else (1, 0)
        if granted == 0:
            raise ThrottledError(f"the budget of {account_key} is used up", retry_after_s=max(wait_ms, 1) / 1000)
        block.calls, block.size, block.taken_at = granted, granted, now

    async def _ask(self, account_key: str, priority: Priority, rate: BudgetRate, wanted: int) -> tuple[int, float]:
        reserve = rate.burst_calls * rate.live_reserve_percent / 100 if priority == "batch" else 0.0
        bucket = _bucket(account_key)
        keys = (bucket, f"{bucket}:closed")
        arguments = (rate.calls_per_s, rate.burst_calls, reserve, wanted)
        for _ in range(2):
            if self._sha is None:
                self._sha = await self._cache.script_load(_TAKE)
            try:
                asked = self._cache.evalsha(self._sha, len(keys), *keys, *map(str, arguments))
                answer = await cast("Awaitable[list[int]]", asked)
            except NoScriptError:
                self._sha = None
                continue
            return int(answer[0]), float(answer[1])
        raise RedisError("the budget script could not be kept loaded")


class AskedBudget:
    """A small budget of its own for calls that people cause: whoever validates credentials over and over slows down
    nobody's live events, and a pause that VTEX asks for then is not one for them."""

    def __init__(self, budget: RedisBudget) -> None:
        self._budget = budget

    async def take(self, account_key: str, priority: Priority) -> None:
        await self._budget.take(_name_asked(account_key), priority)

    async def close(self, account_key: str, seconds: float) -> None:
        await self._budget.close(_name_asked(account_key), seconds)


def make_asked_budget(cache: Redis, settings: Settings) -> AskedBudget:
    """For the processes that people call: API, dashboard, command line."""
    return AskedBudget(RedisBudget(cache, {"vtex": BudgetRate(settings.api_provider_calls_per_minute, 0)}))


def make_budget(cache: Redis, settings: Settings) -> RedisBudget:
    """The budget of all providers that we know, as set."""
    return RedisBudget(
        cache, {"vtex": BudgetRate(settings.vtex_calls_per_minute, settings.budget_live_reserve_percent)}
    )


def _name_asked(account_key: str) -> str:
    provider, _, account = account_key.partition(":")
    return f"{provider}:asked:{account}"


def _bucket(account_key: str) -> str:
    return f"budget:{account_key}"

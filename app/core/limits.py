"""The budget of calls per provider account, shared by all processes and all work through the cache Redis.

A token bucket under the server's clock: `calls_per_minute` flow in, at most a sixth of that is saved up, so any minute
sees at most 7/6 of the setting (VTEX: 5,833 of the 6,000 it allows). Batch work leaves the reserve to live work, so
live work finds calls however much batch work there is.

A 429 closes the account for all, and halves what batch work may have of it; that share comes back minute by minute
(additive increase, multiplicative decrease). It stands in Redis, so every process of every kind keeps to it.
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

from app.core.budget_metrics import PAUSES, KnownShares
from app.core.budget_state import list_calls_per_minute, name_bucket
from app.core.errors import ThrottledError
from app.core.lru import Lru
from app.core.outbound import Priority
from app.core.settings import Settings

BLOCK_CALLS_MAX = 32
BLOCK_LIFE_S = 1.0
BURST_SHARE = 6  # of a minute's calls
SHARE_WITHOUT_REDIS = 0.25
_TAKE = files("app.core").joinpath("take_budget.lua").read_text(encoding="utf-8")
_CLOSE = files("app.core").joinpath("close_budget.lua").read_text(encoding="utf-8")
_KEPT_MS = 120_000  # of an account's state, beyond what is still to come back


class BudgetRate(NamedTuple):
    """What one account may be asked. `live_reserve_percent` of the burst is for live work alone. The batch share never
    falls below `batch_floor_percent`, and rises by `batch_recovery_percent` a minute."""

    calls_per_minute: int
    live_reserve_percent: int
    batch_floor_percent: int = 10
    batch_recovery_percent: float = 10

    @property
    def calls_per_s(self) -> float:
        return self.calls_per_minute / 60

    @property
    def burst_calls(self) -> float:
        return max(1.0, self.calls_per_minute / BURST_SHARE)

    @property
    def batch_recovery_per_s(self) -> float:
        return self.batch_recovery_percent / 6_000

    def find_reserve(self, priority: Priority, burst_calls: float) -> float:
        """What must be left of so large a burst. A burst too small to be divided is for both."""
        if priority == "live":
            return 0.0
        return max(0.0, min(burst_calls * self.live_reserve_percent / 100, burst_calls - 1))


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

    def take(self, per_s: float, reserve: float, now: float) -> float:
        """0 when a call was taken, else the seconds to wait."""
        passed = now - self._at if self._at is not None else 0.0
        self._tokens, self._at = min(max(1.0, per_s), self._tokens + passed * per_s), now
        if self._tokens < 1 + reserve:
            return (1 + reserve - self._tokens) / per_s
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
        self._shares = KnownShares()
        self._shas: dict[str, str] = {}

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
        """Nobody calls this account for so long, in any process; its batch work comes back with half of its share."""
        rate = self._rates[account_key.partition(":")[0]]
        closed_until = self._closed_until.get(account_key) or 0.0
        is_new = closed_until <= self._clock()
        self._closed_until.put(account_key, max(closed_until, self._clock() + seconds))
        for priority in get_args(Priority):
            block = self._blocks.get((account_key, priority))
            if block is not None:
                block.calls = 0
        floor = rate.batch_floor_percent / 100
        try:
            answer = await self._run(
                _CLOSE, account_key, max(1, int(seconds * 1000)), floor, rate.batch_recovery_per_s, _KEPT_MS
            )
        except (RedisError, OSError, TimeoutError):
            return  # this process keeps the pause by itself; the others will be told 429 too
        self._shares.note(account_key, int(cast("int", answer)) / 1_000)
        if is_new:
            PAUSES.labels(account_key.partition(":")[0]).inc()

    async def _take_block(self, account_key: str, priority: Priority, block: _Block, now: float) -> None:
        rate = self._rates[account_key.partition(":")[0]]
        wanted = min(BLOCK_CALLS_MAX, max(1, block.size * 2))
        try:
            granted, wait_ms = await self._ask(account_key, priority, rate, wanted)
        except (RedisError, OSError, TimeoutError):
            bucket = self._local.get(account_key) or self._local.put(account_key, _LocalBucket())
            per_s = rate.calls_per_s * SHARE_WITHOUT_REDIS
            wait_s = bucket.take(per_s, rate.find_reserve(priority, max(1.0, per_s)), now)
            granted, wait_ms = (0, wait_s * 1000) if wait_s else (1, 0)
        if granted == 0:
            raise ThrottledError(f"the budget of {account_key} is used up", retry_after_s=max(wait_ms, 1) / 1000)
        block.calls, block.size, block.taken_at = granted, granted, now

    async def _ask(self, account_key: str, priority: Priority, rate: BudgetRate, wanted: int) -> tuple[int, float]:
        """Calls granted; when none, the milliseconds to wait."""
        reserve, is_batch = rate.find_reserve(priority, rate.burst_calls), int(priority == "batch")
        answer = await self._run(
            _TAKE, account_key, rate.calls_per_s, rate.burst_calls, reserve, wanted, is_batch, rate.batch_recovery_per_s
        )
        granted, wait_ms, thousandths = cast("list[int]", answer)
        self._shares.note(account_key, int(thousandths) / 1_000)
        return int(granted), float(wait_ms)

    async def _run(self, script: str, account_key: str, *arguments: float) -> object:
        """A script over the account's keys, loaded when it is not there."""
        bucket = name_bucket(account_key)
        keys = (bucket, f"{bucket}:closed")
        for _ in range(2):
            if script not in self._shas:
                self._shas[script] = await self._cache.script_load(script)
            try:
                asked = self._cache.evalsha(self._shas[script], len(keys), *keys, *map(str, arguments))
                return await cast("Awaitable[object]", asked)
            except NoScriptError:
                del self._shas[script]
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
    rate = BudgetRate(settings.api_provider_calls_per_minute, 0)
    return AskedBudget(RedisBudget(cache, dict.fromkeys(list_calls_per_minute(settings), rate)))


def make_budget(cache: Redis, settings: Settings) -> RedisBudget:
    """The budget of all providers that we know, as set."""
    shares = (
        settings.budget_live_reserve_percent,
        settings.budget_batch_floor_percent,
        settings.budget_batch_recovery_percent,
    )
    calls = list_calls_per_minute(settings)
    return RedisBudget(cache, {provider: BudgetRate(per_minute, *shares) for provider, per_minute in calls.items()})


def _name_asked(account_key: str) -> str:
    provider, _, account = account_key.partition(":")
    return f"{provider}:asked:{account}"

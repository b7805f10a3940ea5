"""Rate limits of calls to us: GCRA buckets in the cache Redis, shared by all processes.

Without Redis a call passes: a limit on a server's load must not be what takes the server away. What must not pass
without a limit (guessing passwords) asks with `is_closed_without_redis`.
"""

from collections.abc import Awaitable, Sequence
from importlib.resources import files
from typing import NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

_SCRIPT = files("app.core").joinpath("rates.lua").read_text(encoding="utf-8")
RETRY_WITHOUT_REDIS_S = 5.0


class Bucket(NamedTuple):
    """`name`: whose calls are counted. `per_s` on average, `burst_s` seconds' worth of them at once."""

    name: str
    per_s: float
    burst_s: float

    @property
    def interval_us(self) -> float:
        return 1_000_000 / self.per_s

    @property
    def burst_us(self) -> float:
        return max(self.burst_s * 1_000_000, self.interval_us)


class RateDecision(NamedTuple):
    """`refused_by`: the bucket without room, None when the call may pass. `wait_s`: until it may.
    `left`: further calls that may follow at once; None when Redis is away."""

    refused_by: Bucket | None
    wait_s: float
    left: int | None


class RateLimiter:
    def __init__(self, cache: Redis) -> None:
        self._cache = cache
        self._sha: str | None = None

    async def check(self, buckets: Sequence[Bucket], *, is_closed_without_redis: bool = False) -> RateDecision:
        """Spends one call of every bucket, or of none."""
        if not buckets:
            return RateDecision(None, 0.0, None)
        try:
            refused, wait_us, left = await self._ask(buckets)
        except (RedisError, OSError, TimeoutError):
            if is_closed_without_redis:
                return RateDecision(buckets[0], RETRY_WITHOUT_REDIS_S, None)
            return RateDecision(None, 0.0, None)
        return RateDecision(buckets[refused - 1] if refused else None, wait_us / 1_000_000, left)

    async def _ask(self, buckets: Sequence[Bucket]) -> tuple[int, float, int]:
        keys = [f"rate:{bucket.name}" for bucket in buckets]
        arguments = [f"{value:.0f}" for bucket in buckets for value in (bucket.interval_us, bucket.burst_us)]
        for _ in range(2):
            if self._sha is None:
                self._sha = await self._cache.script_load(_SCRIPT)
            try:
                asked = self._cache.evalsha(self._sha, len(keys), *keys, *arguments)
                refused, wait_us, left = await cast("Awaitable[list[int]]", asked)
            except NoScriptError:
                self._sha = None
                continue
            return int(refused), float(wait_us), int(left)
        raise RedisError("the rate script could not be kept loaded")

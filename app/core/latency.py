"""Latency of events, from acceptance to after COMMIT has returned, as one histogram for all worker processes.

Counts per bucket and minute in the cache Redis; a bucket is 2 % wide, so a percentile read from it is within 2 %.
It may be lost: the ledger has each event's own figure, taken just before its COMMIT.
"""

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from redis.asyncio import Redis

GROWTH = 1.02
MINUTES_KEPT = 24 * 60
_LOG_GROWTH = math.log(GROWTH)


class Percentiles(NamedTuple):
    """Milliseconds, over `events`. All zero when there are none."""

    events: int
    p50: float
    p99: float
    max: float


def find_bucket(latency_ms: float) -> int:
    return 0 if latency_ms <= 1 else math.ceil(math.log(latency_ms) / _LOG_GROWTH)


def read_bucket_ms(bucket: int) -> float:
    return GROWTH**bucket


def compute_percentiles(counts: Mapping[int, int]) -> Percentiles:
    """Percentiles of bucket → count."""
    total = sum(counts.values())
    if not total:
        return Percentiles(0, 0.0, 0.0, 0.0)
    found: list[float] = []
    for share in (0.5, 0.99):
        rank, seen = math.ceil(total * share), 0
        for bucket in sorted(counts):
            seen += counts[bucket]
            if seen >= rank:
                found.append(round(read_bucket_ms(bucket), 1))
                break
    return Percentiles(total, found[0], found[1], round(read_bucket_ms(max(counts)), 1))


class LatencyRecorder:
    """Writes and reads the histogram."""

    def __init__(self, cache: Redis) -> None:
        self._cache = cache

    async def record(self, latencies_ms: Iterable[float]) -> None:
        """Adds one commit's latencies. Errors of the cache are the caller's to ignore."""
        counts = Counter(find_bucket(latency) for latency in latencies_ms)
        if not counts:
            return
        key = _minute_key(int(time.time() // 60))
        async with self._cache.pipeline(transaction=False) as pipe:
            for bucket, count in counts.items():
                pipe.hincrby(key, str(bucket), count)
            pipe.expire(key, MINUTES_KEPT * 60)
            await pipe.execute()

    async def read(self, minutes: int) -> Percentiles:
        """Percentiles over the last `minutes`, the running one included."""
        now = int(time.time() // 60)
        async with self._cache.pipeline(transaction=False) as pipe:
            for minute in range(now - minutes + 1, now + 1):
                pipe.hgetall(_minute_key(minute))
            answers = await pipe.execute()
        counts: Counter[int] = Counter()
        for answer in answers:
            for bucket, count in answer.items():
                counts[int(bucket)] += int(count)
        return compute_percentiles(counts)


def _minute_key(minute: int) -> str:
    return f"latency:{minute}"

"""Histograms of durations from 4 ms to over an hour, as counts in buckets that grow by the square root of two.

A percentile read from one is within a fifth of the true one. Lists are as long as their last bucket that holds any:
most batches fill the first dozen.
"""

import math
from collections.abc import Iterable, Sequence

LEAST_MS = 4.0
BUCKETS = 42  # the last one holds all that took longer: over 83 minutes
_LOG_GROWTH = math.log(2) / 2


def find_bucket(duration_ms: float) -> int:
    """Its place in the list."""
    if duration_ms <= LEAST_MS:
        return 0
    return min(BUCKETS - 1, math.ceil(math.log(duration_ms / LEAST_MS) / _LOG_GROWTH - 1e-9))


def read_bound_ms(bucket: int) -> float:
    """The longest duration that a bucket holds."""
    return LEAST_MS * 2 ** (bucket / 2)


def count_buckets(durations_ms: Iterable[float]) -> list[int]:
    """The histogram of some durations."""
    counts: list[int] = []
    for duration in durations_ms:
        bucket = find_bucket(duration)
        if bucket >= len(counts):
            counts.extend([0] * (bucket + 1 - len(counts)))
        counts[bucket] += 1
    return counts


def add_buckets(histograms: Iterable[Sequence[int]]) -> list[int]:
    """All of them together."""
    total: list[int] = []
    for counts in histograms:
        if len(counts) > len(total):
            total.extend([0] * (len(counts) - len(total)))
        for bucket, count in enumerate(counts):
            total[bucket] += count
    return total


def estimate_percentile_ms(counts: Sequence[int], share: float) -> float | None:
    """The duration that `share` (0 to 1) of all did not exceed; None for an empty histogram. Within a bucket the counts
    are taken to lie evenly on its logarithmic scale."""
    total = sum(counts)
    if not total:
        return None
    rank, seen = max(1.0, share * total), 0
    for bucket, count in enumerate(counts):
        if count and seen + count >= rank:
            if bucket == 0:
                return LEAST_MS
            return round(read_bound_ms(bucket - 1) * 2 ** ((rank - seen) / count / 2), 1)
        seen += count
    raise AssertionError("unreachable")

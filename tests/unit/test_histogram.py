"""Buckets that grow by the square root of two, and what is read from them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.histogram import (
    BUCKETS,
    LEAST_MS,
    add_buckets,
    count_buckets,
    estimate_percentile_ms,
    find_bucket,
    read_bound_ms,
)

DURATIONS = st.floats(0, 4_000_000, allow_nan=False)


@given(DURATIONS)
def test_a_duration_lies_within_its_bucket(duration: float) -> None:
    bucket = find_bucket(duration)
    assert duration <= read_bound_ms(bucket) * (1 + 1e-6)
    assert bucket == 0 or duration > read_bound_ms(bucket - 1) * (1 - 1e-6)


def test_bounds_are_their_own_buckets_and_the_last_holds_all_that_is_longer() -> None:
    assert [find_bucket(read_bound_ms(bucket)) for bucket in range(BUCKETS)] == list(range(BUCKETS))
    assert find_bucket(1e12) == BUCKETS - 1
    assert (find_bucket(0), find_bucket(LEAST_MS)) == (0, 0)


@given(st.lists(DURATIONS), st.lists(DURATIONS))
def test_histograms_add_up_to_that_of_all_durations(one: list[float], other: list[float]) -> None:
    assert add_buckets([count_buckets(one), count_buckets(other)]) == count_buckets([*one, *other])


@given(st.lists(st.floats(LEAST_MS, 4_000_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_percentile_lies_in_the_bucket_of_the_true_one(durations: list[float], share: float) -> None:
    true = sorted(durations)[max(1, math.ceil(share * len(durations))) - 1]
    estimated = estimate_percentile_ms(count_buckets(durations), share)
    assert estimated is not None
    assert true / math.sqrt(2) * 0.999 <= estimated <= true * math.sqrt(2) * 1.001


@pytest.mark.parametrize("counts", [[], [0], [0, 0, 0]])
def test_nothing_has_no_percentile(counts: list[int]) -> None:
    assert estimate_percentile_ms(counts, 0.5) is None

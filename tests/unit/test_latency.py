"""The latency histogram's arithmetic."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.core.latency import compute_percentiles, find_bucket, read_bucket_ms


@given(st.floats(min_value=1.0, max_value=10_000_000))
def test_a_bucket_is_never_below_its_latency_nor_two_percent_above_it(latency_ms: float) -> None:
    bound = read_bucket_ms(find_bucket(latency_ms))
    assert latency_ms * 0.999999 <= bound <= latency_ms * 1.0200001


@given(st.lists(st.floats(min_value=1.0, max_value=100_000), min_size=1, max_size=300))
def test_percentiles_are_those_of_the_sorted_list_within_a_bucket(latencies: list[float]) -> None:
    counts = Counter(find_bucket(latency) for latency in latencies)
    found = compute_percentiles(counts)
    ordered = sorted(latencies)
    for share, value in ((0.5, found.p50), (0.99, found.p99)):
        rank = -(-len(ordered) * share // 1)
        exact = ordered[int(rank) - 1]
        assert exact * 0.94 <= value <= exact * 1.1
    assert found.events == len(latencies)


def test_there_are_no_percentiles_of_nothing() -> None:
    assert compute_percentiles({}) == (0, 0.0, 0.0, 0.0)

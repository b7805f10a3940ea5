"""Where the next poll of a feed begins: late enough to end, early enough to miss nothing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.services.record_feed import FEED_MARGIN_S, find_next_since, find_walk_end
from db import roles

T0 = datetime(2026, 11, 1, 12, tzinfo=UTC)
TRANSACTION_S = 60


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def test_the_margin_is_longer_than_a_transaction_may_take() -> None:
    assert roles._LIMITS["transaction_timeout"] == f"{TRANSACTION_S}s"
    assert FEED_MARGIN_S > TRANSACTION_S


def test_a_walk_that_is_broken_off_goes_on_at_its_last_row() -> None:
    end = find_walk_end(at(1_000), None)
    assert find_next_since(end, at(10), is_ended=False) == at(10)
    assert find_next_since(end, at(10), is_ended=True) == at(1_000 - FEED_MARGIN_S)
    assert find_next_since(end, at(990), is_ended=False) == at(1_000 - FEED_MARGIN_S)
    assert find_walk_end(at(1_000), at(2_000)) == at(2_000)


WRITES = st.lists(
    st.tuples(st.floats(0, 500), st.floats(0, TRANSACTION_S)), min_size=1, max_size=30
)  # begins, and commits after


POLLS = st.lists(st.tuples(st.floats(0.01, 90), st.integers(1, 8)), min_size=1, max_size=20)  # when, how many pages


@given(writes=WRITES, polls=POLLS, page_rows=st.integers(1, 5))
def test_every_row_comes_at_least_once_whatever_commits_when(
    writes: list[tuple[float, float]], polls: list[tuple[float, int]], page_rows: int
) -> None:
    """A poller over an exact model of the table: a row has the time of its beginning and is seen from its commit. Some
    walks are broken off."""
    rows = [(at(begin), at(begin + lasts), number) for number, (begin, lasts) in enumerate(writes)]
    delivered: set[int] = set()
    now, since = 0.0, T0
    for gap, pages_max in [*polls, (1_000.0, 100), (FEED_MARGIN_S + 1.0, 100)]:
        now += gap
        began_at, place = at(now), (since, -1)
        walk_end = find_walk_end(began_at, since)
        for _ in range(pages_max):
            seen = sorted((begin, number) for begin, commit, number in rows if commit <= at(now))
            ahead = [row for row in seen if row > place]
            page, is_ended = ahead[:page_rows], len(ahead) <= page_rows
            delivered.update(number for _, number in page)
            following = find_next_since(walk_end, page[-1][0] if page else None, is_ended=is_ended)
            assert following >= since
            if is_ended:
                break
            place = page[-1]
            now += 0.5  # the next page is read later: more has committed, also before its place
        since = following
    assert delivered == set(range(len(rows)))

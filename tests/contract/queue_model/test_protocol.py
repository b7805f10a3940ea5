"""The queue's protocol, every schedule of small cases: it keeps its promises, and each planted bug is found."""

import pytest

from tests.contract.queue_model.checker import check
from tests.contract.queue_model.world import Case, Faults

EQUAL, GROWING = (1, 1), (1, 2)

CASES = {
    "crashes and lost leases": Case(GROWING, Faults(crashes=2, pauses=2)),
    "three events, three loops": Case((1, 1, 2), Faults(crashes=1, pauses=1), loops=3),
    "failures of their own": Case(GROWING, Faults(failures=2, pauses=1)),
    "Postgres refuses": Case(GROWING, Faults(refusals=4, pauses=2)),
    "COMMIT without an answer": Case(GROWING, Faults(unanswered=2, refusals=1, crashes=1, pauses=1)),
    "a little of everything": Case(EQUAL, Faults(crashes=1, pauses=1, failures=1, refusals=1, unanswered=1)),
    "documents that lag": Case(GROWING, Faults(lags=2, pauses=1), tries_max=3),
    "equal stamps, slow GETs": Case(EQUAL, Faults(pauses=2, crashes=1), is_get_split=True),
    "equal stamps, fetches that outlive their slice": Case((1, 1, 1), Faults(parks=1), loops=1, is_get_split=True),
    "the same beside a second drain": Case(EQUAL, Faults(parks=1, pauses=1), is_get_split=True),
    "fetches that outlive their slice and fail": Case((1,), Faults(parks=2, refusals=1, failures=1), is_get_split=True),
    "poison": Case(GROWING, Faults(), poison=frozenset({0})),
    "poison and lost leases": Case(GROWING, Faults(pauses=1, crashes=1), poison=frozenset({1})),
    "Redis loses its memory": Case((1, 2, 3), Faults(wipes=1, pauses=1)),
}

PLANTED = {
    "append and ring split": Case((1,), Faults()),
    "claim split": Case((1,), Faults(crashes=1)),
    "no sweeper": Case((1,), Faults(crashes=1)),
    "hold listed nowhere": Case((1,), Faults(refusals=1)),
    "finish looks at the stream only": Case((1,), Faults(failures=1)),
    "XDEL before ZADD": Case((1,), Faults(failures=1, crashes=1)),
    "finish split": Case(GROWING, Faults()),
    "dead letter beside the ledger": Case((1,), Faults(failures=2, pauses=1)),
    "no lag check": Case((1,), Faults(lags=1)),
    "counters for a ledger": Case((1,), Faults(crashes=1)),
    "count apart from read": Case((1,), Faults(pauses=1, crashes=1)),
    "entry id as key": Case(GROWING, Faults(wipes=1)),
    "fenced refund": Case((1,), Faults(refusals=3, pauses=2), tries_max=2),
    "strict >": Case(EQUAL, Faults()),
    "retry by XADD": Case((1,), Faults(unanswered=1, failures=1)),
    "no refund": Case((1,), Faults(refusals=2)),
    "no isolation": Case(GROWING, Faults(), poison=frozenset({0})),
    "order by answer time": Case(EQUAL, Faults(parks=1), loops=1, is_get_split=True),
    "duplicates not fetched": Case(EQUAL, Faults()),
    "cached GET": Case(EQUAL, Faults()),
    "fence off": Case(GROWING, Faults(pauses=1)),
    "settle by entry alone": Case(GROWING, Faults(wipes=1)),
}


@pytest.mark.parametrize("name", CASES)
def test_every_schedule_keeps_every_promise(name: str) -> None:
    report = check(CASES[name])
    assert report.violation is None, str(report.violation)
    assert report.states > 30, "a case that hardly moves shows nothing"


@pytest.mark.parametrize("bug", PLANTED)
def test_the_planted_bug_is_found_and_only_because_it_was_planted(bug: str) -> None:
    assert check(PLANTED[bug]).violation is None
    report = check(PLANTED[bug], frozenset({bug}))
    assert report.violation is not None
    assert report.violation.schedule, "with its shortest schedule"


def test_ordering_by_the_time_of_the_answer_is_wrong_also_between_two_drains() -> None:
    case = Case(EQUAL, Faults(pauses=1), is_get_split=True)
    violation = check(case, frozenset({"order by answer time"})).violation
    assert violation is not None
    assert violation.promise.startswith("I6")

"""Whoever does not answer: a few objects are given up, many are the provider's, and nobody before their time."""

from app.core.errors import ProviderTimeoutError
from workers.sync_fetch import STRAGGLERS_MAX, Fetched

PATIENCE_S = 4.8


def test_a_few_that_never_answer_are_their_own_fault() -> None:
    fetched = Fetched(let_go={"a", "b"}, waited_s=5.0)
    fetched.give_up_stragglers(PATIENCE_S)
    assert fetched.handled == {"a", "b"}
    assert fetched.stopped_by is None


def test_many_that_never_answer_are_their_providers() -> None:
    fetched = Fetched(let_go={str(number) for number in range(STRAGGLERS_MAX + 1)}, waited_s=5.0)
    fetched.give_up_stragglers(PATIENCE_S)
    assert not fetched.handled
    assert isinstance(fetched.stopped_by, ProviderTimeoutError)


def test_what_was_begun_late_in_a_step_has_not_had_its_time_yet() -> None:
    for objects in (1, STRAGGLERS_MAX + 1):
        fetched = Fetched(let_go={str(number) for number in range(objects)}, waited_s=2.1)
        fetched.give_up_stragglers(PATIENCE_S)
        assert (fetched.handled, fetched.stopped_by) == (set(), None)

from datetime import UTC, datetime

import pytest

from app.core.answers import RETRY_AFTER_MAX_S, classify_refusal, read_retry_after_s
from app.core.breaker import Breaker
from app.core.errors import (
    CredentialsRefusedError,
    ObjectFailedError,
    ObjectNotFoundError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    ThrottledError,
)

NOW = datetime(2026, 10, 21, 7, 28, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("999999", RETRY_AFTER_MAX_S),
        ("inf", RETRY_AFTER_MAX_S),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:30 GMT", 0.0),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str, seconds: float | None) -> None:
    assert read_retry_after_s({"retry-after": value}, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "is_account_failing", "kind"),
    [
        (302, False, ObjectFailedError),
        (400, False, ObjectFailedError),
        (401, False, CredentialsRefusedError),
        (403, False, CredentialsRefusedError),
        (404, False, ObjectNotFoundError),
        (408, False, ProviderTimeoutError),
        (409, False, ObjectFailedError),
        (429, False, ThrottledError),
        (500, False, ObjectFailedError),
        (500, True, ProviderUnavailableError),
        (503, False, ObjectFailedError),
        (503, True, ProviderUnavailableError),
    ],
)
def test_a_status_has_its_error(status: int, is_account_failing: bool, kind: type[Exception]) -> None:
    error = classify_refusal("vtex get_order of acme", status, None, is_account_failing=is_account_failing)
    assert type(error) is kind
    assert error.status == status


def test_a_breaker_opens_lets_one_try_and_closes() -> None:
    now = 100.0
    breaker = Breaker(2, 5.0, clock=lambda: now)
    assert not breaker.note_failure()
    assert breaker.find_wait_s() == 0
    assert breaker.note_failure(), "the second failure opens it"
    assert breaker.find_wait_s() == 5
    now = 106.0
    assert breaker.find_wait_s() == 0, "one may try"
    assert breaker.find_wait_s() == 5, "the others wait for it"
    breaker.note_answer()
    assert breaker.find_wait_s() == 0
    assert not breaker.is_failing


def test_failures_between_answers_do_not_add_up() -> None:
    breaker = Breaker(2, 5.0)
    for _ in range(10):
        breaker.note_failure()
        breaker.note_answer()
    assert not breaker.is_failing

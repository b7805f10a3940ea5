"""How a failed step leaves its stream: whose fault it was decides whether it costs the run anything."""

import random

import asyncpg
import pytest

from app.core.errors import (
    CredentialsRefusedError,
    DurabilityError,
    KeyDestroyedError,
    KeystoreUnavailableError,
    ObjectFailedError,
    PositionLostError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    QueueUnavailableError,
    ThrottledError,
)
from workers.sync_policy import StepEnd, StepLimits, decide_end, is_unexpected
from workers.sync_work import NeverError, NotNowError

LIMITS = StepLimits(failures_max=5, wait_min_s=1.0, wait_max_s=60.0, postpone_s=30.0)


def decide(error: Exception, failures: int = 0) -> StepEnd:
    return decide_end(error, failures, LIMITS, random.Random(1))


@pytest.mark.parametrize(
    ("error", "ends_as", "reason"),
    [
        (NeverError("integration_gone"), "cancelled", "integration_gone"),
        (NeverError("too_many_dead"), "failed", "too_many_dead"),
        (KeyDestroyedError("gone"), "cancelled", "key_destroyed"),
        (CredentialsRefusedError("no", status=403), "failed", "permission_missing"),
    ],
)
def test_what_can_never_be_done_ends_the_stream(error: Exception, ends_as: str, reason: str) -> None:
    assert decide(error)[:2] == (ends_as, reason)


@pytest.mark.parametrize(
    "error",
    [
        NotNowError("tenant_suspended"),
        CredentialsRefusedError("no", status=401),
        ThrottledError("slow", retry_after_s=7.0),
        KeystoreUnavailableError("away"),
        QueueUnavailableError("away"),
        DurabilityError("not on disk"),
        ConnectionRefusedError(),
        asyncpg.CannotConnectNowError("starting"),
    ],
)
def test_the_surroundings_cost_a_run_nothing_but_time(error: Exception) -> None:
    for failures in (3, LIMITS.failures_max - 1):
        end = decide(error, failures)
        assert (end.ends_as, end.failures) == (None, failures), "also when the next failure is one too many"
        assert end.wait_s > 0


def test_a_provider_that_says_when_is_asked_no_sooner() -> None:
    assert 7.0 <= decide(ThrottledError("slow", retry_after_s=7.0)).wait_s <= 8.4
    assert decide(ProviderUnavailableError("down", retry_after_s=40.0)).wait_s == 40.0


@pytest.mark.parametrize(
    "error",
    [
        ObjectFailedError("500", status=500),
        ProviderTimeoutError("slow"),
        ProviderUnavailableError("down"),
        PositionLostError("gone"),
        KeyError("ours"),
    ],
)
def test_what_fails_step_after_step_fails_the_stream_in_the_end(error: Exception) -> None:
    failures = 0
    waits: list[float] = []
    for _ in range(LIMITS.failures_max - 1):
        end = decide(error, failures)
        assert end.ends_as is None
        failures = end.failures
        waits.append(end.wait_s)
    assert decide(error, failures).ends_as == "failed"
    assert waits[-1] >= waits[0]
    assert max(waits) <= LIMITS.wait_max_s


def test_only_a_fault_of_ours_is_logged_with_its_trace() -> None:
    assert is_unexpected(KeyError("ours"))
    assert not is_unexpected(ThrottledError("slow"))
    assert not is_unexpected(ConnectionRefusedError())
    assert not is_unexpected(NotNowError("paused"))

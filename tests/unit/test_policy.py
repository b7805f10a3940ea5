"""What is done with an event whose document could not be had, as a table."""

import random

import pytest

from app.core.errors import (
    CredentialsRefusedError,
    IntegrationGoneError,
    KeystoreUnavailableError,
    MappingError,
    ObjectFailedError,
    ObjectNotFoundError,
    ObjectNotOursError,
    PointerInDoubtError,
    ProviderRefusedError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    SealingError,
    ThrottledError,
)
from schemas.events import Event, EventAction
from workers.policy import RetryLimits, compute_hold_s, compute_retry_delay_ms, decide

LIMITS = RetryLimits(tries_max=3, base_s=2, max_s=60)


def make_event(action: EventAction = "upsert") -> Event:
    return Event("018f-x", "vtex", "acme", 1, "hint", "customer", action, "c-1")


@pytest.mark.parametrize(
    ("error", "tries", "answered", "action", "reason"),
    [
        (MappingError("items[0].price", "is not a number"), 0, True, "dead", "unmappable"),
        (IntegrationGoneError(), 0, True, "ignore", "integration_deleted"),
        (ObjectNotFoundError("no such order", status=404), 0, True, "retry", "not_found"),
        (ObjectNotFoundError("no such order", status=404), 1, True, "retry", "not_found"),
        (ObjectNotFoundError("no such order", status=404), 2, True, "dead", "not_found"),
        (ObjectFailedError("broken", status=500), 2, True, "dead", "object_failed"),
        (PointerInDoubtError("no such order", status=404), 1, True, "retry", "not_found"),
        (PointerInDoubtError("no such order", status=404), 2, True, "ignore", "not_found"),
        (ObjectNotOursError("another seller's", status=403), 0, True, "ignore", "not_ours"),
        (ProviderRefusedError("403", status=403), 0, True, "dead", "provider_refused"),
        (ProviderTimeoutError("8 s"), 0, True, "retry", "provider_timeout"),
        (ProviderTimeoutError("8 s"), 2, True, "dead", "provider_timeout"),
        (ProviderTimeoutError("8 s"), 99, False, "hold", "provider_timeout"),
        (ProviderUnavailableError("refused"), 99, False, "hold", "provider_unavailable"),
        (ThrottledError("429", status=429, retry_after_s=7), 99, True, "hold", "throttled"),
        (KeystoreUnavailableError("away"), 99, True, "hold", "keystore_unavailable"),
        (CredentialsRefusedError("401", status=401), 99, True, "pause_integration", "credentials_refused"),
        (CredentialsRefusedError("403", status=403), 0, True, "retry", "permission_missing"),
        (CredentialsRefusedError("403", status=403), 2, True, "dead", "permission_missing"),
        (SealingError("changed"), 0, True, "dead", "sealing"),
        (RuntimeError("a fault of ours"), 0, True, "retry", "unexpected_error"),
        (RuntimeError("a fault of ours"), 2, True, "dead", "unexpected_error"),
    ],
)
def test_failures_of_its_own_spend_tries_and_failures_of_the_surroundings_do_not(
    error: Exception, tries: int, answered: bool, action: str, reason: str
) -> None:
    decision = decide(error, make_event(), tries, LIMITS, has_account_answered=answered)
    assert (decision.action, decision.reason) == (action, reason)


def test_a_deletion_of_what_we_never_held_is_ignored() -> None:
    error = ObjectNotFoundError("gone", status=404)
    assert decide(error, make_event("delete"), 0, LIMITS, has_account_answered=True).action == "ignore"


def test_the_provider_says_how_long_a_hold_lasts() -> None:
    error = ThrottledError("429", status=429, retry_after_s=7)
    assert decide(error, make_event(), 0, LIMITS, has_account_answered=True).hold_s == 7


def test_the_unmappable_field_is_named() -> None:
    decision = decide(MappingError("value", "is NaN"), make_event(), 0, LIMITS, has_account_answered=True)
    assert decision.field == "value"


def test_delays_grow_stay_under_their_limit_and_are_jittered() -> None:
    chance = random.Random(1)
    first = {compute_retry_delay_ms(0, LIMITS, chance) for _ in range(50)}
    assert len(first) > 10
    assert all(1_000 <= delay <= 2_000 for delay in first)
    assert all(30_000 <= compute_retry_delay_ms(90, LIMITS, chance) <= 60_000 for _ in range(20))


def test_holds_grow_to_their_limit() -> None:
    chance = random.Random(1)
    assert compute_hold_s(0, 1, 60, chance) <= 1
    assert 45 <= compute_hold_s(40, 1, 60, chance) <= 60

"""What to do with an event whose document could not be had: one pure function, no clock, no I/O.

Failures of the event's own spend tries and end in a dead letter. Failures of the surroundings (the provider is down
or throttles, credentials are refused) spend nothing: the tenant or the integration waits.
"""

import random
from dataclasses import dataclass
from typing import Literal

from app.core.errors import (
    CredentialsRefusedError,
    IntegrationGoneError,
    KeystoreUnavailableError,
    MappingError,
    ObjectNotFoundError,
    ObjectNotOursError,
    PointerInDoubtError,
    ProviderError,
    ProviderRefusedError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    SealingError,
    ThrottledError,
)
from schemas.events import Event

# Looks for what an unsigned call pointed at: it may not be readable yet; calls for nothing may get us blocked.
DOUBTED_TRIES_MAX = 3

Action = Literal["retry", "dead", "hold", "pause_integration", "ignore"]


@dataclass(frozen=True, slots=True)
class Decision:
    """`retry`: a try is spent. `hold`: the tenant waits, nothing is spent. `reason` stands in ledger and pages."""

    action: Action
    reason: str
    field: str | None = None
    hold_s: float | None = None


@dataclass(frozen=True, slots=True)
class RetryLimits:
    tries_max: int
    base_s: float
    max_s: float


def decide(error: Exception, event: Event, tries: int, limits: RetryLimits, *, has_account_answered: bool) -> Decision:
    """The decision for one event. `tries`: failures of its own so far; `has_account_answered`: since its GET left."""
    if isinstance(error, IntegrationGoneError):
        return Decision("ignore", error.code)
    if isinstance(error, MappingError):
        return Decision("dead", error.code, field=error.field)
    if isinstance(error, KeystoreUnavailableError):
        return Decision("hold", error.code)
    if isinstance(error, SealingError):
        return Decision("dead", error.code)
    if isinstance(error, CredentialsRefusedError):
        # A missing permission concerns one kind of object; wrong credentials concern everything.
        if error.status == 403:
            return _retry_or_dead("permission_missing", tries, limits)
        return Decision("pause_integration", error.code)
    if isinstance(error, ThrottledError | ProviderUnavailableError):
        return Decision("hold", error.code, hold_s=error.retry_after_s)
    if isinstance(error, ProviderTimeoutError) and not has_account_answered:
        return Decision("hold", error.code)
    if isinstance(error, ProviderError):
        return _decide_own(error, event, tries, limits)
    return _retry_or_dead("unexpected_error", tries, limits)


def _decide_own(error: ProviderError, event: Event, tries: int, limits: RetryLimits) -> Decision:
    """What the provider says of this object alone."""
    if isinstance(error, ObjectNotFoundError) and event.action == "delete":
        return Decision("ignore", "nothing_held")  # a deletion of what we never held
    if isinstance(error, ObjectNotOursError):
        return Decision("ignore", error.code)
    if isinstance(error, PointerInDoubtError):
        return Decision("ignore" if tries + 1 >= min(DOUBTED_TRIES_MAX, limits.tries_max) else "retry", error.code)
    if isinstance(error, ProviderRefusedError):
        return Decision("dead", error.code)  # the same call would be refused again
    return _retry_or_dead(error.code, tries, limits)


def _retry_or_dead(reason: str, tries: int, limits: RetryLimits) -> Decision:
    return Decision("dead" if tries + 1 >= limits.tries_max else "retry", reason)


def compute_retry_delay_ms(tries: int, limits: RetryLimits, chance: random.Random) -> int:
    """base · 2^tries, at most `max_s`, times 0.5 to 1.0 so that what failed together does not come back together."""
    delay_s = min(limits.max_s, limits.base_s * 2 ** min(tries, 32))
    return int(delay_s * 1000 * chance.uniform(0.5, 1.0))


def compute_hold_s(failures: int, minimum_s: float, maximum_s: float, chance: random.Random) -> float:
    """How long a tenant waits after its n-th failure in a row of the surroundings, jittered."""
    longest_s: float = min(maximum_s, minimum_s * 2 ** min(failures, 16))
    return longest_s * chance.uniform(0.75, 1.0)

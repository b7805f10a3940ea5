"""How a step that did not come through leaves its stream: one pure function, no clock, no I/O.

Failures of the surroundings (a provider that throttles, Postgres, Redis, credentials that are refused) cost a run
nothing but time. What fails step after step, for whatever reason of its own, ends it.
"""

import random
from typing import NamedTuple

from app.core.errors import (
    AcequiaError,
    CredentialsRefusedError,
    DurabilityError,
    KeyDestroyedError,
    KeystoreUnavailableError,
    PositionLostError,
    ProviderRefusedError,
    ProviderUnavailableError,
    QueueUnavailableError,
    ThrottledError,
)
from db.failures import is_server_away
from db.sync_runs import SyncStatus
from workers.sync_work import NeverError, NotNowError

POSITION_LOST_WAIT_S = 1.0
GONE = frozenset({"tenant_gone", "integration_gone"})


class StepLimits(NamedTuple):
    """`failures_max`: steps in a row that may fail before the stream ends as failed. Waits double from `wait_min_s` up
    to `wait_max_s`. `postpone_s`: how long a stream that cannot go on now waits for a look."""

    failures_max: int
    wait_min_s: float
    wait_max_s: float
    postpone_s: float


class StepEnd(NamedTuple):
    """`ends_as`: the stream has come to its end; None: another step follows after `wait_s`."""

    ends_as: SyncStatus | None
    reason: str | None
    wait_s: float = 0.0
    failures: int = 0


def decide_end(error: Exception, failures: int, limits: StepLimits, chance: random.Random) -> StepEnd:
    """`failures`: steps in a row that failed before this one."""
    if isinstance(error, NeverError):
        return StepEnd("cancelled" if error.reason in GONE else "failed", error.reason)
    if isinstance(error, NotNowError):
        return StepEnd(None, error.reason, limits.postpone_s, failures)
    if isinstance(error, KeyDestroyedError):
        return StepEnd("cancelled", error.code)
    if isinstance(error, CredentialsRefusedError):
        if error.status == 403:
            return StepEnd("failed", "permission_missing")
        return StepEnd(None, "credentials_refused", limits.postpone_s, failures)
    if isinstance(error, ProviderRefusedError):
        return StepEnd("failed", error.code)
    if isinstance(error, ThrottledError):
        wait_s = error.retry_after_s if error.retry_after_s is not None else limits.wait_min_s
        return StepEnd(None, error.code, wait_s * chance.uniform(1.0, 1.2), failures)
    is_ours = isinstance(error, KeystoreUnavailableError | QueueUnavailableError | DurabilityError)
    is_counted = not (is_ours or is_server_away(error))
    if is_counted and failures + 1 >= limits.failures_max:
        return StepEnd("failed", _name(error))
    if isinstance(error, PositionLostError):
        return StepEnd(None, error.code, POSITION_LOST_WAIT_S, failures + 1)
    longest_s = min(limits.wait_max_s, limits.wait_min_s * 2 ** min(failures, 16))
    wait_s = longest_s * chance.uniform(0.75, 1.0)
    if isinstance(error, ProviderUnavailableError) and error.retry_after_s is not None:
        wait_s = max(wait_s, error.retry_after_s)
    return StepEnd(None, _name(error), wait_s, failures + is_counted)


def _name(error: Exception) -> str:
    if isinstance(error, AcequiaError):
        return error.code
    return "database_away" if is_server_away(error) else "unexpected_error"


def is_unexpected(error: Exception) -> bool:
    """Whether a stack trace is worth logging: a fault of ours."""
    return not (isinstance(error, AcequiaError | NotNowError | NeverError) or is_server_away(error))

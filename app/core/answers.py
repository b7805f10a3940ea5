"""What a provider's refusal means: pure functions over status and headers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from app.core.errors import (
    CredentialsRefusedError,
    ObjectFailedError,
    ObjectNotFoundError,
    ProviderError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    ThrottledError,
)

RETRY_AFTER_MAX_S = 3_600.0


def classify_refusal(name: str, status: int, retry_after_s: float | None, *, is_account_failing: bool) -> ProviderError:
    """The error of a status that is not 2xx. `name` says which call, without ids.

    A server error is the object's own (ObjectFailedError) unless the account as a whole is failing.
    """
    message = f"{name}: answered {status}"
    kind: type[ProviderError]
    if status in (401, 403):
        kind = CredentialsRefusedError
    elif status == 404:
        kind = ObjectNotFoundError
    elif status == 408:
        kind = ProviderTimeoutError
    elif status == 429:
        kind = ThrottledError
    elif status >= 500 and is_account_failing:
        kind = ProviderUnavailableError
    else:
        kind = ObjectFailedError
    return kind(message, status=status, retry_after_s=retry_after_s)


def read_retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Retry-After (seconds or an HTTP date) in seconds, from 0 to an hour; None when absent or unreadable."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    if seconds != seconds:  # noqa: PLR0124  NaN
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_S)

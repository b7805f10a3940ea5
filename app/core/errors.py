"""Every error that Acequia raises on purpose: its HTTP status, its problem type, and whether a retry can help."""

from typing import ClassVar


class AcequiaError(Exception):
    """Base of our own errors. `code` is stable and safe to show; messages never carry personal data or secrets."""

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    is_retryable: ClassVar[bool] = False


class ConfigurationError(AcequiaError):
    """The process cannot start as configured. The message names the setting and says what to do."""

    code = "configuration"


class DurabilityError(AcequiaError):
    """Redis did not confirm that the append is on disk."""

    code = "not_durable"
    http_status = 503
    is_retryable = True


class QueueUnavailableError(AcequiaError):
    """Redis could not be reached or answered with an error."""

    code = "queue_unavailable"
    http_status = 503
    is_retryable = True


class SealingError(AcequiaError):
    """A sealed blob could not be opened: wrong tenant, purpose or key, or it was changed."""

    code = "sealing"


class KeyDestroyedError(SealingError):
    """The key that would open this was destroyed on purpose."""

    code = "key_destroyed"


class KeystoreUnavailableError(AcequiaError):
    """Keys could not be loaded now. A failure of the surroundings: it spends no attempt."""

    code = "keystore_unavailable"
    http_status = 503
    is_retryable = True


class TenantContextError(AcequiaError):
    """A tenant token was refused by the database, or could not be made."""

    code = "tenant_context"
    http_status = 403


class MappingError(AcequiaError):
    """A document that cannot become a record. `field` is the path of the offending value."""

    code = "unmappable"
    http_status = 422

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class ProviderError(AcequiaError):
    """A provider's answer that is not the document asked for. `status` is the HTTP status, 0 when there was none."""

    code = "provider"
    http_status = 502
    is_retryable = True

    def __init__(self, message: str, *, status: int = 0, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class ObjectNotFoundError(ProviderError):
    """404: the object is not there, or not readable yet."""

    code = "not_found"


class ObjectFailedError(ProviderError):
    """A failure of this object alone: 4xx or 5xx of its own address, an unreadable body, an answer too large."""

    code = "object_failed"


class ProviderTimeoutError(ProviderError):
    """No answer within the time-out. Whose fault it is depends on whether the account answered anything meanwhile."""

    code = "provider_timeout"


class ProviderUnavailableError(ProviderError):
    """The provider or the way to it is down: connection refused, 502 to 504 everywhere, breaker open."""

    code = "provider_unavailable"


class ThrottledError(ProviderError):
    """429, or our own budget for this account is used up. `retry_after_s` says how long to wait."""

    code = "throttled"


class CredentialsRefusedError(ProviderError):
    """401 or 403: the integration's credentials are wrong or lack a permission."""

    code = "credentials_refused"
    is_retryable = False

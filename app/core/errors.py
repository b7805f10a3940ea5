"""Every error that Acequia raises on purpose: its HTTP status, its problem type, and whether a retry can help."""

from typing import ClassVar, NamedTuple


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


class IntegrationGoneError(MappingError):
    """The integration was deleted: nobody can be asked for what its events point at."""

    code = "integration_deleted"

    def __init__(self) -> None:
        super().__init__("integration_id", "the integration is not there any more")


class ProviderError(AcequiaError):
    """A provider's answer that is not the document asked for. `status` is the HTTP status, 0 when there was none.
    `told`: the provider's own word or number for it, where its body said one; safe to log and to show."""

    code = "provider"
    http_status = 502
    is_retryable = True

    def __init__(self, message: str, *, status: int = 0, retry_after_s: float | None = None, told: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
        self.told = told


class ObjectNotFoundError(ProviderError):
    """404: the object is not there, or not readable yet."""

    code = "not_found"


class PointerInDoubtError(ObjectNotFoundError):
    """Nothing is there, and nobody vouches for the call that pointed at it: it may never have been."""


class ObjectNotOursError(ProviderError):
    """It is there, and belongs to somebody else: what pointed at it is not for this integration."""

    code = "not_ours"
    is_retryable = False


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


class PositionLostError(ProviderError):
    """The provider has forgotten where a reading of its list had come to: begin that part again."""

    code = "position_lost"


class TooMuchAskedError(ProviderError):
    """The provider will not answer so much at once, or we would not keep it: ask for a part."""

    code = "too_much_asked"


class AccessTokenEndedError(ProviderError):
    """A token that lives for hours has ended. A new one is fetched; whether that is refused says what is wrong."""

    code = "access_token_ended"


class ProviderRefusedError(ProviderError):
    """The call, a permission or the account's state is wrong at the provider: somebody must change something there."""

    code = "provider_refused"
    is_retryable = False


# `told` of credentials that are good, and another account's than the integration's: not a provider's word.
OTHER_ACCOUNT = "other_account"


class CredentialsRefusedError(ProviderError):
    """401 or 403: the integration's credentials are wrong or lack a permission."""

    code = "credentials_refused"
    is_retryable = False


class FieldProblem(NamedTuple):
    """One wrong value: `pointer` is where it stands (RFC 6901), `detail` what is wrong. Never the value itself.

    `code`: what a provider's check found, for who says it in another language; `about`: the permission, account or
    moment it is about.
    """

    pointer: str
    detail: str
    code: str | None = None
    about: str | None = None


class InvalidInputError(AcequiaError):
    """What was sent cannot be used; `problems` name each place and what to do about it."""

    code = "invalid_input"
    http_status = 422

    def __init__(self, *problems: FieldProblem) -> None:
        super().__init__("; ".join(f"{problem.pointer or '/'}: {problem.detail}" for problem in problems))
        self.problems = problems


class MalformedBodyError(AcequiaError):
    """The body is not what its content type says."""

    code = "malformed_json"
    http_status = 400


class UnsupportedMediaError(AcequiaError):
    """The body is not JSON."""

    code = "unsupported_media_type"
    http_status = 415


class BodyTooLargeError(AcequiaError):
    """The body is larger than a limit allows."""

    code = "body_too_large"
    http_status = 413


class UnauthenticatedError(AcequiaError):
    """No key or session, or one that is not valid."""

    code = "unauthenticated"
    http_status = 401


class ForbiddenError(AcequiaError):
    """The caller may see the thing and may not do this with it."""

    code = "forbidden"
    http_status = 403


class NotFoundError(AcequiaError):
    """There is nothing of that name that the caller could see."""

    code = "not_found"
    http_status = 404


class MethodNotAllowedError(AcequiaError):
    """The address is there, and does not take this method."""

    code = "method_not_allowed"
    http_status = 405


class GoneError(AcequiaError):
    """It was there, and cannot be read any more: the keys that sealed it were destroyed on purpose."""

    code = "gone"
    http_status = 410


class ConflictError(AcequiaError):
    """It does not go together with what there is already."""

    code = "conflict"
    http_status = 409


class CallInProgressError(AcequiaError):
    """The first call with this Idempotency-Key has not ended yet."""

    code = "call_in_progress"
    http_status = 409
    is_retryable = True


class AnswerNotKeptError(AcequiaError):
    """The first call with this Idempotency-Key succeeded, and its answer showed a secret, so it was not kept."""

    code = "answer_not_kept"
    http_status = 409

    def __init__(self, message: str, object_id: str | None) -> None:
        super().__init__(message)
        self.object_id = object_id


class PreconditionFailedError(AcequiaError):
    """If-Match names another state than the present one: read again, then change."""

    code = "precondition_failed"
    http_status = 412


class NotAvailableError(AcequiaError):
    """Known, and not built yet."""

    code = "not_available"
    http_status = 501


class RateLimitedError(AcequiaError):
    """Too many calls. `retry_after_s` says how long to wait."""

    code = "rate_limited"
    http_status = 429
    is_retryable = True

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DayLimitError(RateLimitedError):
    """The tenant's API calls of this day are used up."""

    code = "day_limit"


class QueueFullError(RateLimitedError):
    """As many events of this tenant wait as may."""

    code = "queue_full"

"""Errors as `application/problem+json` (RFC 9457): a stable code, a sentence, and where the fault lies."""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil

from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError, QueryCanceledError
from redis.exceptions import RedisError
from starlette.responses import Response

from app.core.errors import (
    AcequiaError,
    AnswerNotKeptError,
    InvalidInputError,
    RateLimitedError,
    UnauthenticatedError,
)
from app.core.logging import get_logger
from schemas.api import FieldError, Problem

MEDIA_TYPE = "application/problem+json"
RETRY_UNAVAILABLE_S = 5
UNAVAILABLE = "A server of ours does not answer now. Try again in a moment."
_SURROUNDINGS = (PostgresError, InterfaceError, InternalClientError, RedisError, OSError, TimeoutError)

log = get_logger()


def make_problem(error: Exception, request_id: str, headers: Mapping[str, str]) -> Response:
    """The answer to a call that raised. What was not meant to happen is logged and shown as `internal_error`."""
    extra: dict[str, str] = {}
    if isinstance(error, AcequiaError) and error.http_status < 500:
        status, code, detail = error.http_status, error.code, str(error)
    elif isinstance(error, AcequiaError) and error.http_status != 500:
        status, code = error.http_status, error.code
        # What exactly does not answer is the operator's to know, from the log.
        detail = UNAVAILABLE if status == 503 else str(error)
        log.warning("api.refused", code=code, error=str(error), request_id=request_id)
    elif isinstance(error, _SURROUNDINGS) and not _is_our_mistake(error):
        status, code, detail = 503, "unavailable", UNAVAILABLE
        log.warning("api.unavailable", error=type(error).__name__, request_id=request_id)
    else:
        status, code, detail = 500, "internal_error", "Something of ours failed. The request id helps us to find it."
        log.error("api.broken", error=type(error).__name__, request_id=request_id, exc_info=error)
    if isinstance(error, RateLimitedError):
        extra["Retry-After"] = str(max(1, ceil(error.retry_after_s)))
    elif status == 503:
        extra["Retry-After"] = str(RETRY_UNAVAILABLE_S)
    if isinstance(error, UnauthenticatedError):
        extra["WWW-Authenticate"] = 'Bearer realm="acequia"'
    problem = Problem(
        type=f"urn:acequia:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        request_id=request_id,
        errors=_list_errors(error),
        object_id=error.object_id if isinstance(error, AnswerNotKeptError) else None,
    )
    content = problem.model_dump_json(exclude_none=True)
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers={**headers, **extra})


def _list_errors(error: Exception) -> list[FieldError] | None:
    if not isinstance(error, InvalidInputError):
        return None
    return [FieldError(pointer=problem.pointer, detail=problem.detail) for problem in error.problems]


def _is_our_mistake(error: Exception) -> bool:
    """A statement that the server refuses for what it says, and not because it cannot now (SQLSTATE classes 08, 53,
    55, 57 and 40 are the server's state)."""
    if not isinstance(error, PostgresError) or isinstance(error, QueryCanceledError):
        return False
    return str(getattr(error, "sqlstate", "") or "")[:2] not in {"08", "53", "55", "57", "40", ""}

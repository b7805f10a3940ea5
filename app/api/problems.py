"""Errors as `application/problem+json` (RFC 9457): a stable code, a sentence, and where the fault lies."""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil

from starlette.responses import Response

from app.core.errors import (
    AnswerNotKeptError,
    InvalidInputError,
    RateLimitedError,
    UnauthenticatedError,
)
from app.services.problems import tell_problem
from schemas.api import FieldError, Problem

MEDIA_TYPE = "application/problem+json"
RETRY_UNAVAILABLE_S = 5


def make_problem(error: Exception, request_id: str, headers: Mapping[str, str]) -> Response:
    """The answer to a call that raised. What was not meant to happen is logged and shown as `internal_error`."""
    extra: dict[str, str] = {}
    status, code, detail = tell_problem(error, request_id)
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
    return [FieldError(pointer=problem.pointer, detail=problem.detail, code=problem.code) for problem in error.problems]

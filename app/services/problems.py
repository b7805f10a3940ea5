"""What a caller is told of an error, and what the log says of it: the same for the API's problems and for pages."""

from typing import NamedTuple

from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError, QueryCanceledError
from redis.exceptions import RedisError

from app.core.errors import AcequiaError
from app.core.logging import get_logger

UNAVAILABLE = "A server of ours does not answer now. Try again in a moment."
BROKEN = "Something of ours failed. The request id helps us to find it."
_SURROUNDINGS = (PostgresError, InterfaceError, InternalClientError, RedisError, OSError, TimeoutError)

log = get_logger()


class ToldProblem(NamedTuple):
    """`status`: of HTTP. `detail`: a sentence that may be shown."""

    status: int
    code: str
    detail: str


def tell_problem(error: Exception, request_id: str) -> ToldProblem:
    """What was not meant to happen is logged, and shown as `internal_error`."""
    if isinstance(error, AcequiaError) and error.http_status < 500:
        return ToldProblem(error.http_status, error.code, str(error))
    if isinstance(error, AcequiaError) and error.http_status != 500:
        # What exactly does not answer is the operator's to know, from the log.
        log.warning("api.refused", code=error.code, error=str(error), request_id=request_id)
        return ToldProblem(error.http_status, error.code, UNAVAILABLE if error.http_status == 503 else str(error))
    if isinstance(error, _SURROUNDINGS) and not _is_our_mistake(error):
        log.warning("api.unavailable", error=type(error).__name__, request_id=request_id)
        return ToldProblem(503, "unavailable", UNAVAILABLE)
    log.error("api.broken", error=type(error).__name__, request_id=request_id, exc_info=error)
    return ToldProblem(500, "internal_error", BROKEN)


def _is_our_mistake(error: Exception) -> bool:
    """A statement that the server refuses for what it says, and not because it cannot now (SQLSTATE classes 08, 53,
    55, 57 and 40 are the server's state)."""
    if not isinstance(error, PostgresError) or isinstance(error, QueryCanceledError):
        return False
    return str(getattr(error, "sqlstate", "") or "")[:2] not in {"08", "53", "55", "57", "40", ""}

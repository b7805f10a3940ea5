"""What Google's error answers mean: of the Ads API, of its gateway, and of the token endpoint.

    {"error": {"code", "status", "message", "details": [{"errors": [{"errorCode": {family: value}, …}]}, …]}}

The same may stand in an array (searchStream), be without details, hold several errors, be of another version, or be an
older form (`errors: [{domain, reason}]`). A 200 may hold `partialFailureError`, whose code is gRPC's. The token
endpoint answers `{"error": "invalid_grant"}`.
"""

import re
from collections.abc import Iterator

from app.connectors.reading import JsonObject
from app.connectors.verdict import (
    ErrorAnswer,
    Verdict,
    choose_gravest,
    classify_status,
    decode_body,
    make_error,
)
from app.core.answers import read_retry_after_s
from app.core.errors import ProviderError
from app.core.outbound import Answer

THROTTLE_S = 60.0
DELAY_S_MAX = 86_400.0  # quotas are of a day
EXHAUSTED_S = 3_600.0  # a day's operations or resources are used up, and no delay was told: look again in an hour

# Values by their family. What is named nowhere is as its status says.
_RETRYABLE = {
    "databaseError": {"CONCURRENT_MODIFICATION"},
    "internalError": {"TRANSIENT_ERROR", "INTERNAL_ERROR", "DEADLINE_EXCEEDED"},
}
_RESTARTED = {"requestError": {"EXPIRED_PAGE_TOKEN", "INVALID_PAGE_TOKEN"}}
_REFRESHED = {"authenticationError": {"OAUTH_TOKEN_EXPIRED", "OAUTH_TOKEN_INVALID"}}
_DEAD = {
    "authenticationError": {
        "OAUTH_TOKEN_REVOKED", "OAUTH_TOKEN_DISABLED", "GOOGLE_ACCOUNT_DELETED",
        "GOOGLE_ACCOUNT_AUTHENTICATION_FAILED",
    },
}  # fmt: skip
_PAUSED = {"quotaError": {"RESOURCE_TEMPORARILY_EXHAUSTED", "PAYMENTS_PROFILE_ACTIVATION_RATE_LIMIT_EXCEEDED"}}
_EXHAUSTED = {
    "quotaError": {
        "RESOURCE_EXHAUSTED", "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION",
        "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION",
    },
}  # fmt: skip
_PROHIBITED = {"quotaError": {"ACCESS_PROHIBITED"}}
_OLD_THROTTLED = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded", "RATE_LIMIT_EXCEEDED"}
)
_OAUTH_PASSING = frozenset({"server_error", "temporarily_unavailable", "internal_failure"})
_HTTP_OF_STATUS = {
    "INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "OUT_OF_RANGE": 400, "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403, "NOT_FOUND": 404, "ALREADY_EXISTS": 404, "ABORTED": 409, "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 503, "DATA_LOSS": 500, "UNKNOWN": 500, "INTERNAL": 500, "UNIMPLEMENTED": 400, "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}  # fmt: skip
# ALREADY_EXISTS is 409 in HTTP and does not pass by itself, so it is judged as 404 is.
_HTTP_OF_GRPC = {
    1: 503, 2: 500, 3: 400, 4: 504, 5: 404, 6: 404, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 400, 13: 500,
    14: 503, 15: 500, 16: 401,
}  # fmt: skip
_DELAY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s", re.ASCII)


def classify(answer: ErrorAnswer) -> Verdict | None:
    """The verdict on the gravest error of an answer. None for an answer that is none."""
    parts = answer.body if isinstance(answer.body, list) else [answer.body]
    verdicts = [verdict for part in parts for verdict in _judge_part(JsonObject(part), answer)]
    if verdicts:
        return choose_gravest(verdicts)
    if 200 <= answer.status < 300 or (not answer.status and not isinstance(answer.body, str)):
        return None
    return _judge_status(answer.status, str(answer.status or "no_status"), read_retry_after_s(answer.headers))


def _judge_part(part: JsonObject, answer: ErrorAnswer) -> Iterator[Verdict]:
    word = part.peek("error")
    if isinstance(word, str) and word:
        yield _judge_oauth(word, answer)
        return
    for name in ("error", "partialFailureError"):
        error = part.get_object(name)
        if error:
            yield from _judge_error(error, answer)


def _judge_oauth(word: str, answer: ErrorAnswer) -> Verdict:
    """Of the token endpoint. A dead refresh token is said with 400."""
    if word == "invalid_grant":
        return Verdict("reconnect", word)
    if word in _OAUTH_PASSING or answer.status >= 500:
        return Verdict("retryable", word)
    if word in ("rate_limit_exceeded", "slow_down") or answer.status == 429:
        return Verdict("throttled", word, read_retry_after_s(answer.headers) or THROTTLE_S)
    return Verdict("permanent", word[:60])


def _judge_error(error: JsonObject, answer: ErrorAnswer) -> Iterator[Verdict]:
    details = error.get_objects("details")
    told_s = max([s for one in details if (s := _read_delay(one.peek("retryDelay"))) is not None], default=None)
    if told_s is None:
        told_s = read_retry_after_s(answer.headers)
    status = _find_status(error, answer.status)
    inner = [one for detail in details for one in detail.get_objects("errors")]
    found = False
    for one in inner:
        quota_s = _read_delay(one.get_object("details").get_object("quotaErrorDetails").peek("retryDelay"))
        for family, value in _list_codes(one):
            found = True
            yield _judge_code(family, value, status, told_s if quota_s is None else quota_s)
    if found:
        return
    reasons = [one.find_text("reason") or "" for one in (*error.get_objects("errors"), *details)]
    code = error.find_text("status") or str(status)
    if not _OLD_THROTTLED.isdisjoint(reasons):
        yield Verdict("throttled", code, told_s or THROTTLE_S)
    else:
        yield _judge_status(status, code, told_s)


def _list_codes(error: JsonObject) -> Iterator[tuple[str, str]]:
    codes = error.peek("errorCode")
    for family, value in codes.items() if isinstance(codes, dict) else ():
        if isinstance(family, str) and isinstance(value, str):
            yield family, value


def _judge_code(family: str, value: str, status: int, wait_s: float | None) -> Verdict:
    code = f"{family[:60]}.{value[:80]}"
    if value in _DEAD.get(family, ()):
        return Verdict("reconnect", code)
    if value in _REFRESHED.get(family, ()):
        return Verdict("retryable", code, then="refresh")
    if value in _PAUSED.get(family, ()):
        return Verdict("throttled", code, wait_s or THROTTLE_S)
    if value in _EXHAUSTED.get(family, ()):
        return Verdict("throttled", code, wait_s or EXHAUSTED_S)
    if value in _RESTARTED.get(family, ()):
        return Verdict("retryable", code, then="restart")
    if value in _RETRYABLE.get(family, ()):
        return Verdict("retryable", code, wait_s)
    # A value that is not known is as its status says. But a 401 with a reason needs a person, not a refresh, and what
    # failed inside an answer of 200 fails again.
    if value in _PROHIBITED.get(family, ()) or status in (0, 401) or 200 <= status < 300:
        return Verdict("permanent", code)
    return _judge_status(status, code, wait_s)


def _judge_status(status: int, code: str, wait_s: float | None) -> Verdict:
    if status == 401:
        return Verdict("retryable", code, then="refresh")
    if status == 429:
        return Verdict("throttled", code, wait_s or THROTTLE_S)
    return classify_status(status, code, wait_s)


def _find_status(error: JsonObject, status: int) -> int:
    """HTTP's, as the error's own words have it: an answer of 200 can hold one, and a stream's has the first batch's."""
    word = error.find_text("status") or ""
    if word in _HTTP_OF_STATUS:
        return _HTTP_OF_STATUS[word]
    code = error.peek("code")
    if isinstance(code, int) and not isinstance(code, bool):
        return _HTTP_OF_GRPC.get(code, code if 100 <= code < 600 else status)
    return status


def _read_delay(value: object) -> float | None:
    """`30s`, as protobuf writes a duration."""
    found = _DELAY.fullmatch(value) if isinstance(value, str) else None
    return min(float(found[1]), DELAY_S_MAX) if found else None


def judge_answer(name: str, answer: Answer) -> ProviderError | None:
    """For Outbound: what the body of an answer that is not 2xx says. None where the status says as much: a server error
    is then the account's or the object's by what others were answered."""
    verdict = classify(ErrorAnswer(answer.status, answer.headers, decode_body(answer.body)))
    if verdict is None or (answer.status >= 500 and verdict.kind == "retryable"):
        return None
    return make_error(name, answer.status, verdict)

"""What MercadoLibre's error answers mean.

`{message, error, status, cause}` of the API, `{error, error_description}` of the token endpoint, three forms of 403. A
limited answer may be plain text. Calls that cannot succeed are not repeated: too many 4xx have an application blocked,
for all its sellers.
"""

from app.connectors.reading import JsonObject
from app.connectors.verdict import ErrorAnswer, Verdict, classify_status, decode_body, make_error
from app.core.answers import read_retry_after_s
from app.core.errors import CredentialsRefusedError, ProviderError, ProviderRefusedError
from app.core.outbound import Answer

THROTTLE_S = 60.0  # no Retry-After is documented; windows are of a minute

# Of the token endpoint: the refresh token was used, has ended or was revoked; or whoever authorised may not.
_DEAD = frozenset({"invalid_grant", "invalid_operator_user_id"})
_LIMITED = frozenset({"local_rate_limited", "too_many_requests", "rate_limited"})
_WRONG = frozenset(
    {
        "invalid_client", "invalid_scope", "invalid_request", "unsupported_grant_type", "forbidden",
        "unauthorized_client", "unauthorized_application", "unauthorized_scopes", "access_denied", "invalid scopes",
    }
)  # fmt: skip
# Of these nothing of one call is wrong: the application is unknown with this secret, or blocked. Everything waits.
_ABOUT_APPLICATION = frozenset(
    {"invalid_client", "unauthorized_client", "unauthorized_application", "unauthorized_scopes"}
)
_CODE_CHARS_MAX = 60


def classify(answer: ErrorAnswer) -> Verdict | None:
    """The verdict. None for an answer that is no error, of 206 too: that is a document with holes."""
    if isinstance(answer.body, str):
        return _classify_text(answer)
    body = JsonObject(answer.body)
    words = [(body.find_text(name) or "").lower() for name in ("error", "message", "code")]
    status = answer.status or _find_status(body)
    if 200 <= status < 300 or not (status or body.has("error") or body.has("blocked_by")):
        return None
    retry_after_s = read_retry_after_s(answer.headers)
    code = (words[0] or words[2] or str(status))[:_CODE_CHARS_MAX]
    if not _DEAD.isdisjoint(words):
        return Verdict("reconnect", code)
    if status == 429 or not _LIMITED.isdisjoint(words):
        return Verdict("throttled", code, THROTTLE_S if retry_after_s is None else retry_after_s)
    if status == 403 or body.has("blocked_by") or not _WRONG.isdisjoint(words):
        return Verdict("permanent", code)
    if status == 401:
        # Access tokens end after some hours. One that is refused again after a refresh: the refresh will have said why.
        return Verdict("retryable", code, then="refresh")
    return classify_status(status, code, retry_after_s)


def _classify_text(answer: ErrorAnswer) -> Verdict | None:
    if 200 <= answer.status < 300:
        return None
    text = str(answer.body).lower()
    if answer.status == 429 or any(word in text for word in _LIMITED):
        return Verdict("throttled", "local_rate_limited", read_retry_after_s(answer.headers) or THROTTLE_S)
    return classify_status(answer.status, retry_after_s=read_retry_after_s(answer.headers))


def _find_status(body: JsonObject) -> int:
    """The status that an error repeats in its body; an order's `status` is a word."""
    value = body.peek("status")
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) == 3:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 100 <= value < 600 else 0


def judge_answer(name: str, answer: Answer) -> ProviderError | None:
    """For Outbound: what the body of an answer that is not 2xx says. None where the status says as much."""
    verdict = classify(ErrorAnswer(answer.status, answer.headers, decode_body(answer.body)))
    if answer.status == 404 or verdict is None or (answer.status >= 500 and verdict.kind == "retryable"):
        return None
    error = make_error(name, answer.status, verdict)
    if isinstance(error, ProviderRefusedError) and error.told in _ABOUT_APPLICATION:
        return CredentialsRefusedError(str(error), status=401, told=error.told)
    return error

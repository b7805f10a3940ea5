"""What the Graph API's errors mean: by `code` and `error_subcode`, then `is_transient`.

The HTTP status counts only where the body says nothing. Throttles, dead tokens and passing faults all come as 400; an
ended token as 500 at times; a report that failed as 200, with its error at the top level.
"""

from typing import NamedTuple

import orjson

from app.connectors.reading import JsonObject
from app.connectors.verdict import (
    ErrorAnswer,
    Then,
    Verdict,
    VerdictKind,
    classify_status,
    decode_body,
    make_error,
)
from app.core.answers import read_retry_after_s
from app.core.errors import ProviderError
from app.core.outbound import Answer

THROTTLE_S = 60.0
WAIT_S_MAX = 86_400.0

# Subcodes that say more than their code does.
_BY_SUBCODE: dict[tuple[int, int], tuple[VerdictKind, Then | None]] = {
    (4, 1504022): ("throttled", "smaller"),
    (4, 1504039): ("throttled", "smaller"),
    (100, 1487534): ("retryable", "smaller"),
    (100, 1504018): ("retryable", "smaller"),
    (2, 1504038): ("retryable", "smaller"),
    (2, 1504041): ("retryable", "smaller"),
    (2, 1504042): ("retryable", "smaller"),
    (2, 1504043): ("retryable", "smaller"),
    (2, 1504044): ("retryable", "smaller"),
    (1, 99): ("retryable", "smaller"),
    (-2, 2490547): ("retryable", "smaller"),
}
_DEAD = (102, 190)
_THROTTLED = (4, 17, 32, 341, 613, *range(80_000, 80_015))
_PASSING = (1, 2, 21_009)
# Permissions (also 200 to 299), policy, wrong input, audiences: whoever asks again gets the same.
_PERMANENT = (3, 10, 100, 101, 104, 105, 368, 506, 2_650, 2_655, 1_487_301, 1_487_366, *range(200, 300))
_BY_CODE: dict[int, VerdictKind] = {
    **dict.fromkeys(_PERMANENT, "permanent"),
    **dict.fromkeys(_PASSING, "retryable"),
    **dict.fromkeys(_THROTTLED, "throttled"),
    **dict.fromkeys(_DEAD, "reconnect"),
}
_TOO_MUCH = "reduce the amount of data"


class _Error(NamedTuple):
    code: int | None
    subcode: int | None
    is_transient: bool
    message: str

    @property
    def name(self) -> str:
        """`190/463`: safe to log."""
        parts = (part for part in (self.code, self.subcode) if part is not None)
        return "/".join(map(str, parts)) or "no_code"


def classify(answer: ErrorAnswer) -> Verdict | None:
    """The verdict. None for an answer that is no error."""
    error = _find_error(answer.body)
    if error is None:
        is_fine = 200 <= answer.status < 300 or (not answer.status and not isinstance(answer.body, str))
        return None if is_fine else _add_wait(classify_status(answer.status), answer)
    return _add_wait(_judge(error, answer.status), answer)


def _judge(error: _Error, status: int) -> Verdict:
    code, subcode, is_transient, message = error
    if code is not None and subcode is not None and (code, subcode) in _BY_SUBCODE:
        kind, then = _BY_SUBCODE[code, subcode]
        return Verdict(kind, error.name, then=then)
    if code == 1 and _TOO_MUCH in message.lower():
        return Verdict("retryable", error.name, then="smaller")
    if code in _BY_CODE:
        return Verdict(_BY_CODE[code], error.name)
    if is_transient:
        return Verdict("retryable", error.name)
    if not status or 200 <= status < 300:
        return Verdict("permanent", error.name)  # a code that nobody here knows, and nothing says that it passes
    return classify_status(status, error.name)


def _find_error(body: object) -> _Error | None:
    document = JsonObject(body)
    inner = document.get_object("error")
    if inner:
        return _Error(
            _find_number(inner, "code"),
            _find_number(inner, "error_subcode"),
            inner.find_flag("is_transient") is True,
            inner.find_text("message", chars_max=1_000) or "",
        )
    status = document.find_text("async_status") or ""
    if document.has("error_code") or status in ("Job Failed", "Job Skipped"):
        # A report's own end. Without a code: a new one of fewer days may do.
        code, subcode = _find_number(document, "error_code"), _find_number(document, "error_subcode")
        message = document.find_text("error_message", chars_max=1_000) or ""
        return _Error(code, subcode, code is None, message)
    return None


def _find_number(source: JsonObject, name: str) -> int | None:
    text = source.find_text(name, chars_max=20)
    return int(text) if text is not None and text.removeprefix("-").isdecimal() and text.isascii() else None


def _add_wait(verdict: Verdict, answer: ErrorAnswer) -> Verdict:
    if verdict.kind != "throttled":
        return verdict
    waits = [read_retry_after_s(answer.headers), *_list_waits(answer)]
    longest_s = max((wait for wait in waits if wait is not None), default=0.0)
    return verdict._replace(retry_after_s=min(longest_s, WAIT_S_MAX) or THROTTLE_S)


def _list_waits(answer: ErrorAnswer) -> list[float]:
    """Seconds, out of the usage headers: the business's in minutes by kind of use, the account's in seconds."""
    waits: list[float] = []
    for uses in _read_header(answer, "x-business-use-case-usage").values():
        for use in uses if isinstance(uses, list) else []:
            minutes = use.get("estimated_time_to_regain_access") if isinstance(use, dict) else None
            if isinstance(minutes, int | float) and not isinstance(minutes, bool):
                waits.append(60.0 * minutes)
    seconds = _read_header(answer, "x-ad-account-usage").get("reset_time_duration")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        waits.append(float(seconds))
    return waits


def _read_header(answer: ErrorAnswer, name: str) -> dict[str, object]:
    try:
        found = orjson.loads(answer.headers.get(name, "{}"))
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def judge_answer(name: str, answer: Answer) -> ProviderError | None:
    """For Outbound: what the body of an answer that is not 2xx says. None for one without an error: then its status is
    all that there is."""
    body = decode_body(answer.body)
    error = _find_error(body)
    verdict = classify(ErrorAnswer(answer.status, answer.headers, body)) if error is not None else None
    if verdict is None or (answer.status >= 500 and verdict.kind == "retryable" and verdict.then is None):
        return None
    return make_error(name, answer.status, verdict)

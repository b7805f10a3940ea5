"""What a provider's error answer means: said by each connector's `errors.py` in the same four words."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from app.connectors.reading import parse_json
from app.core.errors import (
    AccessTokenEndedError,
    CredentialsRefusedError,
    MappingError,
    ObjectFailedError,
    PositionLostError,
    ProviderError,
    ProviderRefusedError,
    ThrottledError,
    TooMuchAskedError,
)

VerdictKind = Literal["retryable", "permanent", "reconnect", "throttled"]
# refresh: get a new access token first, once. smaller: ask for fewer days at once. restart: begin the list again.
Then = Literal["refresh", "smaller", "restart"]
MEANINGS: Mapping[VerdictKind, str] = MappingProxyType(
    {
        "retryable": "the same call may succeed later; `then`: after a new access token (refresh), for fewer days at "
        "once (smaller), or from the list's beginning (restart)",
        "throttled": "as retryable, and nobody should call this account for `retry_after_s`",
        "reconnect": "the authorisation is dead: asking again or refreshing does not help; a person must renew it",
        "permanent": "the call, a permission or the account's state is wrong: somebody must change something first",
    }
)
_ENVELOPE = frozenset({"status", "status_code", "headers", "body"})


class ErrorAnswer(NamedTuple):
    """An answer to be judged. `status`: 0 where it is not known. `headers`: lower-case names. `body`: decoded JSON, or
    text where it is none."""

    status: int
    headers: Mapping[str, str]
    body: object


class Verdict(NamedTuple):
    """`code`: the provider's own word or number for it, for logs; never a message, which may hold anything."""

    kind: VerdictKind
    code: str
    retry_after_s: float | None = None
    then: Then | None = None


def read_answer(content: bytes) -> ErrorAnswer:
    """An answer out of a file, in any of three forms: its body alone; a JSON object of `status`, `headers` and `body`;
    or what `curl -i` prints."""
    if content.startswith(b"HTTP/"):
        return _read_raw(content)
    body = decode_body(content)
    if isinstance(body, dict) and "body" in body and body.keys() <= _ENVELOPE:
        status, headers = body.get("status", body.get("status_code")), body.get("headers")
        inner = body["body"]
        return ErrorAnswer(
            status if isinstance(status, int) else 0,
            {name.lower(): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {},
            decode_body(inner.encode("utf-8", "replace")) if isinstance(inner, str) else inner,
        )
    return ErrorAnswer(0, {}, body)


def decode_body(content: bytes) -> object:
    """The JSON of a body, or its text."""
    try:
        return parse_json(content)
    except MappingError:
        return content.decode("utf-8", "replace")


def classify_status(status: int, code: str = "", retry_after_s: float | None = None) -> Verdict:
    """What a status alone says, for a body that says nothing. Without a status (0) nothing is known: it may pass."""
    code = code or str(status or "no_status")
    if status == 429:
        return Verdict("throttled", code, retry_after_s)
    if status in (0, 408, 409, 423, 424, 425) or status >= 500 or 200 <= status < 300:
        return Verdict("retryable", code, retry_after_s)
    return Verdict("permanent", code)


def choose_gravest(verdicts: list[Verdict]) -> Verdict:
    """Of several errors in one answer, the one that no retry can help: then throttling, with the longest wait."""
    order: tuple[VerdictKind, ...] = ("reconnect", "permanent", "throttled", "retryable")
    return min(verdicts, key=lambda one: (order.index(one.kind), -(one.retry_after_s or 0.0)))


_ERROR_OF_KIND: Mapping[VerdictKind, type[ProviderError]] = {
    "retryable": ObjectFailedError,
    "permanent": ProviderRefusedError,
    "reconnect": CredentialsRefusedError,
    "throttled": ThrottledError,
}
_ERROR_OF_THEN: Mapping[Then, type[ProviderError]] = {
    "refresh": AccessTokenEndedError,
    "smaller": TooMuchAskedError,
    "restart": PositionLostError,
}


def make_error(name: str, status: int, verdict: Verdict) -> ProviderError:
    """The error of an answer that was judged. `name` says which call, without ids. A dead authorisation has the status
    401, whatever the answer's was: that is what pauses an integration."""
    kind = _ERROR_OF_KIND[verdict.kind]
    if verdict.kind == "retryable" and verdict.then is not None:
        kind = _ERROR_OF_THEN[verdict.then]
    status = 401 if verdict.kind == "reconnect" else status
    message = f"{name}: {verdict.kind} ({verdict.code})"
    return kind(message, status=status, retry_after_s=verdict.retry_after_s, told=verdict.code)


def _read_raw(content: bytes) -> ErrorAnswer:
    head, _, body = content.replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    words = first.split(" ")
    status = int(words[1]) if len(words) > 1 and words[1].isdecimal() else 0
    headers = (line.partition(":") for line in lines)
    return ErrorAnswer(status, {name.strip().lower(): value.strip() for name, _, value in headers}, decode_body(body))

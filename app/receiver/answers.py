"""What the receiver answers, as ready-made ASGI messages: nothing is computed for an answer that can be kept."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from starlette.types import Send

RETRY_UNAVAILABLE_S = 5
RETRY_FULL_S = 30
_EVENT_ID_CHARACTERS = 36


class Answer(NamedTuple):
    """Both messages of one response."""

    start: dict[str, Any]
    body: dict[str, Any]

    async def send(self, send: Send) -> None:
        await send(self.start)
        await send(self.body)


def _make(status: int, content: object, media_type: str, headers: Mapping[str, str]) -> Answer:
    body = orjson.dumps(content)
    fields = {"content-type": media_type, "content-length": str(len(body)), **headers}
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    return Answer(
        {"type": "http.response.start", "status": status, "headers": raw}, {"type": "http.response.body", "body": body}
    )


def make_problem(status: int, code: str, title: str, *, field: str | None = None, **headers: str) -> Answer:
    """application/problem+json (RFC 9457). Says nothing of what was sent but the field's name."""
    content: dict[str, object] = {
        "type": f"urn:acequia:problem:{code}",
        "title": title,
        "status": status,
        "success": False,
        "code": code,
    }
    if field is not None:
        content["errors"] = [{"field": field, "detail": title}]
    return _make(status, content, "application/problem+json", {k.replace("_", "-"): v for k, v in headers.items()})


def make_ignored(reason: str) -> Answer:
    """200 for a call that is understood and not taken, so that its sender does not repeat or punish it."""
    return _make(200, {"success": True, "ignored": reason}, "application/json", {})


PONG = _make(200, {"success": True, "ping": "pong"}, "application/json", {})
# One body for unknown, revoked and wrong: whoever guesses learns nothing, not even that a tenant exists.
UNAUTHORIZED = make_problem(401, "unauthorized", "This address or its secret is not valid.")
NOT_FOUND = make_problem(404, "not_found", "There is nothing at this address.")
METHOD_NOT_ALLOWED = make_problem(405, "method_not_allowed", "Send a POST.", allow="POST")
TOO_LARGE = make_problem(413, "body_too_large", "The body is larger than this address takes.")
MALFORMED = make_problem(422, "malformed_json", "The body is not JSON as RFC 8259 defines it.", field="$")
TOO_DEEP = make_problem(422, "malformed_json", "The body is nested too deeply.", field="$")
QUEUE_FULL = make_problem(
    429, "queue_full", "Too many events are waiting. Send this one again later.", retry_after=str(RETRY_FULL_S)
)
UNAVAILABLE = make_problem(
    503, "unavailable", "The event cannot be kept safely now. Send it again.", retry_after=str(RETRY_UNAVAILABLE_S)
)
BROKEN = make_problem(500, "internal_error", "Something of ours failed. Send it again.")

_ACCEPTED_HEAD = b'{"success":true,"event_id":"'
_ACCEPTED_TAIL = b'"}'
_ACCEPTED_START: dict[str, Any] = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_ACCEPTED_HEAD) + _EVENT_ID_CHARACTERS + len(_ACCEPTED_TAIL)).encode()),
    ],
}


def make_accepted(event_id: str) -> Answer:
    """200: the event is on disk under this id."""
    body = _ACCEPTED_HEAD + event_id.encode() + _ACCEPTED_TAIL
    return Answer(_ACCEPTED_START, {"type": "http.response.body", "body": body})

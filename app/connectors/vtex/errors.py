"""What VTEX's error answers mean. It speaks by status.

Bodies differ by module (`error.code` of OMS, `Message` of Master Data) and language, and are looked at only where no
status is known.

Source: VTEX's API guidelines on status codes, Master Data v1's scroll, OMS error bodies.
"""

import re

from app.connectors.reading import JsonObject
from app.connectors.verdict import ErrorAnswer, Verdict, classify_status
from app.core.answers import read_retry_after_s

THROTTLE_S = 60.0  # VTEX's advice for a 429 of the Orders API without Retry-After

_SCROLL_LOST = re.compile(r"operation not found for this token", re.IGNORECASE)
_PRIVATE_FIELDS = re.compile(r"private fields", re.IGNORECASE)
_UNAUTHORIZED = re.compile(r"unauthorized access|n[aã]o autorizado|no autorizado|wrongcredentials", re.IGNORECASE)
_THROTTLED = re.compile(r"too many requests|rate limit", re.IGNORECASE)


def classify(answer: ErrorAnswer) -> Verdict | None:
    """The verdict. None for an answer that is no error."""
    status, text = answer.status, _find_text(answer.body)
    if 200 <= status < 300 or (not status and not text):
        return None
    retry_after_s = read_retry_after_s(answer.headers)
    if _SCROLL_LOST.search(text) and status in (0, 400):
        return Verdict("retryable", "scroll_lost", then="restart")
    if status == 429 or (not status and _THROTTLED.search(text)):
        return Verdict("throttled", "429", THROTTLE_S if retry_after_s is None else retry_after_s)
    if status == 401 or (not status and _UNAUTHORIZED.search(text)):
        return Verdict("reconnect", "401")
    if not status and _PRIVATE_FIELDS.search(text):
        return Verdict("permanent", "403")
    if status == 404:
        # An order's notice is there before the order can be read.
        return Verdict("retryable", "404")
    if status == 409:
        return Verdict("permanent", "409")
    return classify_status(status, retry_after_s=retry_after_s)


def _find_text(body: object) -> str:
    """What a body says in words; empty for one that is no error's."""
    if isinstance(body, str):
        return body
    found = JsonObject(body)
    return (
        found.get_object("error").find_text("message")
        or found.find_text("Message", "message", "authStatus", "error")
        or ("error" if found.peek("error") else "")
    )

"""What was done, told once on the next page: the key of a text and its parts, in a short-lived cookie of the browser.

It is shown escaped and says nothing that the browser's own person did not just do: nobody signs it.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

NOTICE_COOKIE = "acequia_notice"
NOTICE_BYTES_MAX = 1_500
_ATTRIBUTES = "Path=/dashboard; HttpOnly; SameSite=Lax"


class Notice(NamedTuple):
    key: str
    args: Mapping[str, Any]


def write_notice(key: str, args: Mapping[str, Any]) -> str:
    """`Set-Cookie`."""
    value = urlsafe_b64encode(orjson.dumps({"key": key, "args": dict(args)})).decode()
    return f"{NOTICE_COOKIE}={value[:NOTICE_BYTES_MAX]}; Max-Age=60; {_ATTRIBUTES}"


def clear_notice() -> str:
    return f"{NOTICE_COOKIE}=; Max-Age=0; {_ATTRIBUTES}"


def read_notice(cookie: str | None) -> Notice | None:
    """None for what is none."""
    if not cookie or len(cookie) > NOTICE_BYTES_MAX:
        return None
    try:
        content = orjson.loads(urlsafe_b64decode(cookie))
        return Notice(str(content["key"]), {str(name): value for name, value in content["args"].items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None

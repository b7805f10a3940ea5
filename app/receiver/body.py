"""Reading a request's body and its JSON, each with its limit."""

from typing import Final

import orjson
from starlette.types import Receive

DEPTH_MAX: Final = 64


class TooLargeError(Exception):
    """The body is, or says that it is, larger than allowed."""


class DisconnectedError(Exception):
    """The caller went away before the body was whole: there is nobody to answer."""


class MalformedError(Exception):
    """The body is not JSON, or nested too deeply."""


async def read_body(receive: Receive, declared: bytes | None, bytes_max: int) -> bytes:
    """The whole body. A chunked one declares no length and is counted as it comes."""
    if declared is not None and int(declared) > bytes_max:
        raise TooLargeError
    message = await receive()
    if message["type"] != "http.request":
        raise DisconnectedError
    body: bytes = message["body"]
    if not message["more_body"]:
        if len(body) > bytes_max:
            raise TooLargeError
        return body
    parts = [body]
    size = len(body)
    while message["more_body"]:
        if size > bytes_max:
            raise TooLargeError
        message = await receive()
        if message["type"] != "http.request":
            raise DisconnectedError
        parts.append(message["body"])
        size += len(message["body"])
    if size > bytes_max:
        raise TooLargeError
    return b"".join(parts)


def parse_json(body: bytes) -> object:
    """Strict JSON: no NaN, no lone surrogates, nested at most DEPTH_MAX deep. Raises MalformedError."""
    try:
        document: object = orjson.loads(body)
    except (ValueError, RecursionError):
        raise MalformedError from None
    # As deep as it has opening brackets at most: the walk is for the rare body that could be too deep.
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and _is_deeper(document, DEPTH_MAX):
        raise MalformedError
    return document


def _is_deeper(document: object, depth_max: int) -> bool:
    level: list[object] = [document]
    for _ in range(depth_max):
        level = [child for value in level for child in _children(value)]
        if not level:
            return False
    return any(isinstance(value, dict | list) for value in level)


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []

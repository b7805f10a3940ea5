"""The little of ASGI that the sandbox needs: no framework, so that it is never what a benchmark measures."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Reply(NamedTuple):
    """`cut_bytes`: how long the body is said to be when the connection breaks behind what there is of it; 0: it does
    not."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    cut_bytes: int = 0


class Request:
    """One HTTP request: `parts` is the percent-decoded path between slashes."""

    __slots__ = ("_receive", "headers", "method", "parts", "raw_query")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self.method: str = scope["method"]
        raw_path = scope.get("raw_path") or scope["path"].encode()
        self.parts = [unquote(part) for part in raw_path.partition(b"?")[0].decode("latin-1").strip("/").split("/")]
        self.raw_query: bytes = scope.get("query_string", b"")
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.raw_query.decode("latin-1")).items()}

    async def read_body(self) -> bytes:
        chunks: list[bytes] = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return b"".join(chunks)
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def read_json(self) -> Any:
        """The decoded body, `{}` when there is none. Raises ValueError for what is no JSON."""
        body = await self.read_body()
        return orjson.loads(body) if body else {}

    async def wait_for_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


def answer_json(value: Any, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Reply:
    return Reply(status, orjson.dumps(value), headers)


async def send_reply(send: Send, reply: Reply) -> None:
    headers = [(b"content-type", b"application/json; charset=utf-8"), *reply.headers]
    headers.append((b"content-length", str(reply.cut_bytes or len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    # An answer that never ends: the server breaks the connection when the application returns without an end.
    await send({"type": "http.response.body", "body": reply.body, "more_body": bool(reply.cut_bytes)})

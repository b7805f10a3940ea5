"""uvicorn's HTTP protocol with what it lacks: a limit on the time and the headers that a request may take to arrive.

uvicorn waits for ever on a connection that says nothing, drips a header or stalls in a body. A timer per request would
cost more than the rest of this class: instead each connection notes since when a request is owed, and one task looks
at all of them a few times a second.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.receiver.metrics import CONNECTIONS_STALLED

HEADERS_MAX = 64
HEAD_BYTES_MAX = 16_384
LOOKS_PER_TIMEOUT = 12


class DeadlineProtocol(HttpToolsProtocol):
    """`owed_since`: loop time since which bytes of a request are awaited, None while nothing is owed.

    Owed from the connection's first moment, and from the first byte of every later request (bytes that belong to no
    request, like blank lines, count as its beginning: they would otherwise hold the connection open for ever).
    `blocked_since`: since when the peer has not read what we answered.
    """

    owed_since: float | None = None
    blocked_since: float | None = None
    received_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.owed_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        if self.owed_since is None:
            self.owed_since = self.loop.time()
        self.received_bytes += len(data)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        # httptools takes 20,000 headers, or one of 200 kB. Most requests fit one packet and are not counted here.
        if len(self.headers) > HEADERS_MAX or (
            self.received_bytes > HEAD_BYTES_MAX
            and len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES_MAX
        ):
            raise ValueError("headers too large")  # answered with 400 by uvicorn, which then closes
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.owed_since = None
        self.received_bytes = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        self.blocked_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.blocked_since = None
        super().resume_writing()


async def close_stalled(connections: set[Any], timeout_s: float) -> None:
    """Closes, for ever, connections that owe a request, or have not read their answer, for longer than `timeout_s`."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(timeout_s / LOOKS_PER_TIMEOUT)
        now = loop.time()
        for connection in list(connections):
            if not isinstance(connection, DeadlineProtocol):
                continue
            if connection.owed_since is not None and connection.flow.read_paused:
                connection.owed_since = now  # it is we who do not read: the caller gets its whole time afterwards
            since = connection.blocked_since or connection.owed_since
            if since is not None and now - since > timeout_s:
                CONNECTIONS_STALLED.inc()
                connection.transport.abort()

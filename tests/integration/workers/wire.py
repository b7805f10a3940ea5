"""A wire between a client and its server that a test can cut, mend, or make lose one answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

CHUNK_BYTES = 65_536


class Wire:
    """Forwards every connection to `host:port` while it is whole. `url`: the server's, through this wire."""

    def __init__(self, server_url: str) -> None:
        self._server = urlsplit(server_url)
        self._port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_whole = True
        self._fatal_words = b""
        self.answers_lost = 0

    @property
    def url(self) -> str:
        credentials, at, _ = self._server.netloc.rpartition("@")
        return urlunsplit(self._server._replace(netloc=f"{credentials}{at}127.0.0.1:{self._port}"))

    def cut(self) -> None:
        """Ends every connection, and every new one at once."""
        self._is_whole = False
        for task in self._tasks:
            task.cancel()

    def mend(self) -> None:
        self._is_whole = True

    def lose_answer_to(self, words: bytes) -> None:
        """The next request with these words reaches the server and is answered; the answer is lost with its line."""
        self._fatal_words = words

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Wire"]:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self._is_whole:
                await self._forward(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            await end(writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._server.hostname is not None
        answers, server = await asyncio.open_connection(self._server.hostname, self._server.port)
        is_doomed = False

        async def send_requests() -> None:
            nonlocal is_doomed
            while chunk := await reader.read(CHUNK_BYTES):
                if self._fatal_words and self._fatal_words in chunk:
                    self._fatal_words, is_doomed = b"", True
                server.write(chunk)
                await server.drain()

        async def send_answers() -> None:
            while chunk := await answers.read(CHUNK_BYTES):
                if is_doomed:
                    self.answers_lost += 1
                    return
                writer.write(chunk)
                await writer.drain()

        directions = {asyncio.ensure_future(send_requests()), asyncio.ensure_future(send_answers())}
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            await end(server)


async def end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()

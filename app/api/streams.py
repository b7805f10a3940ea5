"""Answers that go on: server-sent events (`text/event-stream`), bounded in number and in life."""

import time
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import partial

from pydantic import BaseModel
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.core.errors import AcequiaError, RateLimitedError
from app.core.logging import get_logger
from app.core.settings import Settings

MEDIA_TYPE = "text/event-stream"
KEEP_ALIVE_S = 15.0  # proxies end a connection that says nothing for a minute, some for half of one
FULL_RETRY_S = 5.0
COMMENT = b": so far nothing new\n\n"

log = get_logger()

Events = AsyncIterator[BaseModel | None]


class EventStreams:
    """The streams that are open in this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: Counter[int] = Counter()
        self._is_closing = False

    @property
    def open_count(self) -> int:
        return self._open.total()

    def close(self) -> None:
        """Each ends at its next look: a process that stops is not kept by those who watch."""
        self._is_closing = True

    def answer(
        self, events: Events, headers: Mapping[str, str], may_go_on: Callable[[], Awaitable[bool]], *, tenant_id: int
    ) -> "EventStreamResponse":
        """Sends events until there are no more, the stream has lived long enough, or `may_go_on`, asked at each look,
        says no. Raises RateLimitedError when as many are open as may be: of all, or of this tenant, so that one
        tenant's watchers leave room for the others'."""
        of_all, of_one = self._settings.sync_progress_streams_max, self._settings.sync_progress_streams_per_tenant_max
        if self.open_count >= of_all or self._open[tenant_id] >= of_one:
            raise RateLimitedError("As many streams are open as may be: read the run itself instead.", FULL_RETRY_S)
        self._open[tenant_id] += 1
        return EventStreamResponse(self._write(events, may_go_on), headers, partial(self._release, tenant_id))

    async def _write(self, events: Events, may_go_on: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
        ends_at = time.monotonic() + self._settings.sync_progress_stream_s
        said_at, last = time.monotonic(), None
        try:
            async with aclosing(events) as looks:  # type: ignore[type-var]
                async for event in looks:
                    if event is not None:
                        yield write_event("progress", event)
                        said_at, last = time.monotonic(), event
                    elif time.monotonic() - said_at >= KEEP_ALIVE_S:
                        yield COMMENT
                        said_at = time.monotonic()
                    if self._is_closing or time.monotonic() >= ends_at or not await may_go_on():
                        return
        except AcequiaError as error:
            log.info("api.stream_ended", code=error.code)
            return
        except Exception as error:  # the answer has begun: nobody can be told but by its end
            log.warning("api.stream_broken", error=type(error).__name__)
            return
        if last is not None:
            yield write_event("end", last)

    def _release(self, tenant_id: int) -> None:
        self._open[tenant_id] -= 1
        if not self._open[tenant_id]:
            del self._open[tenant_id]


class EventStreamResponse(StreamingResponse):
    """Gives its place back however it ends, also when nobody was there any more to read it."""

    def __init__(self, content: AsyncIterable[bytes], headers: Mapping[str, str], release: Callable[[], None]) -> None:
        # A proxy that collects an answer before it passes it on would hold back what is meant for now.
        super().__init__(content, media_type=MEDIA_TYPE, headers={**headers, "X-Accel-Buffering": "no"})
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._release()


def write_event(name: str, data: BaseModel) -> bytes:
    """One event, its data one line of JSON."""
    return f"event: {name}\ndata: {data.model_dump_json()}\n\n".encode()

"""Grouped appends: all events of one tick of the loop, and of the time a round trip takes, share one fsync.

1. `add` puts an event into the open group; a group closes when it holds APPEND_EVENTS_MAX events or GROUP_BYTES_MAX.
2. While fewer than APPEND_FLUSHES_MAX round trips are in flight, the oldest group leaves at the end of the tick.
3. While they are, groups gather; the end of each round trip sends the next.
4. A group that has waited as long as a round trip may take fails without being sent.
5. Everybody who waits for a group is woken once, after the fsync was confirmed or the append failed.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Literal, Protocol

from app.core.errors import AcequiaError, DurabilityError, QueueUnavailableError
from app.core.logging import get_logger
from app.core.queue_records import AheadClass, AppendBatch, Confirm, NewEntry, make_confirm
from app.core.settings import Settings
from app.receiver.metrics import APPEND_FAILURES, APPEND_SECONDS, EVENTS_WAITING, GROUP_EVENTS

log = get_logger()

GROUP_BYTES_MAX = 1_048_576
# Beyond the time the server was told to wait for the fsync: what a round trip may take on top. VTEX waits 5 s for its
# answer: twice a round trip must stay below.
APPEND_MARGIN_S = 0.5


class AppendQueue(Protocol):
    """What the appender needs of app.core.queue.Queue."""

    async def append(
        self, batches: Sequence[AppendBatch], *, confirm: Confirm | None
    ) -> list[Literal["ok", "full"]]: ...


class Group:
    """Events that travel together. `done` gives None, or why none of them may be acknowledged."""

    __slots__ = ("bytes", "count", "done", "entries", "full", "made_at")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.entries: dict[tuple[int, AheadClass], list[NewEntry]] = {}
        self.full: set[tuple[int, AheadClass]] = set()
        self.count = 0
        self.bytes = 0
        self.made_at = loop.time()
        # One future for all: a future each would cost more than the append.
        self.done: asyncio.Future[AcequiaError | None] = loop.create_future()


class Appender:
    """One per process; made inside the running loop."""

    def __init__(self, queue: AppendQueue, settings: Settings) -> None:
        self._queue = queue
        self._loop = asyncio.get_running_loop()
        self._confirm = make_confirm(settings)
        self._events_max = settings.append_events_max
        self._flushes_max = settings.append_flushes_max
        self._wait_max_s = settings.redis_confirm_timeout_ms / 1000 + APPEND_MARGIN_S
        self._waiting_max = settings.append_waiting_max
        self._waiting_bytes_max = settings.append_waiting_bytes_max
        self._open = Group(self._loop)
        self._closed: deque[Group] = deque()
        self._flushes: set[asyncio.Task[None]] = set()
        self._is_scheduled = False
        self._waiting = 0
        self._waiting_bytes = 0
        self._last_failure_logged_at = 0.0
        EVENTS_WAITING.set_function(lambda: self._waiting)

    def add(self, tenant_id: int, ahead_class: AheadClass, entry: NewEntry) -> Group | None:
        """The group in which the event travels: await its `done`, then see whether `full` holds (tenant, class).

        None when too much is waiting already: then nothing was taken.
        """
        size = len(entry.body)
        if self._waiting >= self._waiting_max or self._waiting_bytes + size > self._waiting_bytes_max:
            return None
        group = self._open
        if group.count >= self._events_max or group.bytes + size > GROUP_BYTES_MAX:
            self._closed.append(group)
            group = self._open = Group(self._loop)
        if not group.count:
            group.made_at = self._loop.time()
        key = (tenant_id, ahead_class)
        entries = group.entries.get(key)
        if entries is None:
            group.entries[key] = [entry]
        else:
            entries.append(entry)
        group.count += 1
        group.bytes += size
        self._waiting += 1
        self._waiting_bytes += size
        if not self._is_scheduled and len(self._flushes) < self._flushes_max:
            self._is_scheduled = True
            self._loop.call_soon(self._flush)
        return group

    async def drain(self) -> None:
        """Returns when nothing is waiting: for a clean stop."""
        while self._waiting:
            # Without a flush in flight one is due at the end of this tick.
            await (asyncio.wait(self._flushes) if self._flushes else asyncio.sleep(0))

    def _flush(self) -> None:
        self._is_scheduled = False
        while len(self._flushes) < self._flushes_max and (self._closed or self._open.count):
            if self._closed:
                group = self._closed.popleft()
            else:
                group, self._open = self._open, Group(self._loop)
            if self._loop.time() - group.made_at > self._wait_max_s:
                # Behind round trips that hung: whoever waits for it is about to give up, and the next are no better.
                self._end_group(group, QueueUnavailableError("Waited too long for its turn."))
                continue
            task = self._loop.create_task(self._send(group))
            self._flushes.add(task)
            task.add_done_callback(self._end_flush)

    def _end_flush(self, task: "asyncio.Task[None]") -> None:
        self._flushes.discard(task)
        self._flush()

    async def _send(self, group: Group) -> None:
        started = time.perf_counter()
        failure: AcequiaError | None = QueueUnavailableError("The append was cut short.")
        batches = [AppendBatch(tenant_id, ahead, entries) for (tenant_id, ahead), entries in group.entries.items()]
        try:
            results = await self._queue.append(batches, confirm=self._confirm)
            group.full.update(key for key, result in zip(group.entries, results, strict=True) if result == "full")
            failure = None
            APPEND_SECONDS.observe(time.perf_counter() - started)
            GROUP_EVENTS.observe(group.count)
        except (DurabilityError, QueueUnavailableError) as error:
            failure = error
            self._note(error, group)
        except Exception as error:  # whatever it was, those who wait get an answer, and it is not 200
            log.exception("receiver.append_broken", events=group.count)
            failure = QueueUnavailableError(type(error).__name__)
        finally:
            self._end_group(group, failure)

    def _end_group(self, group: Group, failure: AcequiaError | None) -> None:
        self._waiting -= group.count
        self._waiting_bytes -= group.bytes
        if not group.done.done():
            group.done.set_result(failure)

    def _note(self, error: AcequiaError, group: Group) -> None:
        """Every failure is counted; one a second is logged: an outage must not fill a disk."""
        APPEND_FAILURES.labels(error.code).inc()
        now = time.monotonic()
        if now - self._last_failure_logged_at >= 1.0:
            self._last_failure_logged_at = now
            log.error("receiver.append_failed", code=error.code, reason=str(error), events=group.count)

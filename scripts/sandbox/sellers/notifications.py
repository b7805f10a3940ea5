"""MercadoLibre's notifications: a pointer each, unsigned, to be answered with 200 within half a second.

What is not is sent again at growing intervals; after the last attempt only the list of missed ones has it, for two
days. An answer of 200 that came too late is on that list as well, and its notification comes again.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from scripts.sandbox.deliveries import Courier, Retries
from scripts.sandbox.sellers.texts import write_now
from scripts.sandbox.times import WorldClock

LIMIT_S = 0.5
KEPT_S = 2 * 86_400.0
MISSED_MAX = 20_000
_ACCEPTED_IDS_MAX = 200_000
_WAIT_S = 5.0


class Callback(NamedTuple):
    """Where an application wants to be told what. `topics` None: all; of others nothing is sent or kept."""

    url: str
    application_id: str
    topics: frozenset[str] | None = None
    retries: Retries = Retries(tries_max=8)

    @classmethod
    def read(cls, body: dict[str, Any], client_id: str) -> "Callback":
        topics = body.get("topics")
        return cls(
            str(body["url"]),
            str(body.get("application_id", client_id)),
            None if topics is None else frozenset(topics),
            Retries(**{"tries_max": 8, **body.get("retries", {})}),
        )


class Missed(NamedTuple):
    at_s: float
    message: dict[str, Any]


class Mailbox:
    """What became of a seller's notifications. `sent` are counted once, `calls` with each repetition."""

    def __init__(self, clock: WorldClock) -> None:
        self.tally: Counter[str] = Counter()
        self.accepted_ids: deque[str] = deque(maxlen=_ACCEPTED_IDS_MAX)
        self._missed: deque[Missed] = deque(maxlen=MISSED_MAX)
        self._clock = clock

    def miss(self, message: dict[str, Any]) -> None:
        self.tally["missed"] += 1
        self._missed.append(Missed(self._clock.now_s(), message))

    def list_missed(self) -> Iterator[dict[str, Any]]:
        oldest_s = self._clock.now_s() - KEPT_S
        return (one.message for one in self._missed if one.at_s >= oldest_s)


class Messenger:
    """Sends in the background; `close` cuts off what is under way."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self._tasks: set[asyncio.Task[int]] = set()

    def send(self, callback: Callback, mailbox: Mailbox, note: dict[str, Any]) -> "asyncio.Task[int]":
        """A task that ends with the last answer's status; 0: none."""
        task = asyncio.create_task(self._deliver(callback, mailbox, note))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, callback: Callback, mailbox: Mailbox, note: dict[str, Any]) -> int:
        retries, status, tally = callback.retries, 0, mailbox.tally
        tally["sent"] += 1
        for attempt in range(retries.tries_max):
            if attempt:
                await asyncio.sleep(min(retries.base_s * 2 ** (attempt - 1), retries.wait_max_s))
            tally["calls"] += 1
            note |= {"attempts": attempt + 1, "sent": write_now()}
            asked_at = time.monotonic()
            status, answer = await self._courier.post(callback.url, {}, orjson.dumps(note), timeout_s=_WAIT_S)
            seconds = time.monotonic() - asked_at
            if status == 200:
                event_id = answer.get("event_id") if isinstance(answer, dict) else None
                if isinstance(event_id, str):
                    mailbox.accepted_ids.append(event_id)
                if seconds <= LIMIT_S:
                    tally["accepted" if isinstance(event_id, str) else "ignored"] += 1
                    return status
                tally["late"] += 1
            elif status:
                tally["refused"] += 1
            if status == 200 or attempt + 1 == retries.tries_max:
                mailbox.miss(write_missed(callback, note, status, seconds))
        tally["lost"] += 1
        return status


def write_missed(callback: Callback, note: dict[str, Any], status: int, seconds: float) -> dict[str, Any]:
    return {
        **note,
        "request": {"url": callback.url, "headers": {"content-type": "application/json"}, "data": dict(note)},
        "response": {"req_time": round(seconds * 1_000), "http_code": status or None},
    }

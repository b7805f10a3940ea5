"""Sending webhooks as VTEX does: 200 within 5 s or it is tried again, at growing intervals, hooks only."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple, Self

import aiohttp
import orjson

from scripts.sandbox.notices import Notice

ACKNOWLEDGE_S = 5.0
_PING = b'{"hookConfig":"ping"}'
_JSON = {"content-type": "application/json"}


class Retries(NamedTuple):
    """Geometric: base, twice that, … at most `wait_max_s`, `tries_max` calls in all."""

    tries_max: int = 12
    base_s: float = 0.5
    wait_max_s: float = 30.0


class Tally:
    """What became of deliveries. A delivery ends in exactly one of accepted, ignored, refused, failed.

    refused: the last call had another answer than 200; failed: it had none. `refusals` counts every refused call by
    status (0: no answer), those that were tried again too.
    """

    def __init__(self, *, keeps_ids: bool) -> None:
        self.sent = self.calls = self.accepted = self.ignored = self.refused = self.failed = self.late = self.lost = 0
        self.refusals: Counter[int] = Counter()
        self.keeps_ids = keeps_ids
        self.accepted_ids: dict[str, list[str]] = {}
        self.lost_objects: list[tuple[str, str, str]] = []
        self.touched: dict[tuple[str, str, str], bool] = {}  # (account, kind, object id) → every notice accepted

    def note_end(self, notice: Notice, *, is_accepted: bool, event_id: str | None = None) -> None:
        if not self.keeps_ids:
            return
        if event_id is not None:
            self.accepted_ids.setdefault(notice.account, []).append(event_id)
        key = (notice.account, notice.kind, notice.object_id)
        self.touched[key] = self.touched.get(key, True) and is_accepted

    def note_lost(self, notice: Notice) -> None:
        self.lost += 1
        if self.keeps_ids:
            self.lost_objects.append((notice.account, notice.kind, notice.object_id))
        self.note_end(notice, is_accepted=False)

    def show(self) -> dict[str, object]:
        return {
            "sent": self.sent,
            "calls": self.calls,
            "accepted": self.accepted,
            "ignored": self.ignored,
            "refused": self.refused,
            "failed": self.failed,
            "retries": self.calls - self.sent,
            "refusals": {str(status): count for status, count in sorted(self.refusals.items())},
            "late": self.late,
            "lost": self.lost,
        }


class Courier:
    """The HTTP client of all deliveries: keep-alive, many at a time. Made inside the event loop."""

    def __init__(self, connections_max: int = 256) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections_max, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=ACKNOWLEDGE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ping(self, url: str) -> bool:
        status, _ = await self.post(url, {}, _PING)
        return status == 200

    async def deliver(self, notice: Notice, tally: Tally, retries: Retries) -> tuple[int, object]:
        """Delivers one notice to its end. Answers the last status (0: none) and the decoded answer."""
        tally.sent += 1
        status, answer = 0, None
        for attempt in range(retries.tries_max if notice.is_retried else 1):
            if attempt:
                await asyncio.sleep(min(retries.base_s * 2 ** (attempt - 1), retries.wait_max_s))
            tally.calls += 1
            status, answer = await self.post(notice.url, notice.headers, notice.body)
            if status == 200:
                event_id = answer.get("event_id") if isinstance(answer, dict) else None
                if isinstance(event_id, str):
                    tally.accepted += 1
                    tally.note_end(notice, is_accepted=True, event_id=event_id)
                else:
                    tally.ignored += 1
                    tally.note_end(notice, is_accepted=False)
                return status, answer
            tally.refusals[status] += 1
        if status:
            tally.refused += 1
        else:
            tally.failed += 1
        tally.note_end(notice, is_accepted=False)
        return status, answer

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float = ACKNOWLEDGE_S
    ) -> tuple[int, object]:
        """One call: the answer's status (0: none) and what it says."""
        try:
            async with self._session.post(
                url,
                data=body,
                headers={**_JSON, **headers},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as response:
                raw = await response.read()
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError):
            return 0, None
        try:
            return status, orjson.loads(raw) if raw else None
        except orjson.JSONDecodeError:
            return status, None

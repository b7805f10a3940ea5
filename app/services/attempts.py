"""Why attempts failed: noted when they do, for whoever looks at one event.

The ledger counts attempts and gives the last one's reason. What came before stands here, in the cache Redis: a hash per
tenant and day of acceptance, event → notes, bounded in events, in notes of one event and in days. So an event that
succeeds at once costs nothing, and losing the cache costs an explanation. Failures of the surroundings are no event's:
of these the last one is kept per tenant.
"""

import asyncio
import time
from collections import deque
from datetime import UTC, datetime
from importlib.resources import files
from typing import NamedTuple, cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from app.core.logging import get_logger
from app.core.queue_runner import send_command
from app.core.settings import Settings
from schemas.ids import find_received_on

FLUSH_DELAY_S = 0.2
BUFFERED_MAX = 20_000
_CHUNK = 200  # notes of one script: half a millisecond
_HOLD_KEPT_S = 86_400
_SCRIPT = files("app.core").joinpath("note_attempts.lua").read_text(encoding="utf-8")

log = get_logger()


class Attempt(NamedTuple):
    """`number`: 1 is the first. `status`: the provider's HTTP status, None when it gave no answer. `retry_at`: None:
    when the fetch that outlived its slice was due, or never."""

    number: int
    at: datetime
    reason: str
    status: int | None
    retry_at: datetime | None


class LastHold(NamedTuple):
    """Why a tenant was last held, from when to when."""

    reason: str
    at: datetime
    until: datetime


class AttemptNotes:
    """One per worker process. Notes gather for a moment and are written in the background: no drain waits for them."""

    def __init__(self, cache: Redis, settings: Settings) -> None:
        self._cache = cache
        self._limits = (str(settings.attempts_events_max), str(settings.tries_max), settings.attempts_days * 86_400)
        self._notes: deque[tuple[str, str, str]] = deque(maxlen=BUFFERED_MAX)
        self._holds: dict[int, bytes] = {}
        self._sha: str | None = None
        self._flushing: asyncio.Task[None] | None = None

    def note(
        self, tenant_id: int, event_id: str, number: int, reason: str, *, status: int | None, retry_ms: int | None
    ) -> None:
        """A failure of this event's own. `retry_ms`: from now."""
        now_ms = time.time_ns() // 1_000_000
        retry = "" if retry_ms is None else str(now_ms + retry_ms)
        text = f"{number},{now_ms},{reason},{status or ''},{retry}"
        self._notes.append((_name_key(tenant_id, event_id), event_id, text))
        self._schedule()

    def note_hold(self, tenant_id: int, reason: str, hold_s: float) -> None:
        """A failure of the surroundings holds the tenant."""
        now = time.time()
        self._holds[tenant_id] = orjson.dumps({"reason": reason, "at": now, "until": now + hold_s})
        self._schedule()

    async def aclose(self) -> None:
        """Writes what is left."""
        task, self._flushing = self._flushing, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        await self.flush()

    async def flush(self) -> None:
        """What cannot be written is forgotten: it explains, and proves nothing."""
        notes, self._notes = self._notes, deque(maxlen=BUFFERED_MAX)
        holds, self._holds = self._holds, {}
        by_key: dict[str, list[str]] = {}
        for key, event_id, text in notes:
            by_key.setdefault(key, []).extend((event_id, text))
        try:
            for tenant_id, told in holds.items():
                await self._cache.set(f"hold:last:{tenant_id}", told, ex=_HOLD_KEPT_S)
            for key, told_notes in by_key.items():
                for first in range(0, len(told_notes), 2 * _CHUNK):
                    await self._write(key, told_notes[first : first + 2 * _CHUNK])
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("attempts.not_noted", error=type(error).__name__)

    def _schedule(self) -> None:
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_soon(), name="attempts")

    async def _flush_soon(self) -> None:
        while self._notes or self._holds:
            await asyncio.sleep(FLUSH_DELAY_S)
            await self.flush()

    async def _write(self, key: str, notes: list[str]) -> None:
        events_max, notes_max, lifetime_s = self._limits
        for _ in range(2):
            if self._sha is None:
                self._sha = cast("str", await self._cache.script_load(_SCRIPT))
            try:
                limits = (events_max, notes_max, lifetime_s)
                await send_command(self._cache, "EVALSHA", self._sha, 1, key, *limits, *notes)
                return
            except NoScriptError:
                self._sha = None


async def read_attempts(cache: Redis, tenant_id: int, event_id: str) -> list[Attempt]:
    """An event's failed attempts, the first first; empty also when the cache is away or has forgotten."""
    try:
        told = cast("bytes | None", await send_command(cache, "HGET", _name_key(tenant_id, event_id), event_id))
    except (RedisError, OSError, TimeoutError):
        return []
    return sorted(_read(text) for text in told.decode().split(";")) if told else []


async def find_last_hold(cache: Redis, tenant_id: int) -> LastHold | None:
    """None when there was none for a day, or the cache is away."""
    try:
        told = cast("bytes | None", await send_command(cache, "GET", f"hold:last:{tenant_id}"))
    except (RedisError, OSError, TimeoutError):
        return None
    if told is None:
        return None
    fields = orjson.loads(told)
    at, until = (datetime.fromtimestamp(fields[name], UTC) for name in ("at", "until"))
    return LastHold(fields["reason"], at, until)


def _name_key(tenant_id: int, event_id: str) -> str:
    return f"attempts:{tenant_id}:{find_received_on(event_id):%Y%m%d}"


def _read(text: str) -> Attempt:
    number, at_ms, reason, status, retry_ms = text.split(",")
    return Attempt(
        int(number), _read_ms(at_ms), reason, int(status) if status else None, _read_ms(retry_ms) if retry_ms else None
    )


def _read_ms(text: str) -> datetime:
    return datetime.fromtimestamp(int(text) / 1000, UTC)

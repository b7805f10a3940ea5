"""Which processes of ours are alive, and what each is doing: told by themselves, in the cache Redis, until they end.

Each process writes one short record every PROCESS_BEAT_S that dies by itself after PROCESS_LIFE_S: who is killed
vanishes, and nobody has to notice it. `process:{id}` holds the record (JSON), the set `processes` the ids. No personal
data, no address: a host's name without its domain. May be lost: the next beats bring all of it back.
"""

import asyncio
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, NamedTuple

import orjson
from prometheus_client.metrics import MetricWrapperBase
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.logging import get_logger
from app.core.queue_runner import send_command
from app.core.settings import Settings

ProcessKind = Literal["receiver", "web", "worker", "syncer"]

INDEX = "processes"
PROCESSES_SHOWN_MAX = 1_000
WORK_SHOWN_MAX = 100  # tenants of one process that its record names
RATE_WINDOW_S = 60.0
# A tenant whose next turn begins this soon after the one before is being drained without a break, as people see it.
TURN_BREAK_S = 5.0

log = get_logger()


class Work(NamedTuple):
    """What a process does for one tenant. `detail`: a stream of a sync, empty for a drain. `since`: from when without a
    longer break. `is_now`: at the very moment of the beat; else it has just ended."""

    tenant_id: int
    detail: str
    since: datetime
    is_now: bool


class ProcessRecord(NamedTuple):
    """One live process. `group`: whose tenants a worker drains, empty for other kinds. Rates are means over the last
    minute: turns are slices of a worker and steps of a syncer; events are settled by a worker, appended by a receiver,
    objects of a syncer, calls of a web process. `age_s`: of this record. `work_more`: what `work` has no room for."""

    process_id: str
    kind: ProcessKind
    group: str
    host: str
    version: str
    started_at: datetime
    turns_per_s: float
    events_per_s: float
    events_last_minute: int
    work: tuple[Work, ...]
    work_more: int
    age_s: float


class WorkLog:
    """Whose work one process has in hand; read at each beat."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._known: dict[tuple[int, str], _Known] = {}

    @contextmanager
    def track(self, tenant_id: int, detail: str = "") -> Iterator[None]:
        """One turn: a slice or a step."""
        now = self._clock()
        known = self._known.get((tenant_id, detail))
        if known is None or (not known.turns and now - known.ended_at > TURN_BREAK_S):
            known = self._known[tenant_id, detail] = _Known(now)
        known.turns += 1
        try:
            yield
        finally:
            known.turns -= 1
            known.ended_at = self._clock()

    def list_work(self) -> list[Work]:
        """What goes on, or ended less than TURN_BREAK_S ago; the longest first. Forgets the rest."""
        now = self._clock()
        self._known = {
            place: known for place, known in self._known.items() if known.turns or now - known.ended_at <= TURN_BREAK_S
        }
        found = [
            Work(tenant_id, detail, datetime.fromtimestamp(known.since, UTC), known.turns > 0)
            for (tenant_id, detail), known in self._known.items()
        ]
        return sorted(found, key=lambda work: (not work.is_now, work.since, work.tenant_id))


class _Known:
    __slots__ = ("ended_at", "since", "turns")

    def __init__(self, since: float) -> None:
        self.since = since
        self.ended_at = since
        self.turns = 0


class Heartbeat:
    """One process's record. `count_turns`, `count_events`: totals since the start, that only grow."""

    def __init__(
        self,
        cache: Redis,
        settings: Settings,
        kind: ProcessKind,
        *,
        work: WorkLog | None = None,
        count_turns: Callable[[], float] = lambda: 0,
        count_events: Callable[[], float] = lambda: 0,
    ) -> None:
        self.process_id = f"{kind}-{secrets.token_hex(4)}"
        self._cache = cache
        self._settings = settings
        self._kind = kind
        self._work = work or WorkLog()
        self._count_turns, self._count_events = count_turns, count_events
        self._started_at = datetime.now(UTC)
        self._samples: deque[tuple[float, float, float]] = deque([self._sample()])

    async def run(self) -> None:
        """Beats for ever; the record goes with the task. A cache that is away costs a line on a page, nothing else."""
        try:
            while True:
                try:
                    await self.beat()
                except (RedisError, OSError, TimeoutError) as error:
                    log.debug("heartbeat.not_written", error=type(error).__name__)
                await asyncio.sleep(self._settings.process_beat_s)
        finally:
            with suppress(RedisError, OSError, TimeoutError):
                await self.leave()

    async def beat(self) -> None:
        """Writes the record once. Raises RedisError, OSError."""
        life_ms = int(self._settings.process_life_s * 1_000)
        async with self._cache.pipeline(transaction=False) as pipe:
            pipe.set(f"process:{self.process_id}", self._describe(), px=life_ms)
            pipe.sadd(INDEX, self.process_id)
            await pipe.execute()

    async def leave(self) -> None:
        """Takes the record away: the process ends. Raises RedisError, OSError."""
        async with self._cache.pipeline(transaction=False) as pipe:
            pipe.delete(f"process:{self.process_id}")
            pipe.srem(INDEX, self.process_id)
            await pipe.execute()

    def _sample(self) -> tuple[float, float, float]:
        return time.monotonic(), self._count_turns(), self._count_events()

    def _describe(self) -> bytes:
        now, turns, events = self._sample()
        while len(self._samples) > 1 and now - self._samples[0][0] > RATE_WINDOW_S:
            self._samples.popleft()
        then, turns_then, events_then = self._samples[0]
        self._samples.append((now, turns, events))
        passed_s = max(now - then, 0.001)
        work = self._work.list_work()
        return orjson.dumps(
            {
                "kind": self._kind,
                "group": self._settings.worker_group if self._kind == "worker" else "",
                "host": socket.gethostname().partition(".")[0],
                "version": find_version(),
                "started_at": self._started_at,
                "turns_per_s": round((turns - turns_then) / passed_s, 2),
                "events_per_s": round((events - events_then) / passed_s, 2),
                "events_last_minute": int(events - events_then),
                "work": [list(one) for one in work[:WORK_SHOWN_MAX]],
                "work_more": max(0, len(work) - WORK_SHOWN_MAX),
                "life_s": self._settings.process_life_s,
            }
        )


async def list_records(cache: Redis) -> list[ProcessRecord]:
    """All processes that are alive, by kind and start. Raises RedisError, OSError."""
    found = await send_command(cache, "SMEMBERS", INDEX)
    ids = sorted(name.decode() for name in found)[:PROCESSES_SHOWN_MAX]
    if not ids:
        return []
    async with cache.pipeline(transaction=False) as pipe:
        for process_id in ids:
            pipe.get(f"process:{process_id}")
            pipe.pttl(f"process:{process_id}")
        answers = await pipe.execute()
    told = dict(zip(ids, zip(answers[::2], answers[1::2], strict=True), strict=True))
    dead = [process_id for process_id, (text, _) in told.items() if text is None]
    if dead:
        # One of them that beats again at this moment is there again with its next beat.
        await send_command(cache, "SREM", INDEX, *dead)
    alive = [_read(process_id, text, pttl) for process_id, (text, pttl) in told.items() if text is not None]
    return sorted(alive, key=lambda record: (record.kind, record.group, record.started_at, record.process_id))


def _read(process_id: str, text: bytes, left_ms: int) -> ProcessRecord:
    told: dict[str, Any] = orjson.loads(text)
    return ProcessRecord(
        process_id=process_id,
        kind=told["kind"],
        group=told["group"],
        host=told["host"],
        version=told["version"],
        started_at=datetime.fromisoformat(told["started_at"]),
        turns_per_s=told["turns_per_s"],
        events_per_s=told["events_per_s"],
        events_last_minute=told["events_last_minute"],
        work=tuple(
            Work(tenant_id, detail, datetime.fromisoformat(since), is_now)
            for tenant_id, detail, since, is_now in told["work"]
        ),
        work_more=told["work_more"],
        age_s=max(0.0, told["life_s"] - max(0, left_ms) / 1_000),
    )


def find_version() -> str:
    """Of what is installed here."""
    try:
        return version("acequia")
    except PackageNotFoundError:
        return "unknown"


def total(metric: MetricWrapperBase, suffix: str) -> float:
    """The sum of a Prometheus metric's samples whose names end so: `_total` of counters, `_count` of histograms."""
    return sum(sample.value for family in metric.collect() for sample in family.samples if sample.name.endswith(suffix))

"""Documents of many objects, some at a time, until all are there or the time is over.

A failure of one object is that object's; a failure of the surroundings (throttled, provider away, credentials refused)
stops the rest: what has arrived by then is kept, and the error is given back beside it. One answer that never comes
must not hold up all others: what is out when the time is over is let go and asked for again by the next step.
"""

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from app.core.errors import (
    AcequiaError,
    MappingError,
    ObjectFailedError,
    ObjectNotFoundError,
    ProviderTimeoutError,
)
from app.core.settings import Settings
from app.services.apply import Observation
from schemas.records import CustomerRecord, OrderRecord
from workers.sync_context import SyncContext
from workers.sync_work import SyncWork

OBJECT_TRIES = 3
STRAGGLERS_MAX = 5
_OBJECTS_OWN = (ObjectNotFoundError, ObjectFailedError, MappingError)


@dataclass(slots=True)
class Fetched:
    """`observations`: object → what it told. `failures`: object → its own fault. `stopped_by`: the surroundings'.
    `let_go`: objects whose answer did not come in time, `waited_s` for the first of them."""

    observations: dict[str, Observation] = field(default_factory=dict)
    failures: dict[str, AcequiaError] = field(default_factory=dict)
    stopped_by: Exception | None = None
    let_go: set[str] = field(default_factory=set)
    waited_s: float = 0.0

    def give_up_stragglers(self, patience_s: float) -> None:
        """When nothing came in all the time: a few objects alone are left over from other steps, and whoever waits for
        them would wait for ever; of many it is the provider who does not answer. What was begun late in a step, or
        stood in line for its account's budget, has not had its time yet."""
        if self.handled or not self.let_go or self.stopped_by is not None or self.waited_s < patience_s:
            return
        error = ProviderTimeoutError("no answer, step after step")
        if len(self.let_go) <= STRAGGLERS_MAX:
            self.failures |= dict.fromkeys(self.let_go, error)
        else:
            self.stopped_by = error

    @property
    def handled(self) -> AbstractSet[str]:
        """Objects of which is known what becomes of them."""
        return self.observations.keys() | self.failures.keys()


def find_patience_s(settings: Settings) -> float:
    """How long nothing must come before it counts: most of a step, and less than a call has until it is given up."""
    return min(settings.sync_step_s * 0.6, settings.provider_call_timeout_s * 0.9)


async def fetch_objects(
    context: SyncContext,
    work: SyncWork,
    object_ids: Sequence[str],
    deadline: float,
    slots: asyncio.Semaphore | None = None,
) -> Fetched:
    """At most SYNC_FETCH_CONCURRENCY at once, and as many as `slots` gives; until `deadline` (the loop's time)."""
    fetched = Fetched()
    if not object_ids:
        return fetched
    limit = context.settings.sync_fetch_concurrency
    slots = slots or asyncio.Semaphore(limit)
    observed_at = await context.read_time()
    waiting, loop = iter(object_ids), asyncio.get_running_loop()
    begun_at = loop.time()

    async def run() -> None:
        while fetched.stopped_by is None:
            async with slots:
                object_id = next(waiting, None)
                if object_id is None:
                    return
                fetched.let_go.add(object_id)
                if await _fetch_into(fetched, work, object_id, observed_at):
                    fetched.let_go.discard(object_id)

    with suppress(TimeoutError):
        async with asyncio.timeout_at(deadline), asyncio.TaskGroup() as group:
            for _ in range(min(limit, len(object_ids))):
                group.create_task(run())
    fetched.waited_s = loop.time() - begun_at
    return fetched


async def _fetch_into(fetched: Fetched, work: SyncWork, object_id: str, observed_at: datetime) -> bool:
    """False when its answer did not come."""
    try:
        fetched.observations[object_id] = await _fetch(work, object_id, observed_at)
    except _OBJECTS_OWN as error:
        fetched.failures[object_id] = error
    except ProviderTimeoutError:
        return False
    except Exception as error:
        fetched.stopped_by = fetched.stopped_by or error
    return True


async def _fetch(work: SyncWork, object_id: str, observed_at: datetime) -> Observation:
    """One object's; what may be a hiccup of its own address is asked for again at once."""
    for attempt in range(1, OBJECT_TRIES + 1):
        try:
            document = await work.reader.fetch(work.access, object_id)
        except ObjectFailedError:
            if attempt == OBJECT_TRIES:
                raise
            await asyncio.sleep(0.1 * attempt)
        else:
            return observe(work, document, observed_at)
    raise AssertionError("unreachable")


def observe(work: SyncWork, document: object, observed_at: datetime) -> Observation:
    """What a document tells. Raises MappingError."""
    record = work.reader.map(document)
    assert isinstance(record, OrderRecord | CustomerRecord)
    return Observation(work.place.source, work.place.account, record, work.reader.mapper_version, observed_at)

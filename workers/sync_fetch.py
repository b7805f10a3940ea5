"""Documents of many objects, some at a time, until all are there or the step is over.

A failure of one object is that object's; a failure of the surroundings (throttled, provider away, credentials refused)
stops the rest: what has arrived by then is kept, and the error is given back beside it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.core.errors import (
    AcequiaError,
    MappingError,
    ObjectFailedError,
    ObjectNotFoundError,
    ProviderTimeoutError,
)
from app.services.apply import Observation
from schemas.records import CustomerRecord, OrderRecord
from workers.sync_context import SyncContext
from workers.sync_work import SyncWork

OBJECT_TRIES = 3
_OBJECTS_OWN = (ObjectNotFoundError, ObjectFailedError, MappingError)


@dataclass(slots=True)
class Fetched:
    """`observations`: object → what it told. `failures`: object → its own fault. `stopped_by`: the surroundings'."""

    observations: dict[str, Observation] = field(default_factory=dict)
    failures: dict[str, AcequiaError] = field(default_factory=dict)
    stopped_by: Exception | None = None


async def fetch_objects(context: SyncContext, work: SyncWork, object_ids: Sequence[str], deadline: float) -> Fetched:
    """At most SYNC_FETCH_CONCURRENCY at once; none is started after `deadline` (the loop's time)."""
    fetched = Fetched()
    if not object_ids:
        return fetched
    observed_at = await context.read_time()
    waiting = iter(object_ids)
    loop = asyncio.get_running_loop()

    async def run() -> None:
        for object_id in waiting:
            if fetched.stopped_by is not None or loop.time() >= deadline:
                return
            try:
                fetched.observations[object_id] = await _fetch(work, object_id, observed_at)
            except _OBJECTS_OWN as error:
                fetched.failures[object_id] = error
            except Exception as error:
                fetched.stopped_by = fetched.stopped_by or error
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(min(context.settings.sync_fetch_concurrency, len(object_ids))):
            group.create_task(run())
    return fetched


async def _fetch(work: SyncWork, object_id: str, observed_at: datetime) -> Observation:
    """One object's; what may be a hiccup of its own address is asked for again at once."""
    for attempt in range(1, OBJECT_TRIES + 1):
        try:
            document = await work.reader.fetch(work.access, object_id)
        except (ObjectFailedError, ProviderTimeoutError):
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

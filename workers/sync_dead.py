"""Objects whose document a sync could not use or have go the way of events: as hints into the tenant's queue.

There they are tried again with everything that a drain knows of retries, and end, if nothing helps, as dead letters
that can be looked at and replayed. Sent before the page is committed: a crash in between sends them once more.
"""

from collections.abc import Sequence

from app.core.logging import get_logger
from app.core.queue import AppendBatch, NewEntry
from app.core.queue_records import make_confirm
from app.services.enqueue import KINDS
from schemas.events import Event, encode_event
from schemas.ids import make_uuid7
from workers.sync_context import SyncContext
from workers.sync_work import SyncWork, name_run

log = get_logger()


async def hand_over(context: SyncContext, work: SyncWork, object_ids: Sequence[str]) -> None:
    """Raises QueueUnavailableError. Where the tenant's queue is full nobody is told: the next run meets them again."""
    if not object_ids:
        return
    place, kind = work.place, KINDS[work.place.stream]
    events = [
        Event(
            make_uuid7(), place.source, place.account, work.claim.integration_id, "hint", kind, "upsert", object_id
        )
        for object_id in object_ids
    ]  # fmt: skip
    confirm = make_confirm(context.settings)
    for start in range(0, len(events), context.settings.append_events_max):
        chunk = events[start : start + context.settings.append_events_max]
        entries = [NewEntry(event.event_id, encode_event(event)) for event in chunk]
        [answer] = await context.queue.append([AppendBatch(place.tenant_id, "low", entries)], confirm=confirm)
        log.warning("sync.objects_handed_over", **name_run(work.claim), objects=len(chunk), answer=answer)

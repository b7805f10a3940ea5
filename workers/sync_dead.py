"""Objects whose document a sync could not use or have go the way of events: as hints into the tenant's queue.

There they are tried again with everything that a drain knows of retries, and end, if nothing helps, as dead letters
that can be looked at and replayed. Sent before the page is committed: a crash in between sends them once more.
"""

from collections.abc import Sequence

from app.core.logging import get_logger
from app.core.queue import AppendBatch, NewEntry
from app.core.queue_records import make_confirm
from app.services.enqueue import KINDS
from app.services.gaps import REFUSED_REASON
from db.gaps import GapMark, set_gaps
from schemas.events import Event, encode_event
from schemas.ids import make_uuid7
from workers.sync_context import SyncContext
from workers.sync_work import SyncWork, name_run

log = get_logger()


async def hand_over(context: SyncContext, work: SyncWork, object_ids: Sequence[str]) -> None:
    """Raises QueueUnavailableError, DurabilityError. What a full queue does not take leaves a mark: a gap, from which a
    repair begins."""
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
        if answer == "full":
            mark = GapMark(work.claim.integration_id, work.claim.stream, work.claim.server_now, REFUSED_REASON)
            async with context.database.tenant_tx(place.tenant_id, "sync_refused") as connection:
                await set_gaps(connection, place.tenant_id, [mark])

"""Objects whose document a sync could not use or have go the way of events: as hints into the tenant's queue.

There they are tried again with everything that a drain knows of retries, and end, if nothing helps, as dead letters
that can be looked at and replayed. Sent before the page is committed: a crash in between sends them once more.
"""

from collections.abc import Mapping

from app.core.logging import get_logger
from app.core.queue import AppendBatch, NewEntry
from app.core.queue_records import make_confirm
from app.services.enqueue import KINDS
from app.services.event_ids import make_own_event_id
from app.services.gaps import REFUSED_REASON
from db.gaps import GapMark, set_gaps
from db.listing_marks import find_dead_marks
from schemas.events import Event, encode_event
from workers.sync_context import SyncContext
from workers.sync_work import SyncWork, name_run

log = get_logger()


async def hand_over(context: SyncContext, work: SyncWork, objects: Mapping[str, str | None]) -> None:
    """`objects`: id → fingerprint that the list shows, None where that says nothing. Whatever was handed over before
    with the same one is left out: it has its dead letter, and would make another at every look.

    Raises QueueUnavailableError, DurabilityError. What a full queue does not take leaves a mark: a gap, from which a
    repair begins.
    """
    object_ids = await _leave_out_known(context, work, objects) if objects else []
    if not object_ids:
        return
    place, kind = work.place, KINDS[work.place.stream]
    events = [
        Event(
            make_own_event_id(work.keys), place.source, place.account, work.claim.integration_id, "hint", kind,
            "upsert", object_id,
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


async def _leave_out_known(context: SyncContext, work: SyncWork, objects: Mapping[str, str | None]) -> list[str]:
    async with context.database.tenant_tx(work.place.tenant_id, "sync_dead") as connection:
        known = await find_dead_marks(connection, work.place, list(objects))
    return [one for one, fingerprint in sorted(objects.items()) if fingerprint is None or known.get(one) != fingerprint]

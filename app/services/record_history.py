"""What touched a record: its events, settled and waiting, the repairs that named it, and whence its version is.

Not recorded: which run of a sync wrote a row that it found as listed. `LastWrite` tells by the time what fits.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from app.core.errors import QueueUnavailableError
from app.services.enqueue import KINDS
from app.services.ids import IntegrationId
from app.services.ledger import list_events, read_waiting, show_waiting
from app.services.office import Office
from db.completeness import list_object_findings
from db.sync_runs import list_runs_at
from schemas.ledger import EventShown, EventsQuery
from schemas.record_history import LastWrite, RecordHistory, RunTouch
from schemas.records import RecordStream
from schemas.shown_records import CustomerShown, OrderShown

QUEUE_SEEN_MAX = 200
RUNS_SEEN_MAX = 200
_RUN_LENGTH_MAX = timedelta(days=7)  # how long before a write its run may have been asked for
_COMMIT = timedelta(seconds=2)  # between the beginning of a transaction and the end that latency is measured to


async def read_history(
    office: Office, tenant_id: int, stream: RecordStream, record: CustomerShown | OrderShown, *, limit: int, cursor: str
) -> RecordHistory:
    """Raises InvalidInputError for a cursor that is none."""
    external_id = record.external_id
    query = EventsQuery(object_id=external_id, kind=KINDS[stream], cursor=cursor or None)
    waiting, is_seen_whole = await _list_waiting(office, tenant_id, stream, external_id)
    events = await list_events(office, tenant_id, query, limit)
    async with office.database.tenant_tx(tenant_id, "read_history") as connection:
        findings = await list_object_findings(connection, tenant_id, stream, external_id, runs=RUNS_SEEN_MAX)
        run_ids = await list_runs_at(
            connection, tenant_id, stream, record.updated_at, record.updated_at - _RUN_LENGTH_MAX, 3
        )
    runs = [
        RunTouch(
            **{**found._asdict(), "integration_id": str(IntegrationId(tenant_id, found.integration_id))}
        )
        for found in findings
    ]  # fmt: skip
    event_id = _find_writer(events.data, record.updated_at)
    last_write = LastWrite(
        at=record.updated_at, event_id=event_id, run_ids=[] if event_id else [UUID(run_id) for run_id in run_ids]
    )
    return RecordHistory(
        events=events.data, next_cursor=events.next_cursor, waiting=waiting, is_queue_seen_whole=is_seen_whole,
        runs=runs, last_write=last_write,
    )  # fmt: skip


def _find_writer(events: Sequence[EventShown], written_at: datetime) -> UUID | None:
    """The event that was applied when the row was written."""
    for event in events:
        if event.outcome == "applied" and event.latency_ms is not None:
            settled_at = event.received_at + timedelta(milliseconds=event.latency_ms)
            if abs(settled_at - written_at) <= _COMMIT:
                return event.event_id
    return None


async def _list_waiting(
    office: Office, tenant_id: int, stream: RecordStream, external_id: str
) -> tuple[list[EventShown], bool]:
    try:
        seen = await office.queue.peek(tenant_id, QUEUE_SEEN_MAX)
    except QueueUnavailableError:
        return [], False
    found = []
    for waiting in seen:
        event = read_waiting(waiting)
        if event is not None and (event.kind, event.object_id) == (KINDS[stream], external_id):
            found.append(show_waiting(tenant_id, waiting))
    return found, len(seen) < QUEUE_SEEN_MAX

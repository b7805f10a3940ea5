"""Events that are settled and bring nothing: our own test calls, and hints that were given up for a repair.

Neither says that an integration is current. A hint that waited for a paused integration beyond WAITING_EVENTS_MAX, or
for too long, becomes a gap in the transaction that settles it: the next repair fetches what it pointed at.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg

from db.gaps import GapMark, set_gaps
from schemas.events import Event, EventKind, Outcome
from schemas.ids import read_uuid7_ms
from schemas.records import RecordStream

if TYPE_CHECKING:
    from app.services.apply import Settlement

PROBE_REASON = "probe"
WAITS_REASON = "integration_waits"
TOLD_NOTHING = frozenset({PROBE_REASON, WAITS_REASON})
_STREAMS: dict[EventKind, RecordStream] = {"order": "orders", "customer": "customers"}


async def mark_given_up(
    connection: asyncpg.Connection,
    tenant_id: int,
    settlements: "Sequence[Settlement]",
    outcomes: Mapping[str, Outcome],
) -> None:
    """Gaps since the earliest change of the hints given up. `outcomes`: of the ledger rows that are new."""
    given_up = [
        settlement.event
        for settlement in settlements
        if settlement.reason == WAITS_REASON and settlement.event.event_id in outcomes
    ]
    marks = [
        GapMark(event.integration_id, _STREAMS[event.kind], find_change(event), WAITS_REASON) for event in given_up
    ]
    await set_gaps(connection, tenant_id, marks)


def find_change(event: Event) -> datetime:
    """When what it tells of happened, at the latest: when it was accepted."""
    accepted_at = datetime.fromtimestamp(read_uuid7_ms(event.event_id) / 1000, UTC)
    return accepted_at if event.stamp is None else min(accepted_at, event.stamp)

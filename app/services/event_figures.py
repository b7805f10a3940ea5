"""A tenant's day in figures, for the head of the events page: sums and depths that are kept, nothing is counted."""

from datetime import UTC, date, datetime
from typing import NamedTuple

from app.core.errors import QueueUnavailableError
from app.core.queue import Depth
from app.services.office import Office
from app.services.refused_calls import count_refused
from db.ledger import total_events
from schemas.events import Outcome


class DayFigures(NamedTuple):
    """`day`: of UTC, as the ledger's. `depth`, `refused`: None while the queue does not answer."""

    day: date
    outcomes: dict[Outcome, int]
    depth: Depth | None
    refused: int | None


async def read_day(office: Office, tenant_id: int) -> DayFigures:
    day = datetime.now(UTC).date()
    async with office.database.tenant_tx(tenant_id, "read_day") as connection:
        outcomes = await total_events(connection, tenant_id, day)
    try:
        depth: Depth | None = await office.queue.depth(tenant_id)
        refused: int | None = sum(one.calls for one in await count_refused(office, tenant_id))
    except QueueUnavailableError:
        depth = refused = None
    return DayFigures(day, outcomes, depth, refused)

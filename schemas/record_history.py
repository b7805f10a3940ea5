"""What touched a record, as far as it is known."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from schemas.api import Shown
from schemas.ledger import EventShown


class RunTouch(Shown):
    """A repair that found the record other than the source lists it, and what became of that."""

    run_id: UUID
    integration_id: str
    finding: Literal["missing", "stale", "unlisted"]
    outcome: Literal["repaired", "deleted", "left_alone", "kept_out", "dead"] | None
    found_at: datetime
    settled_at: datetime | None


class LastWrite(Shown):
    """Whence the present version is, told by its time: the event that was committed then, or else the sync runs that
    were reading then. Rows do not say who wrote them: this is what fits, and no proof."""

    at: datetime
    event_id: UUID | None
    run_ids: list[UUID]


class RecordHistory(Shown):
    """`events`: settled ones, newest first. `waiting`: of the first ones in the queue, those of this object;
    `is_queue_seen_whole` False: there are more than were looked through. `runs`: of the newest repairs."""

    events: list[EventShown]
    next_cursor: str | None
    waiting: list[EventShown]
    is_queue_seen_whole: bool
    runs: list[RunTouch]
    last_write: LastWrite

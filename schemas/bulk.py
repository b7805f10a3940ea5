"""Dead letters by cause, and operations on many of them, as the API takes and shows them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from schemas.api import Body, Moment, Shown
from schemas.events import EventKind
from schemas.ledger import FIELD_SAYS, FieldWord, IntegrationText, Word

BulkState = Literal["running", "cancelled", "done"]
BulkAction = Literal["replay", "discard"]
IDS_MAX = 1_000


class DeadGroup(Shown):
    """Waiting dead letters of one cause. `field`: `[]` stands for any place in a list. `is_at_least`: there are more
    letters than were counted. `example_id`: the newest one."""

    integration_id: str | None
    reason: str
    field: str | None
    kind: EventKind
    letters: int
    is_at_least: bool
    first_at: datetime
    last_at: datetime
    example_id: UUID
    example_object_id: str


class LetterFilter(Body):
    """Waiting dead letters that are so; without any condition all that wait."""

    reason: Word | None = None
    field: FieldWord | None = Field(None, description=FIELD_SAYS)
    kind: EventKind | None = None
    integration_id: IntegrationText | None = None
    since: Moment | None = Field(None, description="made then or later")
    until: Moment | None = Field(None, description="made before")
    event_ids: Annotated[list[UUID], Field(min_length=1, max_length=IDS_MAX)] | None = Field(
        None, description="only these"
    )


class BulkWanted(Body):
    """What an operation would take; whether to replay or to discard makes no difference to that."""

    filter: LetterFilter


class NewBulkOperation(Body):
    """`filter` must be there: an empty one takes all that wait."""

    action: BulkAction
    filter: LetterFilter


class BulkEstimate(Shown):
    """`letters`: how many wait now and are so, counted up to BULK_COUNTED_MAX."""

    letters: int
    is_at_least: bool
    first_at: datetime | None
    last_at: datetime | None


class BulkOperation(Shown):
    """`state`: running; cancelled or done: it has ended. `total`: how many there were when it was started; letters that
    die later are not touched. `done`: replayed or discarded. `failed`: left as they were, by code in `failures`.
    `waits_for`: what it waits for just now: `queue`, room in the tenant's queue; `server`, a server that is away."""

    operation_id: UUID
    action: BulkAction
    filter: LetterFilter
    state: BulkState
    waits_for: str | None
    total: int
    is_at_least: bool
    done: int
    failed: int
    failures: dict[str, int]
    requested_by: str
    created_at: datetime
    cancelled_at: datetime | None
    ended_at: datetime | None

"""Events, dead letters and gaps as the API shows them, and the call that puts objects into the queue."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from schemas.api import Body, PageQuery, Shown
from schemas.events import EventKind, Outcome
from schemas.records import RecordStream

Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
# Told here, checked as a webhook's ids are (app/connectors/reading.py): both refuse the same.
ExternalId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    Field(
        json_schema_extra={"pattern": r"^[^@\u0000-\u001f\u007f]*[^@\s\u0000-\u001f\u007f.][^@\u0000-\u001f\u007f]*$"}
    ),
]
FieldWord = Annotated[str, StringConstraints(max_length=200)]
FIELD_SAYS = "as a group has it, or as a letter has it, for any place in a list; empty: those without one"
IntegrationText = Annotated[str, StringConstraints(pattern=r"^int_[1-9][0-9]{0,9}_[1-9][0-9]{0,9}$")]
LetterStatus = Literal["waiting", "replaying", "replayed", "discarded"]


class EventsQuery(PageQuery):
    """Only events that are so."""

    outcome: Outcome | None = None
    kind: EventKind | None = None
    object_id: Word | None = Field(None, description="the object's id at its source")
    integration_id: IntegrationText | None = None
    state: Word | None = Field(None, description="the state that the call told of")
    since: AwareDatetime | None = Field(None, description="accepted then or later")
    until: AwareDatetime | None = Field(None, description="accepted before")


class DeadLettersQuery(PageQuery):
    status: LetterStatus | None = None
    reason: Word | None = None
    kind: EventKind | None = None
    integration_id: IntegrationText | None = None
    field: FieldWord | None = Field(None, description=FIELD_SAYS)


class EventShown(Shown):
    """`status`: settled; retrying: it failed and is tried again at `retry_at`; waiting: for its turn, or for its
    integration, which is looked at at `retry_at`. `latency_ms`: from acceptance to the commit.
    """

    event_id: UUID
    status: Literal["settled", "retrying", "waiting"]
    received_at: datetime
    integration_id: str | None = None
    kind: EventKind | None = None
    object_id: str | None = None
    state: str | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    attempts: int | None = None
    latency_ms: int | None = None
    retry_at: datetime | None = None


class DeadLetterShown(Shown):
    """An event with a fault of its own. Its body is kept sealed and never shown. `field`: where the fault lies."""

    event_id: UUID
    received_at: datetime
    integration_id: str | None
    kind: EventKind
    object_id: str
    reason: str
    field: str | None
    status: LetterStatus
    replay_event_id: UUID | None
    attempts: int
    created_at: datetime
    updated_at: datetime


class EventDetail(EventShown):
    """With its dead letter, if it is dead and that is still there."""

    dead_letter: DeadLetterShown | None = None


class Replay(Shown):
    """Follow `replay_event_id` under /events."""

    event_id: UUID
    replay_event_id: UUID


class SentEvent(Shown):
    """A test call of an integration's own address. Follow `event_id` under /events; `outcome`: null while it is not
    settled. `problem`: what kept it from being accepted; there is no event then."""

    kind: str
    event_id: UUID | None = None
    outcome: Outcome | None = None
    problem: str | None = None


class GapShown(Shown):
    """From when on a stream of an integration may be incomplete, until a repair closes it."""

    integration_id: str
    stream: str
    since: datetime
    reason: str
    updated_at: datetime


class NewPointers(Body):
    """Objects to be fetched again. `account`: the integration's own if not given."""

    model_config = ConfigDict(str_strip_whitespace=False)  # an altered id is another object

    stream: RecordStream
    external_ids: Annotated[list[ExternalId], Field(min_length=1, max_length=100)]
    priority: Literal["high", "normal", "low"] | None = Field(None, description="the tenant's own if not given")
    account: Word | None = None


class Pointer(Shown):
    """Follow `event_id` under /events."""

    external_id: str
    event_id: UUID

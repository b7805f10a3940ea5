"""One event's whole life: whence it came, where it is, what failed, how it ended and what it changed."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from schemas.api import Shown
from schemas.ledger import EventDetail
from schemas.records import RecordStream

Origin = Literal["call", "request", "replay", "probe"]
WaitsFor = Literal["turn", "worker", "retry", "integration", "hold", "tenant"]


class FailedAttempt(Shown):
    """`status`: the provider's HTTP status, null when it gave none. `retry_at`: when the next one was due."""

    number: int
    at: datetime
    reason: str
    status: int | None
    retry_at: datetime | None


class RecordPlace(Shown):
    """`id`: under which /orders or /customers has it."""

    id: str
    stream: RecordStream
    source: str
    account: str
    external_id: str


class EventLife(EventDetail):
    """`waits_for` (null once it is settled): turn: others are before it; worker: one has it in hand; retry: it failed
    and is tried again at `retry_at`; integration: it is paused or its credentials are refused; hold: the provider or a
    server of ours is in trouble, until `held_until`; tenant: it is not served now.

    `failed_attempts` are kept for ATTEMPTS_DAYS, and not for more than ATTEMPTS_EVENTS_MAX events a day: `attempts`
    counts all. `records`: what it told of, as it is held now.
    """

    origin: Origin = Field(description="a call of the provider, a request to fetch again, a replay, or our own test")
    endpoint_kind: str | None = Field(None, description="of the address that was called")
    integration_type: str | None = None
    integration_name: str | None = None
    integration_status: str | None = None
    waits_for: WaitsFor | None = None
    held_until: datetime | None = None
    hold_reason: str | None = None
    settled_at: datetime | None = None
    failed_attempts: list[FailedAttempt]
    replay_of: UUID | None = None
    records: list[RecordPlace]

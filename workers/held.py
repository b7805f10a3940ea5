"""What a drain has in hand: entries read, grouped by the object they tell of, and what has arrived for them."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from app.core.queue import Entry
from app.services.apply import Observation
from schemas.events import Event

# Out of tries when it was read again: the call of its last try outlived its slice and was never answered.
NO_ANSWER = "no_answer"


class Held(NamedTuple):
    """One event in hand, with the queue entry it came from."""

    entry: Entry
    event: Event


@dataclass(slots=True, eq=False)
class Group:
    """All events of one object in one read: they share one GET, which starts after that read.

    A later event of the object is never added: a document asked for before it was read may not show its change.
    `observed_at` is the queue server's time of the read, hence before the request left.
    """

    tenant_id: int
    events: list[Held]
    observed_at: datetime
    task: "asyncio.Task[None] | None" = None
    started_at: float = 0.0
    is_detached: bool = False

    @property
    def first(self) -> Event:
        return self.events[0].event


@dataclass(slots=True)
class Arrival:
    """Events that can be settled now: by an observation, or dead or ignored with a reason. Without events: what was
    observed counts, and the events it was asked for wait for the rest of it."""

    events: list[Held]
    observation: Observation | None = None
    dead_reason: str | None = None
    dead_field: str | None = None
    ignored_reason: str | None = None


@dataclass(slots=True)
class Resolution:
    """What became of a group: exactly one of these fields says what to do with each of its events.

    `retry_reason`: why `retries` are tried again; `provider_status`: with which HTTP status, if the provider gave one.
    """

    arrivals: list[Arrival] = field(default_factory=list)
    retries: list[Held] = field(default_factory=list)
    postponed: list[Held] = field(default_factory=list)
    hold_reason: str | None = None
    hold_s: float | None = None
    held: list[Held] = field(default_factory=list)
    retry_reason: str = ""
    provider_status: int | None = None

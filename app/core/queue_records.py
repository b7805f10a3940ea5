"""What goes into the queue and comes out of it: entries, claims, results, and the queue's own limits."""

from collections.abc import Sequence
from datetime import datetime
from math import isqrt
from typing import Literal, NamedTuple

from app.core.settings import Settings

AheadClass = Literal["high", "normal", "low"]
Place = Literal["ready", "leased", "due", "paused", "none"]

# How far a tenant that becomes ready is put ahead of those that come back from a slice. 60 s: beside 400 busy tenants
# a quiet one then waits 1.5 s instead of 24 (queue_protocol.md, row i2). Scores only order; none of this is a delay.
NEW_AHEAD_MS = 60_000
CLASS_AHEAD_MS: dict[AheadClass, int] = {"high": 2_000, "normal": 1_000, "low": 0}


class NewEntry(NamedTuple):
    """An event to append. `event_id` is a UUIDv7 in canonical text."""

    event_id: str
    body: bytes


class AppendBatch(NamedTuple):
    """The events of one tenant in one append: all of them are taken, or none."""

    tenant_id: int
    ahead_class: AheadClass
    entries: Sequence[NewEntry]


class Confirm(NamedTuple):
    """How many must have fsynced an append before it counts as durable (WAITAOF), and how long to wait for them."""

    local: int = 1
    replicas: int = 0
    timeout_ms: int = 1_000


def make_confirm(settings: Settings) -> Confirm | None:
    """What an append waits for. None: the provider's own log is declared durable (REDIS_DURABILITY=provider)."""
    if settings.redis_durability == "provider":
        return None
    return Confirm(1, settings.redis_replicas_confirmed, settings.redis_confirm_timeout_ms)


class Entry(NamedTuple):
    """An event as read. `entry_id` is its place in the stream, None for one that came back from `parked`.

    `reads` counts this read too; `tries` counts the failures of its own so far.
    """

    event_id: str
    entry_id: str | None
    body: bytes
    reads: int
    tries: int


class Claim(NamedTuple):
    """A turn: this tenant is drained in the name of this run until the run finishes or its lease is over."""

    tenant_id: int
    run_id: str


class ReadResult(NamedTuple):
    """What a read told.

    `ok`: `entries` (none: nothing to do now). `suspect`: the first entry was read twice and let go by nobody; wait
    until the process is quiet and read again with `alone`. `lost`: the lease is another's; settle what has been
    committed, refund the rest, stop. `server_now` is the `observed_at` of every fetch that starts after this read: it
    grows with every read, also when the server's clock steps back. `last_entry_id` is the `after` of the next read.
    """

    status: Literal["ok", "lost", "suspect"]
    entries: list[Entry]
    server_now: datetime
    last_entry_id: str | None


class Deferral(NamedTuple):
    """An event to be tried again in `delay_ms` (at most `QueueLimits.backoff_max_ms`)."""

    event_id: str
    entry_id: str | None
    delay_ms: int


class Sweep(NamedTuple):
    """What a sweep did. `is_limit_reached`: there is more, sweep again at once. `stepped_back`: so did the clock."""

    looked: int
    is_limit_reached: bool
    stepped_back: bool


class Depth(NamedTuple):
    """A tenant's queue at one instant. `oldest_ms`: age of the stream's oldest entry, None without one."""

    waiting: int
    retrying: int
    oldest_ms: int | None
    where: Place
    accepted: int


class Waiting(NamedTuple):
    """An event that is in the queue. `due_at`: when it is tried again, None for one that waits for its turn in the
    stream. `reads`: reads not let go: with a lease out, it is in somebody's hand. `body`: empty when it was lost."""

    event_id: str
    body: bytes
    due_at: datetime | None
    reads: int
    tries: int


class QueueLimits(NamedTuple):
    """The queue's limits. All processes of one cell should agree on them; where they differ the stricter one wins."""

    events_max: int = 1_000_000
    lease_ms: int = 15_000
    hold_max_ms: int = 60_000
    backoff_max_ms: int = 1_200_000
    batch_events: int = 500
    bells_max: int = 512

    @property
    def second_read_max(self) -> int:
        """Entries that may be read together with one read before: the square root of a batch halves both costs."""
        return max(1, isqrt(self.batch_events))

    @classmethod
    def from_settings(cls, settings: Settings) -> "QueueLimits":
        return cls(
            events_max=settings.queue_events_max,
            lease_ms=settings.lease_ms,
            hold_max_ms=round(settings.hold_max_s * 1_000),
            # Delays are jittered upwards and a parked fetch is due after its time-out: both stay below this.
            backoff_max_ms=round(max(2 * settings.retry_max_s, 2 * settings.provider_call_timeout_s) * 1_000),
            batch_events=settings.drain_batch_events,
        )

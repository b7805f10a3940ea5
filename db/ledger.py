"""The ledger: one row per event, with exactly one outcome, and the day totals that outlive the rows."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

import asyncpg

from db.counters import Writer
from db.pool import Database
from db.queries import load_queries
from schemas.events import EventKind, Outcome
from schemas.ids import find_received_on

SQL = load_queries("ledger")
_FIRST_ID = "00000000-0000-0000-0000-000000000000"
_LATENCY_MS_MAX = 2**31 - 1


class LedgerEntry(NamedTuple):
    """What is written of one event. `sealed_body`, `field`: only for a dead one, which needs a `reason`.
    `freshness_ms`: how old the change was of which it was the first to tell; counted, and not written here."""

    event_id: str
    integration_id: int
    kind: EventKind
    object_id: str
    state: str | None
    outcome: Outcome
    reason: str | None
    attempts: int
    latency_ms: int
    field: str | None = None
    sealed_body: bytes | None = None
    freshness_ms: int | None = None


class Settled(NamedTuple):
    """What was written: event id → outcome of the rows that are new. `replays`: those of them that are replays of dead
    letters."""

    outcomes: dict[str, Outcome]
    replays: frozenset[str] = frozenset()


class LedgerRow(NamedTuple):
    """What is read of one event."""

    event_id: str
    received_on: date
    integration_id: int
    kind: str
    object_id: str
    state: str | None
    outcome: Outcome
    reason: str | None
    attempts: int
    latency_ms: int


class Latency(NamedTuple):
    """From acceptance to the commit, in ms. None when no event was counted."""

    events: int
    p50: int | None
    p99: int | None
    max: int | None


async def settle_events(
    connection: asyncpg.Connection, tenant_id: int, writer: Writer, entries: Sequence[LedgerEntry]
) -> Settled:
    """Writes the rows of events that have none yet, with dead letters, closed replays and totals for exactly those.

    Returns event id → outcome of the rows written; an event left out had its outcome before. At most one entry per
    event id.
    """
    if not entries:
        return Settled({})
    ordered = sorted(entries)
    columns = zip(
        *(
            (find_received_on(e.event_id), e.event_id, e.integration_id, e.attempts,
             min(max(e.latency_ms, 0), _LATENCY_MS_MAX), e.kind, e.object_id, e.state, e.outcome, e.reason)
            for e in ordered
        ),
        strict=True,
    )  # fmt: skip
    dead = [(e.event_id, e.field, e.sealed_body) for e in ordered if e.outcome == "dead"]
    dead_columns = zip(*dead, strict=True) if dead else ((), (), ())
    rows = await connection.fetch(SQL["settle_events"], tenant_id, *columns, *dead_columns, writer)
    return Settled(
        {str(row["event_id"]): row["outcome"] for row in rows},
        frozenset(str(row["event_id"]) for row in rows if row["is_replay"]),
    )


async def find_outcomes(connection: asyncpg.Connection, tenant_id: int, event_ids: Sequence[str]) -> dict[str, Outcome]:
    """Event id → outcome of those that have a row."""
    days = [find_received_on(event_id) for event_id in event_ids]
    rows = await connection.fetch(SQL["find_outcomes"], tenant_id, days, list(event_ids))
    return {str(event_id): outcome for event_id, outcome in rows}


async def list_outcomes(
    connection: asyncpg.Connection, tenant_id: int, since: date = date(1970, 1, 1)
) -> dict[str, Outcome]:
    """Event id → outcome of every event since a day: for checks that compare whole sets."""
    rows = await connection.fetch(SQL["list_outcomes"], tenant_id, since)
    return {str(event_id): outcome for event_id, outcome in rows}


async def tail_events(
    connection: asyncpg.Connection,
    tenant_id: int,
    *,
    since: date | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[LedgerRow]:
    """The newest events, newest first. `after`: only those accepted after this event, to follow the tail."""
    day = since or (find_received_on(after) if after else date(1970, 1, 1))
    rows = await connection.fetch(SQL["tail_events"], tenant_id, day, after or _FIRST_ID, limit)
    return [LedgerRow(str(event_id), *rest) for event_id, *rest in rows]


async def measure_latency(
    connection: asyncpg.Connection, tenant_id: int, *, since: date | None = None, after: str | None = None
) -> Latency:
    """Percentiles over the events since a day (today if not given), or after an event."""
    day = since or (find_received_on(after) if after else datetime.now(UTC).date())
    return Latency(*await connection.fetchrow(SQL["measure_latency"], tenant_id, day, after or _FIRST_ID))


async def total_events(connection: asyncpg.Connection, tenant_id: int, since: date) -> dict[Outcome, int]:
    """One tenant's events by outcome, from the day totals."""
    return dict(await connection.fetch(SQL["total_events"], tenant_id, since))


async def total_all_events(database: Database, since: date) -> dict[int, dict[Outcome, int]]:
    """Everybody's: tenant → outcome → events."""
    totals: dict[int, dict[Outcome, int]] = {}
    async with database.platform_tx("total_events") as connection:
        for tenant_id, outcome, events in await connection.fetch(SQL["total_events_by_tenant"], since):
            totals.setdefault(tenant_id, {})[outcome] = events
    return totals


async def keep_event_partitions(database: Database, days_ahead: int, days_kept: int) -> list[str]:
    """Makes the coming days' partitions and drops those past their time; what it did, in words."""
    async with database.platform_tx("keep_event_partitions") as connection:
        rows = await connection.fetch(SQL["keep_event_partitions"], days_ahead, days_kept)
    return [row[0] for row in rows]


async def find_missing_partitions(database: Database, days: Sequence[date]) -> list[date]:
    """Those of `days` that have no partition of their own; their rows would go into the default one."""
    async with database.platform_tx("find_missing_partitions") as connection:
        rows = await connection.fetch(SQL["find_missing_partitions"], list(days))
    return [row[0] for row in rows]

"""Pages of the ledger and of dead letters, newest first. A page looks at no more than ROWS_SEEN_MAX rows."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from db.dead_letters import DeadLetter
from db.ledger import LedgerRow
from db.queries import load_queries

SQL = load_queries("event_pages")
ROWS_SEEN_MAX = 10_000
FIRST_LOOK_ROWS = 500
OBJECTS_MAX = 200  # whose events one page looks for
_RARE = frozenset({"dead", "ignored"})  # the index events_by_rare_outcome


class EventFilter(NamedTuple):
    """Each None: any."""

    outcome: str | None = None
    kind: str | None = None
    integration_id: int | None = None
    state: str | None = None
    object_id: str | None = None
    object_ids: Sequence[str] | None = None


class LetterFilter(NamedTuple):
    """Each None: any. `field`: as a cause has it."""

    status: str | None = None
    reason: str | None = None
    kind: str | None = None
    integration_id: int | None = None
    field: str | None = None


class LedgerPage(NamedTuple):
    """`stopped_at`: the last row that was looked at, when there may be more behind it."""

    rows: list[LedgerRow]
    stopped_at: LedgerRow | None


class DeadLetterPage(NamedTuple):
    rows: list[DeadLetter]
    stopped_at: DeadLetter | None


async def page_events(  # noqa: PLR0917 - from where back to where
    connection: asyncpg.Connection,
    tenant_id: int,
    before: tuple[date, UUID],
    since: tuple[date, UUID],
    wanted: EventFilter,
    limit: int,
) -> LedgerPage:
    """Events before a place in the ledger and not before another. Most pages are full within a few rows: only where
    they are not it looks at as many as it may."""
    first = min(max(FIRST_LOOK_ROWS, limit), ROWS_SEEN_MAX)
    page = await _look(connection, tenant_id, before, since, wanted, (first, limit))
    if len(page.rows) >= limit or page.stopped_at is None or first == ROWS_SEEN_MAX:
        return page
    return await _look(connection, tenant_id, before, since, wanted, (ROWS_SEEN_MAX, limit))


async def _look(  # noqa: PLR0917 - from where back to where, and how far
    connection: asyncpg.Connection,
    tenant_id: int,
    before: tuple[date, UUID],
    since: tuple[date, UUID],
    wanted: EventFilter,
    limits: tuple[int, int],
) -> LedgerPage:
    """`limits`: rows looked at, rows found."""
    *sifted, object_id, object_ids = wanted
    arguments: list[Any] = [tenant_id, *before, *since, *limits, *sifted]
    name = "page_rare_events" if wanted.outcome in _RARE else "page_events"
    if object_id is not None:
        name = "page_object_events"
        arguments.append(object_id)
    elif object_ids is not None:
        name = "page_objects_events"
        arguments.append(list(object_ids)[:OBJECTS_MAX])
    rows = await connection.fetch(SQL[name], *arguments)
    found = sorted(
        (_read_event(row[:-1]) for row in rows if not row["is_end"]),
        key=lambda row: (row.received_on, row.event_id),
        reverse=True,
    )
    return LedgerPage(found, next((_read_event(row[:-1]) for row in rows if row["is_end"]), None))


async def find_event(
    connection: asyncpg.Connection, tenant_id: int, received_on: date, event_id: UUID
) -> LedgerRow | None:
    """One event's row."""
    row = await connection.fetchrow(SQL["get_event"], tenant_id, received_on, event_id)
    return None if row is None else _read_event(row)


async def page_dead_letters(
    connection: asyncpg.Connection,
    tenant_id: int,
    before: tuple[datetime, UUID],
    wanted: LetterFilter,
    limit: int,
) -> DeadLetterPage:
    """Dead letters before a place."""
    rows = await connection.fetch(SQL["page_dead_letters"], tenant_id, *before, ROWS_SEEN_MAX, limit, *wanted)
    found = sorted(
        (_read_letter(row[:-2]) for row in rows if not row["is_end"]),
        key=lambda letter: (letter.created_at, letter.event_id),
        reverse=True,
    )
    return DeadLetterPage(found, next((_read_letter(row[:-2]) for row in rows if row["is_end"]), None))


async def find_replayed_letter(connection: asyncpg.Connection, tenant_id: int, event_id: UUID) -> UUID | None:
    """The dead letter that this event is the replay of."""
    found: UUID | None = await connection.fetchval(SQL["find_replayed_letter"], tenant_id, event_id)
    return found


async def is_being_replayed(connection: asyncpg.Connection, tenant_id: int, event_id: UUID) -> bool:
    """Whether this is the fresh id of a dead letter whose replay has not ended."""
    return bool(await connection.fetchval(SQL["is_being_replayed"], tenant_id, event_id))


def _read_event(row: Any) -> LedgerRow:
    event_id, *rest = row
    return LedgerRow(str(event_id), *rest)


def _read_letter(row: Any) -> DeadLetter:
    letter = DeadLetter(*row)
    replay = None if letter.replay_event_id is None else str(letter.replay_event_id)
    return letter._replace(event_id=str(letter.event_id), replay_event_id=replay)

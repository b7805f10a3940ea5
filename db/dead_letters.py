"""Events with a fault of their own, kept sealed until somebody replays or discards them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple

import asyncpg

from db.queries import load_queries

SQL = load_queries("dead_letters")
COUNTED_MAX = 10_000
DeadLetterStatus = Literal["waiting", "replaying", "replayed", "discarded"]
_OPEN: tuple[DeadLetterStatus, ...] = ("waiting", "replaying")


class DeadLetter(NamedTuple):
    """`reason`: a stable word. `field`: the path of the offending value. `sealed_body`: the event as it was queued,
    sealed with purpose `dead_letter.v1` under its event id; None in lists and after a discard."""

    event_id: str
    received_on: date
    integration_id: int
    kind: str
    object_id: str
    reason: str
    field: str | None
    status: DeadLetterStatus
    replay_event_id: str | None
    attempts: int
    created_at: datetime
    updated_at: datetime
    sealed_body: bytes | None


async def list_dead_letters(
    connection: asyncpg.Connection,
    tenant_id: int,
    *,
    statuses: Sequence[DeadLetterStatus] = _OPEN,
    before: datetime | None = None,
    limit: int = 100,
) -> list[DeadLetter]:
    """Newest first, without bodies; `before`: those made before a time, to go on from a page's last."""
    end = before or datetime.max.replace(tzinfo=UTC)
    rows = await connection.fetch(SQL["list_dead_letters"], tenant_id, list(statuses), end, limit)
    return [_read(row) for row in rows]


async def find_dead_letter(connection: asyncpg.Connection, tenant_id: int, event_id: str) -> DeadLetter | None:
    """One, with its sealed body."""
    return _find(await connection.fetchrow(SQL["get_dead_letter"], tenant_id, event_id))


async def begin_replay(
    connection: asyncpg.Connection, tenant_id: int, event_id: str, replay_event_id: str
) -> DeadLetter | None:
    """Ties a dead letter to the fresh event that will replay it; append that event after the commit.

    When a replay was begun already, its id stands: append `replay_event_id` of the result, which then makes one row
    however often it is appended. None when there is no such dead letter or it is replayed or discarded.
    """
    return _find(await connection.fetchrow(SQL["begin_replay"], tenant_id, event_id, replay_event_id))


async def take_stuck_replays(
    connection: asyncpg.Connection, tenant_id: int, begun_before: datetime, limit: int = 100
) -> list[DeadLetter]:
    """Replays that no ledger row has closed since a time: append them again, under the same ids."""
    return [_read(row) for row in await connection.fetch(SQL["take_stuck_replays"], tenant_id, begun_before, limit)]


async def discard_dead_letter(connection: asyncpg.Connection, tenant_id: int, event_id: str) -> bool:
    """Only one that waits can be discarded; its body is removed. False when it did not wait."""
    return await connection.fetchval(SQL["discard_dead_letter"], tenant_id, event_id) is not None


async def count_waiting(connection: asyncpg.Connection, tenant_id: int, limit: int = COUNTED_MAX) -> int:
    """How many wait, counted up to `limit`."""
    return int(await connection.fetchval(SQL["count_dead_letters"], tenant_id, limit))


async def list_limited_letters(connection: asyncpg.Connection, tenant_id: int, limit: int) -> list[str]:
    """Event ids of waiting inline documents that a limit kept out, the oldest first."""
    return [str(row[0]) for row in await connection.fetch(SQL["list_limited_letters"], tenant_id, limit)]


async def count_limited_replays(connection: asyncpg.Connection, tenant_id: int) -> int:
    """How many of those are being replayed."""
    return int(await connection.fetchval(SQL["count_limited_replays"], tenant_id))


def read_letters(rows: Iterable[asyncpg.Record]) -> list[DeadLetter]:
    """Rows that have a dead letter's columns in their order."""
    return [_read(row) for row in rows]


def _find(row: asyncpg.Record | None) -> DeadLetter | None:
    return None if row is None else _read(row)


def _read(row: asyncpg.Record) -> DeadLetter:
    letter = DeadLetter(*row)
    replay = None if letter.replay_event_id is None else str(letter.replay_event_id)
    return letter._replace(event_id=str(letter.event_id), replay_event_id=replay)


async def count_waiting_by_integration(
    connection: asyncpg.Connection, tenant_id: int, limit: int = COUNTED_MAX
) -> dict[int, int]:
    """Integration → how many of its dead letters wait; `limit` of them are looked at."""
    return dict(await connection.fetch(SQL["count_waiting_by_integration"], tenant_id, limit))

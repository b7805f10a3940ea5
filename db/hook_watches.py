"""What the watchdog knows of each hook: until when it is known what it did, when it is looked at, its test calls."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from db.pool import Database
from db.queries import load_queries
from schemas.ids import find_first_id

SQL = load_queries("hook_watches")


class Place(NamedTuple):
    """Whose hook."""

    tenant_id: int
    integration_id: int


class Finding(NamedTuple):
    """What a look told. `asked_at`: before the question left. `was_missing`: ours did not stand there then;
    `stands`: it does now."""

    asked_at: datetime
    was_missing: bool
    stands: bool


class Watch(NamedTuple):
    """What is said to people of a hook that is registered. `path_problem`: a sentence."""

    path_good_at: datetime | None = None
    path_problem: str | None = None
    silent_since: datetime | None = None


class SentProbe(NamedTuple):
    """A test call without a ledger row, as far as is known."""

    place: Place
    event_id: str
    sent_at: datetime


class Moved(NamedTuple):
    """`moved_at`: when an order changed of which a batch told first. `silent_since`: the hook is known to be silent."""

    place: Place
    moved_at: datetime | None
    silent_since: datetime | None


async def note_finding(
    connection: asyncpg.Connection, place: Place, finding: Finding, next_look_s: float
) -> datetime | None:
    """Up to when it was known before what the hook did; None when nothing was."""
    known_at: datetime | None = await connection.fetchval(SQL["note_finding"], *place, *finding, next_look_s)
    return known_at


async def find_watch(connection: asyncpg.Connection, place: Place) -> Watch:
    row = await connection.fetchrow(SQL["find_watch"], *place)
    return Watch() if row is None else Watch(*row)


async def list_watches(connection: asyncpg.Connection, tenant_id: int) -> dict[int, Watch]:
    """Integration → what is known of its hook."""
    rows = await connection.fetch(SQL["list_watches"], tenant_id)
    return {integration_id: Watch(*rest) for integration_id, *rest in rows}


async def list_due(database: Database, limit: int, connectors: Sequence[str]) -> list[Place]:
    """Hooks whose turn it is, of active tenants and of integrations that are not paused; the longest overdue first.
    `connectors`: that have hooks."""
    async with database.platform_tx("list_due_hooks") as connection:
        return [Place(*row) for row in await connection.fetch(SQL["list_due"], limit, list(connectors))]


async def claim_watch(connection: asyncpg.Connection, place: Place, claim_s: float) -> int | None:
    """The failures in a row so far; None when somebody else has this turn."""
    failures: int | None = await connection.fetchval(SQL["claim_watch"], *place, claim_s)
    return failures


async def note_failure(connection: asyncpg.Connection, place: Place, failures: int, next_look_s: float) -> None:
    """`failures`: in a row, with this one."""
    await connection.execute(SQL["note_failure"], *place, failures, next_look_s)


async def note_not_set(connection: asyncpg.Connection, place: Place, failures: int, next_try_s: float) -> None:
    """As `note_failure`, of a hook that is still removed."""
    await connection.execute(SQL["note_not_set"], *place, failures, next_try_s)


async def note_probe(connection: asyncpg.Connection, place: Place, event_id: str, sent_at: datetime) -> None:
    await connection.execute(SQL["note_probe"], *place, event_id, sent_at)


async def note_path(
    connection: asyncpg.Connection, place: Place, problem: str | None, *, may_still_come: bool = False
) -> str | None:
    """The problem that was known before. `problem` None: a test call came all the way. `may_still_come`: the last one
    goes on being looked for."""
    before: str | None = await connection.fetchval(SQL["note_path"], *place, problem, may_still_come)
    return before


async def list_probes(database: Database, limit: int) -> list[SentProbe]:
    """Test calls that are on their way, the oldest first."""
    async with database.platform_tx("list_probes") as connection:
        rows = await connection.fetch(SQL["list_probes"], limit)
    return [SentProbe(Place(row[0], row[1]), str(row[2]), row[3]) for row in rows]


async def note_moved(connection: asyncpg.Connection, place: Place, moved_at: datetime) -> None:
    """Nothing for a hook that did not stand there then."""
    await connection.execute(SQL["note_moved"], *place, moved_at)


async def list_moved(database: Database, silence_s: float, limit: int) -> list[Moved]:
    """Registered hooks that had `silence_s` to tell of a change, or are known to be silent."""
    async with database.platform_tx("list_moved_hooks") as connection:
        rows = await connection.fetch(SQL["list_moved"], silence_s, limit)
    return [Moved(Place(row[0], row[1]), row[2], row[3]) for row in rows]


async def begin_silence(connection: asyncpg.Connection, place: Place, moved_at: datetime) -> bool:
    """False when that is known already, or what was judged is not what stands there any more."""
    return await connection.fetchval(SQL["begin_silence"], *place, moved_at) is not None


async def end_silence(connection: asyncpg.Connection, place: Place) -> None:
    await connection.execute(SQL["end_silence"], *place)


async def has_told(connection: asyncpg.Connection, place: Place, since: datetime, *, except_state: str) -> bool:
    """Whether the ledger has an order's call of this integration since then. `except_state`: our own test calls'."""
    tenant_id, integration_id = place
    day, first_id = since.date(), find_first_id(since)
    told: bool = await connection.fetchval(SQL["has_told"], tenant_id, day, first_id, integration_id, except_state)
    return told

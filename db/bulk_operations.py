"""Replays and discards of many dead letters: asked for, claimed under a lease, and carried on from where they stood."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from db.audit import ActorKind
from db.dead_groups import Choice
from db.dead_letters import DeadLetter, read_letters
from db.pool import Database
from db.queries import load_queries
from schemas.ids import make_uuid7

SQL = load_queries("bulk_operations")

BulkAction = Literal["replay", "discard"]
BulkStatus = Literal["running", "cancelled", "done"]
NEWEST = UUID(int=2**128 - 1)


class BulkRow(NamedTuple):
    """One operation. `failures`: code → letters. `is_at_least`: more than `estimated` were not counted."""

    operation_id: UUID
    action: BulkAction
    choice: Choice
    status: BulkStatus
    waits_for: str | None
    created_at: datetime
    cancelled_at: datetime | None
    ended_at: datetime | None
    actor_kind: ActorKind
    actor_id: str
    estimated: int
    is_at_least: bool
    done: int
    failed: int
    failures: Mapping[str, int]


class NewBulk(NamedTuple):
    action: BulkAction
    choice: Choice
    estimated: int
    is_at_least: bool


class BulkClaim(NamedTuple):
    """An operation that this process works on until its lease ends. `pending`: fresh ids of letters that are perhaps
    not in the queue yet."""

    tenant_id: int
    operation_id: UUID
    holder: UUID
    action: BulkAction
    place: tuple[datetime, UUID]
    pending: Sequence[UUID]
    is_cancelled: bool

    @property
    def key(self) -> tuple[int, UUID, UUID]:
        """What every statement of the lease's holder begins with."""
        return self.tenant_id, self.operation_id, self.holder


class BulkEnd(NamedTuple):
    """How it ended, and who had asked for it."""

    status: BulkStatus
    action: BulkAction
    done: int
    failed: int
    failures: Mapping[str, int]
    actor_kind: ActorKind
    actor_id: str
    request_id: str | None


class BulkLeaseLostError(Exception):
    """Somebody else works on this operation now, or it has ended: nothing of the transaction may stay."""


async def lock_bulk(connection: asyncpg.Connection, tenant_id: int) -> None:
    """Until the transaction ends nobody else starts an operation of this tenant."""
    await connection.execute(SQL["lock_bulk"], tenant_id)


async def count_running(connection: asyncpg.Connection, tenant_id: int) -> int:
    return int(await connection.fetchval(SQL["count_running"], tenant_id))


async def insert_operation(
    connection: asyncpg.Connection, tenant_id: int, wanted: NewBulk, actor: tuple[ActorKind, str, str | None]
) -> UUID:
    """Its id. `actor`: kind, id and request."""
    operation_id, choice = UUID(make_uuid7()), wanted.choice
    await connection.execute(
        SQL["insert_operation"], tenant_id, operation_id, wanted.action, *choice, *actor, wanted.estimated,
        wanted.is_at_least,
    )  # fmt: skip
    return operation_id


async def find_operation(connection: asyncpg.Connection, tenant_id: int, operation_id: UUID) -> BulkRow | None:
    row = await connection.fetchrow(SQL["get_operation"], tenant_id, operation_id)
    return None if row is None else _read(row)


async def list_operations(
    connection: asyncpg.Connection, tenant_id: int, *, before: UUID = NEWEST, limit: int
) -> list[BulkRow]:
    """Newest first."""
    return [_read(row) for row in await connection.fetch(SQL["list_operations"], tenant_id, before, limit)]


async def cancel_operation(connection: asyncpg.Connection, tenant_id: int, operation_id: UUID) -> bool:
    """False when it has ended. One that somebody works on ends within the step."""
    return await connection.fetchval(SQL["cancel_operation"], tenant_id, operation_id) is not None


async def claim_operation(database: Database, lease_ms: int) -> BulkClaim | None:
    """The operation whose turn it is, of any tenant."""
    async with database.platform_tx("claim_bulk") as connection:
        row = await connection.fetchrow(SQL["claim_operation"], UUID(make_uuid7()), lease_ms)
    if row is None:
        return None
    tenant_id, operation_id, holder, action, place_at, place_id, pending, is_cancelled = row
    return BulkClaim(tenant_id, operation_id, holder, action, (place_at, place_id), pending, is_cancelled)


async def list_chosen_letters(
    connection: asyncpg.Connection, claim: BulkClaim, place: tuple[datetime, UUID], limit: int
) -> list[DeadLetter]:
    """The next waiting ones behind a place, oldest first; for a replay with their bodies."""
    rows = await connection.fetch(SQL["list_chosen_letters"], claim.tenant_id, claim.operation_id, *place, limit)
    return read_letters(rows)


async def lock_operation(connection: asyncpg.Connection, claim: BulkClaim) -> bool:
    """Whether it was cancelled; it stays as it is until the transaction ends. Raises BulkLeaseLostError."""
    is_cancelled: bool | None = await connection.fetchval(SQL["lock_operation"], *claim.key)
    if is_cancelled is None:
        raise BulkLeaseLostError(str(claim.operation_id))
    return is_cancelled


async def begin_replays(connection: asyncpg.Connection, tenant_id: int, fresh_ids: Mapping[str, str]) -> set[str]:
    """Ties letters to the fresh events that will replay them; those that still waited."""
    rows = await connection.fetch(
        SQL["begin_replays"], tenant_id, list(map(UUID, fresh_ids)), list(map(UUID, fresh_ids.values()))
    )
    return {str(row[0]) for row in rows}


async def discard_letters(connection: asyncpg.Connection, tenant_id: int, event_ids: Sequence[str]) -> set[str]:
    """Removes their bodies; those that still waited."""
    rows = await connection.fetch(SQL["discard_letters"], tenant_id, list(map(UUID, event_ids)))
    return {str(row[0]) for row in rows}


class BulkProgress(NamedTuple):
    """What a slice added. `pending`: fresh ids that go into the queue after the commit."""

    place: tuple[datetime, UUID]
    pending: Sequence[str]
    done: int
    failures: Mapping[str, int]


async def save_place(connection: asyncpg.Connection, claim: BulkClaim, progress: BulkProgress) -> None:
    """In the transaction of the letters. Raises BulkLeaseLostError: it must not be committed then."""
    failures = orjson.dumps(dict(progress.failures)).decode()
    found = await connection.fetchval(
        SQL["save_place"], *claim.key, *progress.place, list(map(UUID, progress.pending)), progress.done,
        sum(progress.failures.values()), failures,
    )  # fmt: skip
    if found is None:
        raise BulkLeaseLostError(str(claim.operation_id))


async def list_pending_letters(connection: asyncpg.Connection, claim: BulkClaim) -> list[DeadLetter]:
    """Letters that wait for one of the claim's pending events, with their bodies."""
    return read_letters(await connection.fetch(SQL["list_pending_letters"], claim.tenant_id, list(claim.pending)))


async def release_operation(
    database: Database, claim: BulkClaim, *, wait_ms: int = 0, waits_for: str | None = None, keeps_pending: bool = False
) -> None:
    """Gives it back for another step. Whose lease was lost has nothing to give."""
    async with database.tenant_tx(claim.tenant_id, "release_bulk") as connection:
        await connection.execute(SQL["release_operation"], *claim.key, wait_ms, waits_for, keeps_pending)


async def end_operation(connection: asyncpg.Connection, claim: BulkClaim) -> BulkEnd | None:
    """Done, or cancelled if somebody has asked for that. None when the lease was lost."""
    row = await connection.fetchrow(SQL["end_operation"], *claim.key)
    if row is None:
        return None
    return BulkEnd(*row)._replace(failures=orjson.loads(row["failures"]))


async def forget_operations(database: Database, ended_before: datetime) -> None:
    """Those that ended before a time, of all tenants."""
    async with database.platform_tx("forget_bulk") as connection:
        await connection.execute(SQL["forget_operations"], ended_before)


def _read(row: Any) -> BulkRow:
    operation_id, action, *rest = row
    choice, figures = Choice(*rest[:7]), rest[7:-1]
    return BulkRow._make((operation_id, action, choice, *figures, orjson.loads(row["failures"])))

"""Where a tenant stands between its creation and its erasure. All of it is platform work."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg

from db.pool import Database
from db.queries import load_queries

SQL = load_queries("lifecycle")
TenantStatus = Literal["active", "suspended", "expired", "deleting", "deleted"]


class Lifecycle(NamedTuple):
    """`delete_after`: with deleting, when the erasure begins. `revision`: counts every change of the tenant."""

    tenant_id: int
    type: str
    status: TenantStatus
    status_reason: str | None
    status_changed_at: datetime
    revision: int
    delete_after: datetime | None
    trial_ends_at: datetime | None


class RemovedHook(NamedTuple):
    """A hook that does not stand at its provider and should. `failures`: tries in a row that did not set it."""

    tenant_id: int
    integration_id: int
    failures: int


async def find_lifecycle(connection: asyncpg.Connection, tenant_id: int) -> Lifecycle | None:
    row = await connection.fetchrow(SQL["find_lifecycle"], tenant_id)
    return None if row is None else Lifecycle(*row)


async def change_status(
    connection: asyncpg.Connection,
    tenant_id: int,
    status: TenantStatus,
    *,
    seen_in: Sequence[TenantStatus],
    revision: int | None = None,
    reason: str | None = None,
    delete_after: datetime | None = None,
) -> int | None:
    """The new revision; None when its status is none of `seen_in`, or its revision another, any more."""
    found: int | None = await connection.fetchval(
        SQL["change_status"], tenant_id, list(seen_in), revision, status, reason, delete_after
    )
    return found


async def extend_trial(connection: asyncpg.Connection, tenant_id: int, trial_ends_at: datetime) -> bool:
    """False when it is no trial."""
    return await connection.fetchval(SQL["extend_trial"], tenant_id, trial_ends_at) is not None


async def list_ended_trials(database: Database) -> list[int]:
    """Active trials whose time is over."""
    return await _list(database, "list_ended_trials")


async def list_due_erasures(database: Database) -> list[int]:
    """Tenants whose grace period is over, and those whose erasure is not finished."""
    return await _list(database, "list_due_erasures")


async def begin_erasure(connection: asyncpg.Connection, tenant_id: int) -> bool:
    """False when it is not due (any more), or begun already."""
    return await connection.fetchval(SQL["begin_erasure"], tenant_id) is not None


async def finish_erasure(connection: asyncpg.Connection, tenant_id: int, begun_before_s: float) -> bool:
    """False when it was begun less than so many seconds ago."""
    return await connection.fetchval(SQL["finish_erasure"], tenant_id, begun_before_s) is not None


async def list_hooks_to_remove(database: Database) -> list[int]:
    """Tenants that are not served and whose provider still calls."""
    return await _list(database, "list_hooks_to_remove")


async def list_hooks_to_register(database: Database) -> list[RemovedHook]:
    """Of tenants that are served; those that could not be set wait for their time."""
    async with database.platform_tx("list_hooks_to_register") as connection:
        rows = await connection.fetch(SQL["list_hooks_to_register"])
    return [RemovedHook(*row) for row in rows]


async def _list(database: Database, name: str) -> list[int]:
    async with database.platform_tx(name) as connection:
        return [row[0] for row in await connection.fetch(SQL[name])]

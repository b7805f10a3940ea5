"""What is read of every tenant once a minute: small tables alone, a fixed number of statements."""

from datetime import date, datetime
from typing import NamedTuple

import asyncpg

from db.integrations import HookStatus, IntegrationStatus
from db.queries import load_queries

SQL = load_queries("facts")


class IntegrationRow(NamedTuple):
    """One integration that is not deleted. `is_synced`: syncs of it may begin by themselves. `last_sync_at`: when it
    was last known to be current. `gap_since`: from when on it may be incomplete. `is_syncing`: a run of it goes on."""

    tenant_id: int
    integration_id: int
    connector: str
    account: str
    name: str
    status: IntegrationStatus
    status_reason: str | None
    created_at: datetime
    is_synced: bool
    sync_frequency: str
    hook_status: HookStatus
    credentials_expire_at: datetime | None
    last_sync_at: datetime | None
    silent_since: datetime | None
    gap_since: datetime | None
    is_syncing: bool


class Figures(NamedTuple):
    """What a tenant holds and used. `dead_waiting`: dead letters that nobody has looked after."""

    tenant_id: int
    customers: int
    stored_bytes: int
    customers_waiting: int
    api_calls_today: int
    dead_waiting: int


async def list_integration_rows(connection: asyncpg.Connection, tenant_id: int | None) -> list[IntegrationRow]:
    """One tenant's, in its transaction; None: everybody's, in the platform's. By tenant, then by id."""
    return [IntegrationRow(*row) for row in await connection.fetch(SQL["list_integration_rows"], tenant_id)]


async def list_figures(connection: asyncpg.Connection, tenant_id: int | None, today: date) -> dict[int, Figures]:
    """By tenant; `tenant_id` as above."""
    rows = await connection.fetch(SQL["list_figures"], tenant_id, today)
    return {row["tenant_id"]: Figures(*row) for row in rows}

"""Each tenant's figures as they were put down last: one row a tenant, one an integration."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg

from db.pool import Database
from db.queries import load_queries
from schemas.sync_status import Health

SQL = load_queries("snapshots")


class TenantSnapshot(NamedTuple):
    """A tenant's facts without its name and settings, as of `taken_at`; app/services/tenant_facts.py says what each
    means."""

    tenant_id: int
    taken_at: datetime
    health: Health
    worst_integration_id: int | None
    integrations: int
    customers: int
    customers_max: int
    customers_waiting: int
    stored_bytes: int
    storage_bytes_max: int
    api_calls_today: int
    api_calls_day_max: int
    waiting: int
    oldest_s: float | None
    dead_waiting: int
    dead_recently: int
    events_recently: int
    freshness_p50_ms: float | None
    freshness_p99_ms: float | None
    objective_percent: float | None = None
    month_counted: int = 0
    month_late: int = 0
    burn: Literal["fast", "slow"] | None = None


class IntegrationSnapshot(NamedTuple):
    """By what the view `tenant_health` judges one."""

    tenant_id: int
    integration_id: int
    health: Health
    rule: str
    is_syncing: bool
    last_sync_at: datetime | None
    due_at: datetime | None


async def save_snapshots(
    database: Database,
    taken_at: datetime,
    tenants: Sequence[TenantSnapshot],
    integrations: Sequence[IntegrationSnapshot],
) -> None:
    """All there are, taken at one moment; what is older goes. Of two that are written the younger one stands."""
    async with database.platform_tx("save_snapshots") as connection:
        if tenants:
            columns = list(zip(*tenants, strict=True))
            await connection.execute(SQL["save_tenant_snapshots"], taken_at, columns[0], *columns[2:])
        if integrations:
            columns = list(zip(*integrations, strict=True))
            await connection.execute(SQL["save_integration_snapshots"], taken_at, *columns)
        await connection.execute(SQL["forget_tenant_snapshots"], taken_at)
        await connection.execute(SQL["forget_integration_snapshots"], taken_at)


async def list_snapshots(
    connection: asyncpg.Connection, tenant_ids: Sequence[int] | None = None
) -> list[TenantSnapshot]:
    """In a platform transaction: of these tenants, or of all; by id."""
    ids = None if tenant_ids is None else list(tenant_ids)
    return [TenantSnapshot(*row) for row in await connection.fetch(SQL["list_tenant_snapshots"], ids)]

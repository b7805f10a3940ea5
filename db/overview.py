"""All tenants side by side, with their figures as they were put down last."""

from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg

from db.queries import load_queries
from schemas.sync_status import Health

SQL = load_queries("overview")
Sort = Literal[
    "name", "type", "status", "customers", "health", "freshness", "backlog", "oldest", "errors", "limits", "alerts",
    "events",
]  # fmt: skip


class OverviewRow(NamedTuple):
    """One tenant. Figures are of `taken_at`, None before the first; `worst_*`: the integration that gives it its
    health, None without one. `alerts`: open ones, now. `matching`: how many tenants the whole list has."""

    tenant_id: int
    organization_id: int | None
    name: str
    slug: str
    type: str
    plan: str
    status: str
    worker_group: str
    trial_ends_at: datetime | None
    taken_at: datetime | None
    health: Health
    worst_connector: str | None
    worst_account: str | None
    worst_name: str | None
    integrations: int
    customers: int
    customers_max: int
    stored_bytes: int
    storage_bytes_max: int
    api_calls_today: int
    api_calls_day_max: int
    waiting: int
    oldest_s: float | None
    dead_waiting: int
    events_recently: int
    freshness_p50_ms: float | None
    freshness_p99_ms: float | None
    alerts: int
    is_critical: bool
    matching: int


class OverviewFigures(NamedTuple):
    """Of all tenants together. `freshness_worst_ms`: the longest p99 of any. Alerts: open ones, the platform's too."""

    taken_at: datetime | None
    events_recently: int
    dead_waiting: int
    freshness_worst_ms: float | None
    alerts: int
    critical_alerts: int


async def list_overview(
    connection: asyncpg.Connection,
    *,
    text: str,
    health: Health | None,
    sort: Sort,
    is_descending: bool,
    limit: int,
    offset: int,
) -> list[OverviewRow]:
    """In a platform transaction. `text`: part of a name or slug, or an id. What is not known comes last."""
    rows = await connection.fetch(
        SQL["list_overview"], text.lower(), health, sort, is_descending, limit, offset
    )  # fmt: skip
    return [OverviewRow(*row) for row in rows]


async def find_overview_figures(connection: asyncpg.Connection) -> OverviewFigures:
    """In a platform transaction."""
    return OverviewFigures(*await connection.fetchrow(SQL["find_overview_figures"]))

"""What is known of each tenant once a minute: the figures that health, alerts and the overview are judged by.

Reading all of them costs a fixed number of statements over small tables, and one script per 500 tenants in Redis.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import asyncpg

from app.core.errors import QueueUnavailableError
from app.core.histogram import estimate_percentile_ms
from app.core.queue import Depth, Queue
from app.core.settings import Settings
from app.services.health import Expected, Known, Rule, find_rule, judge_health, measure_late_s, rank_badness
from app.services.objectives import ObjectiveFacts, find_month_begin, judge_recent
from app.services.sync_requests import list_syncable_streams
from app.services.sync_schedules import find_time_zone, reckon_next_sync
from app.services.tenant_limits import find_limits
from db.facts import Figures, IntegrationRow, list_figures, list_integration_rows
from db.pool import Database
from db.series import Recent, list_recent
from db.sync_schedules import Unreckoned
from db.tenants import Tenant, list_tenants
from schemas.sync_status import Health

RECENTLY = timedelta(minutes=15)
TENANTS_PER_TURN = 50


class IntegrationFacts(NamedTuple):
    """One integration that is not deleted.

    `last_sync_at`: the last moment at which it was known to be current. `due_at`: when it should have been at the
    latest, by its schedule; `late_s`: how long that is over, 0 while it is not. `silent_since`: its hook tells nothing
    although orders change. `credentials_expire_at`: None when nobody knows. `rule`: by what it is judged late
    (health.py). `gap_since`: from when on it may be incomplete. `is_syncing`: a run of it goes on. `status_reason`: why
    it is paused or refused.
    """

    integration_id: int
    connector: str
    account: str
    name: str
    status: str
    health: Health
    last_sync_at: datetime | None
    due_at: datetime | None
    late_s: float
    hook_status: str
    silent_since: datetime | None
    credentials_expire_at: datetime | None
    rule: Rule = "none"
    gap_since: datetime | None = None
    is_syncing: bool = False
    status_reason: str | None = None
    created_at: datetime | None = None


class TenantFacts(NamedTuple):
    """One tenant that is not deleted. Nothing of it is read from a table that grows with events.

    `health`: of its worst integration, `worst`. `waiting`: events in its queue, retries among them; `oldest_s`: age of
    the oldest, None when none waits. `dead_waiting`: dead letters nobody has looked after; `dead_recently`: made within
    the last DEAD_RISING_MINUTES. `freshness_p99_ms`: provider change to queryable, over the last 15 minutes, None
    without events. Limits are the tenant's own or its type's. `queue_state`: where its queue stands (ready, leased,
    due, paused, none), `unknown` while Redis does not answer: then nothing is known of what waits. `taken_at`: as of
    when. `objective`: how its freshness objective stands, with the burn that is on; None for a type without one.
    """

    tenant: Tenant
    integrations: tuple[IntegrationFacts, ...]
    health: Health
    worst: IntegrationFacts | None
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
    queue_state: str = "none"
    taken_at: datetime | None = None
    objective: ObjectiveFacts | None = None


class _Read(NamedTuple):
    """What was read, by tenant. `depths`: None while Redis does not answer."""

    figures: Mapping[int, Figures]
    recent: Mapping[int, Recent]
    depths: Mapping[int, Depth] | None


async def read_all_facts(database: Database, queue: Queue, settings: Settings) -> list[TenantFacts]:
    """Every tenant's that is not deleted, by id. Raises asyncpg's and OS errors."""
    now = datetime.now(UTC)
    tenants = [tenant for tenant in await list_tenants(database) if tenant.status != "deleted"]
    async with database.platform_tx("read_facts") as connection:
        rows = await list_integration_rows(connection, None)
        figures, recent = await _read_figures(connection, None, settings, now)
    by_tenant: dict[int, list[IntegrationRow]] = {}
    for row in rows:
        by_tenant.setdefault(row.tenant_id, []).append(row)
    read = _Read(figures, recent, await _read_depths(queue, [tenant.tenant_id for tenant in tenants]))
    facts: list[TenantFacts] = []
    for tenant in tenants:
        if len(facts) % TENANTS_PER_TURN == 0:
            await asyncio.sleep(0)  # drains share this loop
        facts.append(_put_together(tenant, by_tenant.get(tenant.tenant_id, []), read, settings, now))
    return facts


async def read_facts(database: Database, queue: Queue, settings: Settings, tenant: Tenant) -> TenantFacts:
    """One tenant's, as they are now. Raises asyncpg's and OS errors."""
    now, tenant_id = datetime.now(UTC), tenant.tenant_id
    async with database.tenant_tx(tenant_id, "read_facts") as connection:
        rows = await list_integration_rows(connection, tenant_id)
        figures, recent = await _read_figures(connection, tenant_id, settings, now)
    read = _Read(figures, recent, await _read_depths(queue, [tenant_id]))
    return _put_together(tenant, rows, read, settings, now)


def judge_integrations(
    tenant: Tenant, rows: Iterable[IntegrationRow], settings: Settings, now: datetime
) -> list[IntegrationFacts]:
    """One tenant's, in the order given."""
    return [_judge(tenant, row, settings, now) for row in rows]


def find_worst_integration(integrations: Sequence[IntegrationFacts]) -> IntegrationFacts | None:
    """None when there is none."""
    return min(
        integrations, key=lambda one: rank_badness(one.health, one.last_sync_at, one.integration_id), default=None
    )


def find_expected(row: IntegrationRow, tenant: Tenant, settings: Settings) -> Expected:
    """By when it should be current again: the first moment of its schedule after it was, or the watchdog's next look at
    its hook."""
    has_hook = row.hook_status == "registered"
    is_synced = row.is_synced and bool(list_syncable_streams(row.connector))
    rule = find_rule(is_synced=is_synced, frequency=row.sync_frequency, has_hook=has_hook)
    since = row.last_sync_at or row.created_at
    if rule == "none":
        return Expected("none")
    if has_hook and not (is_synced and row.sync_frequency == "hourly"):
        return Expected(rule, since + timedelta(seconds=settings.hook_check_interval_s))
    place = Unreckoned(row.tenant_id, row.integration_id, row.sync_frequency, find_time_zone(tenant.settings))
    return Expected(rule, reckon_next_sync(place, settings, since))


def _judge(tenant: Tenant, row: IntegrationRow, settings: Settings, now: datetime) -> IntegrationFacts:
    expected = find_expected(row, tenant, settings)
    is_served = tenant.status == "active"
    known = Known(row.status, is_served, row.last_sync_at, row.created_at, row.is_syncing)
    is_expected = is_served and row.status != "paused"
    return IntegrationFacts(
        integration_id=row.integration_id,
        connector=row.connector,
        account=row.account,
        name=row.name,
        status=row.status,
        health=judge_health(known, expected, now),
        last_sync_at=row.last_sync_at,
        due_at=expected.due_at,
        late_s=measure_late_s(expected, now) if is_expected else 0.0,
        hook_status=row.hook_status,
        silent_since=row.silent_since,
        credentials_expire_at=row.credentials_expire_at,
        rule=expected.rule,
        gap_since=row.gap_since,
        is_syncing=row.is_syncing,
        status_reason=row.status_reason,
        created_at=row.created_at,
    )


async def _read_depths(queue: Queue, tenant_ids: Sequence[int]) -> Mapping[int, Depth] | None:
    """None while Redis does not answer: all else is known."""
    try:
        return await queue.depths_of(tenant_ids)
    except QueueUnavailableError:
        return None


async def _read_figures(
    connection: asyncpg.Connection, tenant_id: int | None, settings: Settings, now: datetime
) -> tuple[Mapping[int, Figures], Mapping[int, Recent]]:
    figures = await list_figures(connection, tenant_id, now.date())
    recent = await list_recent(
        connection,
        tenant_id,
        now=now,
        events_since=now - RECENTLY,
        dead_since=now - timedelta(minutes=settings.dead_rising_minutes),
        month_began=find_month_begin(now),
    )
    return figures, recent


def _put_together(
    tenant: Tenant, rows: Sequence[IntegrationRow], read: _Read, settings: Settings, now: datetime
) -> TenantFacts:
    tenant_id = tenant.tenant_id
    held = read.figures.get(tenant_id) or Figures(tenant_id, 0, 0, 0, 0, 0)
    recent = read.recent.get(tenant_id)
    limits = find_limits(tenant.type, tenant.settings)
    integrations = tuple(judge_integrations(tenant, rows, settings, now))
    worst = find_worst_integration(integrations)
    depth = None if read.depths is None else read.depths[tenant_id]
    oldest_ms = None if depth is None else depth.oldest_ms
    freshness = () if recent is None else recent.freshness
    return TenantFacts(
        tenant=tenant,
        integrations=integrations,
        health="unknown" if worst is None else worst.health,
        worst=worst,
        customers=held.customers,
        customers_max=limits.max_customers,
        customers_waiting=held.customers_waiting,
        stored_bytes=held.stored_bytes,
        storage_bytes_max=limits.storage_bytes,
        api_calls_today=held.api_calls_today,
        api_calls_day_max=limits.max_api_calls_day,
        waiting=0 if depth is None else depth.waiting + depth.retrying,
        oldest_s=None if oldest_ms is None else oldest_ms / 1000,
        dead_waiting=held.dead_waiting,
        dead_recently=0 if recent is None else recent.dead,
        events_recently=0 if recent is None else recent.events,
        freshness_p50_ms=estimate_percentile_ms(freshness, 0.5),
        freshness_p99_ms=estimate_percentile_ms(freshness, 0.99),
        queue_state="unknown" if depth is None else depth.where,
        taken_at=now,
        objective=judge_recent(tenant, recent, depth, settings, now),
    )

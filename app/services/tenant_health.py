"""How well tenants are, for whoever asks: one with its integrations, or all, the worst first."""

from typing import NamedTuple

from app.core.settings import Settings
from app.services.ids import IntegrationId
from app.services.objectives import ObjectiveFacts, find_month_begin
from app.services.office import Office
from app.services.paging import read_cursor, write_cursor
from app.services.tenant_facts import IntegrationFacts, TenantFacts, read_facts
from app.services.throughput import Series, Totals, read_series
from db.health import list_health
from db.tenants import Tenant
from schemas.api import Page
from schemas.health import (
    HealthLine,
    HealthQuery,
    IntegrationHealth,
    ObjectiveShown,
    TenantHealth,
    Throughput,
    ThroughputPoint,
    ThroughputQuery,
    ThroughputTotals,
)


class _Place(NamedTuple):
    place: int
    tenant_id: int


async def read_health(office: Office, tenant: Tenant) -> TenantHealth:
    """As it is now. Raises asyncpg's and OS errors."""
    return show_health(await read_facts(office.database, office.queue, office.settings, tenant), office.settings)


async def list_tenant_health(office: Office, query: HealthQuery, limit: int) -> Page[HealthLine]:
    """All tenants, the worst first. Raises InvalidInputError for a cursor that is none."""
    after = read_cursor(query.cursor, _Place) if query.cursor else _Place(0, 0)
    async with office.database.platform_tx("list_health") as connection:
        rows = await list_health(connection, query.health, after=after, limit=limit + 1)
    shown = [
        HealthLine(
            tenant_id=row.tenant_id,
            name=row.name,
            health_status=row.health,
            worst=_show_id(row.tenant_id, row.worst_integration_id),
            last_sync=row.last_sync,
            customer_count=row.customers,
        )
        for row in rows[:limit]
    ]
    more = write_cursor(_Place(rows[limit - 1].place, rows[limit - 1].tenant_id)) if len(rows) > limit else None
    return Page(data=shown, next_cursor=more)


async def read_throughput(office: Office, tenant_id: int, query: ThroughputQuery) -> Throughput:
    """How much came over the period. Raises asyncpg's and OS errors."""
    series: Series = await read_series(office, tenant_id, query.period, query.stream)
    return Throughput(
        tenant_id=tenant_id,
        period=series.period,
        step_s=series.step_s,
        totals=_show_totals(series.totals),
        streams={name: _show_totals(totals) for name, totals in series.streams.items()},
        points=[ThroughputPoint(at=point.at, **point.totals._asdict()) for point in series.points],
    )


def show_health(facts: TenantFacts, settings: Settings) -> TenantHealth:
    """A tenant's facts, as they are answered."""
    tenant, worst = facts.tenant, facts.worst
    return TenantHealth(
        tenant_id=tenant.tenant_id,
        name=tenant.name,
        type=tenant.type,
        status=tenant.status,
        health_status=facts.health,
        worst=None if worst is None else _show_id(tenant.tenant_id, worst.integration_id),
        last_sync=None if worst is None else worst.last_sync_at,
        customer_count=facts.customers,
        waiting=facts.waiting,
        oldest_s=facts.oldest_s,
        dead_letters=facts.dead_waiting,
        freshness_p50_ms=facts.freshness_p50_ms,
        freshness_p99_ms=facts.freshness_p99_ms,
        objective=_show_objective(facts, facts.objective, settings),
        integrations=[_show_integration(tenant.tenant_id, one) for one in facts.integrations],
    )


def _show_integration(tenant_id: int, facts: IntegrationFacts) -> IntegrationHealth:
    return IntegrationHealth(
        id=str(IntegrationId(tenant_id, facts.integration_id)),
        type=facts.connector,
        name=facts.name,
        account=facts.account,
        status=facts.status,
        status_reason=facts.status_reason,
        health=facts.health,
        rule=facts.rule,
        last_sync=facts.last_sync_at,
        due=facts.due_at,
        late_minutes=round(facts.late_s / 60, 1),
        is_syncing=facts.is_syncing,
        hook_status=facts.hook_status,
        hook_silent_since=facts.silent_since,
        incomplete_since=facts.gap_since,
    )


def _show_objective(facts: TenantFacts, objective: ObjectiveFacts | None, settings: Settings) -> ObjectiveShown | None:
    if objective is None or facts.taken_at is None:
        return None
    return ObjectiveShown(
        percent=objective.percent,
        within_s=settings.objective_within_s,
        month=f"{find_month_begin(facts.taken_at):%Y-%m}",
        counted=objective.month.counted,
        late=objective.month.late,
        waiting_late=objective.waiting,
        kept_percent=objective.kept_percent,
        budget_left=objective.budget_left,
        burn_rates=objective.burn_rates,
        burn=objective.burn,
    )


def _show_totals(totals: Totals) -> ThroughputTotals:
    return ThroughputTotals(**totals._asdict())


def _show_id(tenant_id: int, integration_id: int | None) -> str | None:
    return None if integration_id is None else str(IntegrationId(tenant_id, integration_id))

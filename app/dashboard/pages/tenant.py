"""One tenant: what is happening now, its integrations, limits, features, gaps, syncs and budgets."""

from collections.abc import Sequence
from typing import Any

from app.core.errors import QueueUnavailableError
from app.dashboard.page import Page, View
from app.dashboard.pages.tenant_charts import PERIODS, read_charts, read_period
from app.dashboard.visit import Visit
from app.services.alert_texts import Reader
from app.services.alert_views import list_open_alerts
from app.services.budget_views import AccountBudget, read_tenant_budgets
from app.services.features import list_features
from app.services.ids import IntegrationId
from app.services.ledger import list_tenant_gaps
from app.services.objectives import Objective, read_objective
from app.services.office import Office
from app.services.organizations import get_organization
from app.services.queues import read_queue
from app.services.sync_runs import list_runs
from app.services.tenant_facts import TenantFacts, read_facts
from app.services.tenant_settings import show_settings
from app.services.throughput import Period
from db.tenants import Tenant
from schemas.alerts import Alert
from schemas.queues import TenantQueue
from schemas.syncs import RunsQuery

RUNS_SHOWN = 5
ALERTS_SHOWN = 5


async def show_tenant(visit: Visit) -> View:
    """A look for what is new replaces the upper parts alone, and is spared what the others need."""
    office, tenant = visit.office, visit.get_tenant()
    facts = await read_facts(office.database, office.queue, office.settings, tenant)
    may_see_integrations = visit.may("integrations:read")
    period = read_period(visit.query("period"))
    data = {
        "facts": facts,
        "queue": await _find_queue(office, tenant.tenant_id),
        "charts": None if visit.is_live else await read_charts(visit, period),
        "periods": [(visit.t(f"tenant.period_{one}"), _link_period(visit, one), one == period) for one in PERIODS],
        "objective": None if visit.is_live else await _find_objective(visit),
        "limits": list_limits(facts),
        "features": list_features(tenant.settings),
        "settings": show_settings(tenant),
        "organization": await _find_organization(office, tenant),
        "alerts": await _find_alerts(visit),
        "alerts_shown": ALERTS_SHOWN,
        "gaps": await list_tenant_gaps(office, tenant.tenant_id),
        "may_see_integrations": may_see_integrations,
        "integration_ids": {
            one.integration_id: str(IntegrationId(tenant.tenant_id, one.integration_id)) for one in facts.integrations
        },
        # An account is an integration's: who may not see those is told the id alone.
        "accounts": {
            str(IntegrationId(tenant.tenant_id, one.integration_id)): one.name or one.account
            for one in facts.integrations
            if may_see_integrations
        },
        "runs": await _list_runs(office, tenant.tenant_id) if may_see_integrations and not visit.is_live else [],
        "budgets": await _list_budgets(office, tenant.tenant_id) if may_see_integrations and not visit.is_live else [],
    }
    return View("tenant/show.html", data)


def list_limits(facts: TenantFacts) -> list[tuple[str, int, int, bool]]:
    """What is used of each limit: name, used, limit, whether it is counted in bytes."""
    return [
        ("customers", facts.customers, facts.customers_max, False),
        ("storage", facts.stored_bytes, facts.storage_bytes_max, True),
        ("api_calls", facts.api_calls_today, facts.api_calls_day_max, False),
    ]


async def _find_queue(office: Office, tenant_id: int) -> TenantQueue | None:
    """None while Redis does not answer: the rest of the page stands all the same."""
    try:
        return await read_queue(office, tenant_id)
    except QueueUnavailableError:
        return None


async def _find_objective(visit: Visit) -> Objective | None:
    """None for a type without one, and while Redis does not answer."""
    try:
        objective = await read_objective(visit.office, visit.get_tenant())
    except QueueUnavailableError:
        return None
    return objective if objective.facts is not None else None


def _link_period(visit: Visit, period: Period) -> str:
    return visit.link("tenant.show", period=period) + "#charts"


async def _find_alerts(visit: Visit) -> list[Alert] | None:
    """Open ones, the critical first; None for who may not see them."""
    if not visit.may("alerts:read"):
        return None
    return await list_open_alerts(visit.office, visit.tenant_id, Reader(visit.viewer.language, visit.viewer.zone))


async def _list_budgets(office: Office, tenant_id: int) -> list[AccountBudget]:
    try:
        return await read_tenant_budgets(office, tenant_id)
    except QueueUnavailableError:
        return []


async def _list_runs(office: Office, tenant_id: int) -> Sequence[Any]:
    return (await list_runs(office, tenant_id, RunsQuery(), RUNS_SHOWN)).data


async def _find_organization(office: Office, tenant: Tenant) -> str | None:
    if tenant.organization_id is None:
        return None
    return (await get_organization(office, tenant.organization_id)).name


PAGES = (Page("tenant.show", "/tenants/{tenant_id:int}", "tenant", "tenants:read", show_tenant),)

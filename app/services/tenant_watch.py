"""The facts of all tenants, put down where pages and views find them."""

from collections.abc import Iterable
from datetime import UTC, datetime

from app.services.tenant_facts import TenantFacts
from db.pool import Database
from db.snapshots import IntegrationSnapshot, TenantSnapshot, save_snapshots


async def save_facts(database: Database, facts: Iterable[TenantFacts]) -> None:
    """Of all tenants, read at once. Raises asyncpg's errors."""
    found = list(facts)
    taken_at = max((one.taken_at for one in found if one.taken_at is not None), default=datetime.now(UTC))
    tenants = [take_snapshot(one, taken_at) for one in found]
    integrations = [
        IntegrationSnapshot(
            of.tenant.tenant_id, one.integration_id, one.health, one.rule, one.is_syncing, one.last_sync_at, one.due_at
        )
        for of in found
        for one in of.integrations
    ]
    await save_snapshots(database, taken_at, tenants, integrations)


def take_snapshot(facts: TenantFacts, taken_at: datetime) -> TenantSnapshot:
    """The figures alone."""
    told = facts._asdict()
    figures = {name: told[name] for name in TenantSnapshot._fields if name in told}
    figures |= {
        "tenant_id": facts.tenant.tenant_id,
        "taken_at": taken_at,
        "worst_integration_id": None if facts.worst is None else facts.worst.integration_id,
        "integrations": len(facts.integrations),
    }
    if facts.objective is not None:
        counted, late = facts.objective.month
        figures |= {
            "objective_percent": facts.objective.percent,
            "month_counted": counted + facts.objective.waiting,
            "month_late": late + facts.objective.waiting,
            "burn": facts.objective.burn,
        }
    return TenantSnapshot(**figures)

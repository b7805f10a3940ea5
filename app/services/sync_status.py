"""How current a tenant's integrations are: the document's `sync-status`, and its figures for healthy and not."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from app.services.apply import APPLIED_PREFIX
from app.services.ids import IntegrationId
from app.services.office import Office
from db.activity import list_activity
from db.counters import list_counters
from db.dead_letters import count_waiting_by_integration
from db.integrations import Integration, list_integrations
from schemas.sync_status import Health, IntegrationSyncStatus, SyncStatus

# The document's view: current within two hours is healthy, within a day a warning.
HEALTHY_WITHIN = timedelta(hours=2)
WARNING_WITHIN = timedelta(days=1)
_WORST_FIRST: tuple[Health, ...] = ("critical", "warning", "unknown", "healthy", "paused")


async def read_sync_status(office: Office, tenant_id: int) -> SyncStatus:
    """Of every integration that is not deleted."""
    async with office.database.tenant_tx(tenant_id, "sync_status") as connection:
        integrations = await list_integrations(connection, tenant_id)
        activity = await list_activity(connection, tenant_id)
        counters = await list_counters(connection, tenant_id)
        waiting = await count_waiting_by_integration(connection, tenant_id)
    now = datetime.now(UTC)
    shown = [
        IntegrationSyncStatus(
            id=str(IntegrationId(tenant_id, one.integration_id)),
            type=one.connector,
            status=one.status,
            health=judge_health(one, activity.get(one.integration_id), now),
            last_sync=activity.get(one.integration_id),
            next_sync=None,
            records_synced=counters.get(f"{APPLIED_PREFIX}{one.integration_id}", 0),
            errors=waiting.get(one.integration_id, 0),
            sync_duration_minutes=None,
        )
        for one in integrations
        if one.status != "deleted"
    ]
    return SyncStatus(tenant_id=tenant_id, integrations=shown, overall_status=find_worst(one.health for one in shown))


def judge_health(integration: Integration, last_sync: datetime | None, now: datetime) -> Health:
    """By the document's figures. Refused credentials are critical however fresh the data is: nothing comes any more."""
    if integration.status == "paused":
        return "paused"
    if integration.status == "credentials_refused":
        return "critical"
    if last_sync is None:
        return "unknown"
    age = now - last_sync
    return "healthy" if age <= HEALTHY_WITHIN else "warning" if age <= WARNING_WITHIN else "critical"


def find_worst(found: Iterable[Health]) -> Health:
    """Of several; unknown when there is none."""
    return min(found, key=_WORST_FIRST.index, default="unknown")

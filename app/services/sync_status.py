"""How current a tenant's integrations are: the document's `sync-status`."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from app.services.apply import APPLIED_PREFIX
from app.services.health import find_worst
from app.services.ids import IntegrationId
from app.services.office import Office
from app.services.sync_schedules import find_next_sync
from app.services.tenant_facts import judge_integrations
from db.activity import list_activity
from db.counters import list_counters
from db.dead_letters import count_waiting_by_integration
from db.facts import list_integration_rows
from db.integrations import list_integrations
from db.sync_runs import EndedRun, list_active_runs, list_last_ended
from db.sync_schedules import list_schedules
from db.tenants import Tenant
from schemas.sync_status import IntegrationSyncStatus, SyncStatus


async def read_sync_status(office: Office, tenant: Tenant) -> SyncStatus:
    """Of every integration that is not deleted."""
    tenant_id = tenant.tenant_id
    async with office.database.tenant_tx(tenant_id, "sync_status") as connection:
        integrations = await list_integrations(connection, tenant_id)
        activity = await list_activity(connection, tenant_id)
        counters = await list_counters(connection, tenant_id)
        waiting = await count_waiting_by_integration(connection, tenant_id)
        active = await list_active_runs(connection, tenant_id)
        ended = await list_last_ended(connection, tenant_id)
        schedules = await list_schedules(connection, tenant_id)
        rows = await list_integration_rows(connection, tenant_id)
    # A run of what is paused or refused, or of a tenant that is not served, waits: nothing of it goes on.
    going_on = {
        run.integration_id
        for run in active
        if run.status == "running" and run.paused_at is None and tenant.status == "active"
    }
    now = datetime.now(UTC)
    judged = {one.integration_id: one.health for one in judge_integrations(tenant, rows, office.settings, now)}
    shown = [
        IntegrationSyncStatus(
            id=str(IntegrationId(tenant_id, one.integration_id)),
            type=one.connector,
            status="syncing" if one.status == "active" and one.integration_id in going_on else one.status,
            health=judged.get(one.integration_id, "unknown"),
            last_sync=activity.get(one.integration_id),
            next_sync=find_next_sync(tenant, one, schedules.get(one.integration_id), office.settings, now),
            records_synced=_count_records(ended.get(one.integration_id), counters, one.integration_id),
            # What failed in the run goes the way of events: in the end it is one of the dead letters.
            errors=max(waiting.get(one.integration_id, 0), _count_errors(ended.get(one.integration_id))),
            sync_duration_minutes=_measure_minutes(ended.get(one.integration_id)),
        )
        for one in integrations
        if one.status != "deleted"
    ]
    return SyncStatus(tenant_id=tenant_id, integrations=shown, overall_status=find_worst(one.health for one in shown))


def _count_records(run: EndedRun | None, counters: Mapping[str, int], integration_id: int) -> int:
    return counters.get(f"{APPLIED_PREFIX}{integration_id}", 0) if run is None else run.records


def _count_errors(run: EndedRun | None) -> int:
    return 0 if run is None else run.errors


def _measure_minutes(run: EndedRun | None) -> float | None:
    return None if run is None else round((run.ended_at - run.started_at) / timedelta(minutes=1), 1)

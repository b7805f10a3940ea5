"""How current a tenant's integrations are, in the form that the client's document prints."""

from datetime import datetime
from typing import Literal

from schemas.api import Shown

Health = Literal["healthy", "warning", "critical", "paused", "unknown"]


class IntegrationSyncStatus(Shown):
    """`status`: syncing while a run goes on; else active, paused, credentials_refused. `last_sync`: the last moment at
    which we know that it was current. `next_sync`: when a run begins by itself, null while none will.

    `records_synced`: created, updated and deleted by the last run that ended; before the first one has, by events.
    `errors`: of that run, or its dead letters that wait if those are more. `sync_duration_minutes`: of that run, null
    before the first.
    """

    id: str
    type: str
    status: str
    health: Health
    last_sync: datetime | None
    next_sync: datetime | None
    records_synced: int
    errors: int
    sync_duration_minutes: float | None


class SyncStatus(Shown):
    """`overall_status`: the worst of the integrations that are not paused."""

    tenant_id: int
    integrations: list[IntegrationSyncStatus]
    overall_status: Health

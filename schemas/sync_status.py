"""How current a tenant's integrations are, in the form that the client's document prints."""

from datetime import datetime
from typing import Literal

from schemas.api import Shown

Health = Literal["healthy", "warning", "critical", "paused", "unknown"]


class IntegrationSyncStatus(Shown):
    """`status`: active, paused, credentials_refused. `last_sync`: the last moment at which we know that it was current.
    `records_synced`: changes that it brought in. `errors`: its dead letters that wait. `next_sync`,
    `sync_duration_minutes`: null while there are no scheduled runs."""

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

"""What is known of each tenant once a minute: the figures that health, alerts and the overview are judged by."""

from datetime import datetime
from typing import NamedTuple

from db.tenants import Tenant
from schemas.sync_status import Health


class IntegrationFacts(NamedTuple):
    """One integration that is not deleted.

    `last_sync_at`: the last moment at which it was known to be current. `due_at`: when it should have been at the
    latest, by its schedule; `late_s`: how long that is over, 0 while it is not. `silent_since`: its hook tells nothing
    although orders change. `credentials_expire_at`: None when nobody knows.
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


class TenantFacts(NamedTuple):
    """One tenant that is not deleted. Nothing of it is read from a table that grows with events.

    `health`: of its worst integration, `worst`. `waiting`: events in its queue, retries among them; `oldest_s`: age of
    the oldest, None when none waits. `dead_waiting`: dead letters nobody has looked after, counted up to a limit;
    `dead_recently`: made within the last DEAD_RISING_MINUTES. `freshness_p99_ms`: provider change to queryable, over
    the last 15 minutes, None without events. Limits are the tenant's own or its type's.
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

"""How well tenants and their integrations are, how fresh their data is, and how much came over time."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.api import PageQuery, Query, Shown
from schemas.records import RecordStream
from schemas.sync_status import Health


class IntegrationHealth(Shown):
    """`last_sync`: the last moment at which it was known to be current. `due`: by when it should be again, null where
    nothing brings it by itself; `late_minutes`: how long that is over. `rule`: by what it is judged: its `age` (hourly
    and real time), its `schedule`, or `none`. `incomplete_since`: from when on something may be missing."""

    id: str
    type: str
    name: str
    account: str
    status: str
    status_reason: str | None
    health: Health
    rule: Literal["age", "schedule", "none"]
    last_sync: datetime | None
    due: datetime | None
    late_minutes: float
    is_syncing: bool
    hook_status: str
    hook_silent_since: datetime | None
    incomplete_since: datetime | None


class ObjectiveShown(Shown):
    """A tenant's freshness objective, this month (UTC): `percent` of its changes are to be queryable within `within_s`.
    `counted` changes so far, `late` of them not in time; `waiting_late`: events that wait too long already, counted
    with them. `budget_left`: 1 at the month's begin, 0 when all that may be late is, negative beyond. `burn`: whether
    the budget is being used up too fast now."""

    percent: float
    within_s: float
    month: str
    counted: int
    late: int
    waiting_late: int
    kept_percent: float | None
    budget_left: float
    burn_rates: dict[str, float]
    burn: Literal["fast", "slow"] | None


class TenantHealth(Shown):
    """`health_status`: of its worst integration, which `worst` names. Freshness, from a change at the provider until it
    can be queried, is of the last 15 minutes; null without a change. `objective`: null for a type without one."""

    tenant_id: int
    name: str
    type: str
    status: str
    health_status: Health
    worst: str | None
    last_sync: datetime | None
    customer_count: int
    waiting: int
    oldest_s: float | None
    dead_letters: int
    freshness_p50_ms: float | None
    freshness_p99_ms: float | None
    objective: ObjectiveShown | None
    integrations: list[IntegrationHealth]


class HealthLine(Shown):
    """One tenant of many. `last_sync`: of its worst integration, `worst`."""

    tenant_id: int
    name: str
    health_status: Health
    worst: str | None
    last_sync: datetime | None
    customer_count: int


class HealthQuery(PageQuery):
    """`health`: only those that are so."""

    health: Health | None = Field(None, description="only tenants that are so")


class ThroughputQuery(Query):
    """`period`: up to now. `stream`: that one alone."""

    period: Literal["1h", "24h", "7d", "30d"] = Field("24h", description="1h by minute, 24h by ten, others by hour")
    stream: RecordStream | None = Field(None, description="only this stream")


class ThroughputTotals(Shown):
    """Events by outcome; `synced`: rows that syncs changed. `counted`, `late`: toward the freshness objective.
    Percentiles in ms, null without events: `latency` from acceptance to the commit, `freshness` from the change."""

    events: int
    applied: int
    superseded: int
    duplicate: int
    ignored: int
    dead: int
    synced: int
    counted: int
    late: int
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    freshness_p50_ms: float | None
    freshness_p99_ms: float | None


class ThroughputPoint(ThroughputTotals):
    """`at`: the begin of a step."""

    at: datetime


class Throughput(Shown):
    """`points`: one per step, the oldest first; the last one is not over yet."""

    tenant_id: int
    period: str
    step_s: int
    totals: ThroughputTotals
    streams: dict[str, ThroughputTotals]
    points: list[ThroughputPoint]

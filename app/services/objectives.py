"""The freshness objective: how large a share of a tenant's changes must be queryable in OBJECTIVE_WITHIN_S, a month.

Burn rate: the share that was late over the share that may be; at 1 the budget of a month is used up in just a month. A
burn is on when both of two windows say so: the long one that it matters, the short one that it goes on. The factors are
those that are usual for objectives of a month (The Site Reliability Workbook, ch. 5): 2 % of the budget in an hour, 5 %
in six hours, 10 % in three days.

While the oldest event of a queue waits longer than the objective allows, all that waits with it counts as late already:
a queue is worked off in order. What waits to be tried again counts when it ends.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from app.core.histogram import add_buckets, estimate_percentile_ms
from app.core.queue import Depth
from app.core.settings import Settings
from app.services.office import Office
from app.services.throughput import list_merged
from db.pool import Database
from db.series import Recent, SeriesCounts
from db.tenants import Tenant

Burn = Literal["fast", "slow"]


class BurnWindow(NamedTuple):
    """`factor`: the burn rate that both windows must exceed."""

    short_name: str
    long_name: str
    factor: float
    burn: Burn


BURN_WINDOWS = (
    BurnWindow("5m", "1h", 14.4, "fast"),
    BurnWindow("30m", "6h", 6.0, "fast"),
    BurnWindow("6h", "3d", 1.0, "slow"),
)
WINDOWS = {
    "5m": timedelta(minutes=5),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "3d": timedelta(days=3),
}


class Share(NamedTuple):
    """Of `counted` changes, `late` were not queryable in time."""

    counted: int
    late: int


class ObjectiveFacts(NamedTuple):
    """A tenant's objective, this month (UTC). `percent`: what it is to keep. `month`: so far; `waiting`: events in its
    queue that are late already. `kept_percent`: None without any change yet. `budget_left`: 1 at the month's begin, 0
    when all that the objective allows is late, below when more is. `burn_rates`: by window; `burn`: which is on."""

    percent: float
    month: Share
    waiting: int
    kept_percent: float | None
    budget_left: float
    burn_rates: dict[str, float]
    burn: Burn | None


def find_objective_percent(tenant: Tenant, settings: Settings) -> float | None:
    """None: a trial has none."""
    percents = {"enterprise": settings.objective_enterprise_percent, "business": settings.objective_business_percent}
    return percents.get(tenant.type)


def judge_objective(
    percent: float, month: Share, windows: dict[str, Share], waiting: int, *, late_min: int
) -> ObjectiveFacts:
    """`waiting`: late events that have not ended. They count in the month and in each window. `late_min`: of a long
    window, for a burn to be on: where three changes come an hour, one of them late is no fire."""
    allowed = 1 - percent / 100
    rates = {name: _burn_rate(Share(*share), waiting, allowed) for name, share in windows.items()}
    counted, late = month.counted + waiting, month.late + waiting
    return ObjectiveFacts(
        percent=percent,
        month=month,
        waiting=waiting,
        kept_percent=None if not counted else round(100 * (1 - late / counted), 4),
        budget_left=1.0 if not counted else round(1 - late / (counted * allowed), 4),
        burn_rates=rates,
        burn=_find_burn(rates, {name: share.late + waiting for name, share in windows.items()}, late_min),
    )


def count_waiting_late(depth: Depth | None, settings: Settings) -> int:
    """Events that wait too long already; 0 while the oldest is in time."""
    if depth is None or depth.oldest_ms is None or depth.oldest_ms <= settings.objective_within_s * 1_000:
        return 0
    return depth.waiting


def judge_recent(
    tenant: Tenant, recent: Recent | None, depth: Depth | None, settings: Settings, now: datetime
) -> ObjectiveFacts | None:
    """From what was read of all tenants at once: the long windows are as of the last rolling up, and hold what the last
    hour does at least."""
    percent = find_objective_percent(tenant, settings)
    if percent is None:
        return None
    if recent is None:
        return judge_objective(percent, Share(0, 0), {name: Share(0, 0) for name in WINDOWS}, 0, late_min=1)
    windows = {
        "5m": Share(recent.counted_5m, recent.late_5m),
        "30m": Share(recent.counted_30m, recent.late_30m),
        "1h": Share(recent.counted_1h, recent.late_1h),
        "6h": Share(recent.counted_6h, recent.late_6h),
        "3d": Share(recent.counted_3d, recent.late_3d),
    }
    month, last_hour = Share(recent.month_counted, recent.month_late), windows["1h"]
    windows |= {name: max(windows[name], last_hour) for name in ("6h", "3d")}
    if now - find_month_begin(now) >= WINDOWS["1h"]:
        month = max(month, last_hour)
    waiting = count_waiting_late(depth, settings)
    return judge_objective(percent, month, windows, waiting, late_min=settings.objective_late_min)


class Objective(NamedTuple):
    """One tenant's, exact to the minute. `facts`: None for a type without an objective. Freshness over the month, in
    ms, None without events."""

    within_s: float
    month_began: datetime
    facts: ObjectiveFacts | None
    freshness_p50_ms: float | None
    freshness_p99_ms: float | None


async def read_objective(office: Office, tenant: Tenant) -> Objective:
    """This month's. Raises QueueUnavailableError, asyncpg's and OS errors."""
    depth = await office.queue.depth(tenant.tenant_id)
    return await measure_objective(office.database, office.settings, tenant, depth, datetime.now(UTC))


async def measure_objective(
    database: Database, settings: Settings, tenant: Tenant, depth: Depth | None, now: datetime
) -> Objective:
    """As of `now`; `depth`: of its queue."""
    began = find_month_begin(now)
    since = min(began, now - WINDOWS["3d"])
    rows = await list_merged(database, tenant.tenant_id, since, now)
    month = [row.counts for row in rows if row.at >= began]
    freshness = add_buckets(counts.freshness for counts in month)
    percent = find_objective_percent(tenant, settings)
    facts = None
    if percent is not None:
        windows = {
            name: _add([row.counts for row in rows if row.at > now - length]) for name, length in WINDOWS.items()
        }
        waiting = count_waiting_late(depth, settings)
        facts = judge_objective(percent, _add(month), windows, waiting, late_min=settings.objective_late_min)
    p50, p99 = (estimate_percentile_ms(freshness, share) for share in (0.5, 0.99))
    return Objective(settings.objective_within_s, began, facts, p50, p99)


def find_month_begin(now: datetime) -> datetime:
    """Of the month in UTC."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _add(counts: list[SeriesCounts]) -> Share:
    return Share(sum(one.counted for one in counts), sum(one.late for one in counts))


def _burn_rate(share: Share, waiting: int, allowed: float) -> float:
    counted = share.counted + waiting
    return 0.0 if not counted else round((share.late + waiting) / counted / allowed, 2)


def _find_burn(rates: dict[str, float], late: dict[str, int], late_min: int) -> Burn | None:
    """The fastest that is on."""
    for window in BURN_WINDOWS:
        is_on = min(rates[window.short_name], rates[window.long_name]) >= window.factor
        if is_on and late[window.long_name] >= late_min:
            return window.burn
    return None

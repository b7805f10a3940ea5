"""What was put down of all tenants, as metrics of every worker process.

Each process reads the same rows and tells the same figures: take `max` over the processes. Tenants are named as far as
METRIC_TENANTS_MAX goes, those with the longest queues first; the others are one, `other`.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from app.core.logging import get_logger
from app.core.metric_labels import OTHER
from app.core.metrics import (
    DEAD_WAITING,
    OBJECTIVES,
    QUEUE_OLDEST_SECONDS,
    QUEUE_WAITING,
    TENANTS,
    WATCHED_AGE_SECONDS,
)
from app.services.alerts import tell_open_alerts
from db.failures import is_server_away
from db.snapshots import TenantSnapshot, list_snapshots
from workers.context import DrainContext

HEALTHS = ("healthy", "warning", "critical", "paused", "unknown")
BURNS = ("none", "slow", "fast")

log = get_logger()


async def run_watch_metrics(context: DrainContext) -> None:
    """Every WATCH_INTERVAL_S; what fails is tried again at the next turn."""
    while True:
        try:
            async with context.database.platform_tx("watch_metrics") as connection:
                found = await list_snapshots(connection)
            tell(found, datetime.now(UTC), context.settings.metric_tenants_max)
            await tell_open_alerts(context.database)
        except Exception as error:
            if not is_server_away(error):
                log.exception("watch.not_told")
        await asyncio.sleep(context.settings.watch_interval_s)


def tell(snapshots: Sequence[TenantSnapshot], now: datetime, tenants_max: int) -> None:
    """Sets the gauges."""
    healths: Counter[str] = Counter(one.health for one in snapshots)
    for health in HEALTHS:
        TENANTS.labels(health).set(healths[health])
    burns: Counter[str] = Counter(one.burn or "none" for one in snapshots if one.objective_percent is not None)
    for burn in BURNS:
        OBJECTIVES.labels(burn).set(burns[burn])
    DEAD_WAITING.set(sum(one.dead_waiting for one in snapshots))
    if snapshots:
        WATCHED_AGE_SECONDS.set((now - max(one.taken_at for one in snapshots)).total_seconds())
    _tell_queues(snapshots, tenants_max)


def _tell_queues(snapshots: Sequence[TenantSnapshot], tenants_max: int) -> None:
    """Who has no queue any more must not go on with the last that was told."""
    longest = sorted((one for one in snapshots if one.waiting), key=lambda one: (-one.waiting, one.tenant_id))
    named, others = longest[:tenants_max], longest[tenants_max:]
    QUEUE_WAITING.clear()
    QUEUE_OLDEST_SECONDS.clear()
    for one in named:
        QUEUE_WAITING.labels(str(one.tenant_id)).set(one.waiting)
        QUEUE_OLDEST_SECONDS.labels(str(one.tenant_id)).set(one.oldest_s or 0)
    QUEUE_WAITING.labels(OTHER).set(sum(one.waiting for one in others))
    QUEUE_OLDEST_SECONDS.labels(OTHER).set(max((one.oldest_s or 0 for one in others), default=0))

"""Looks at expired leases and due tenants, in every worker process.

A task of its own and not an arq job: as a job it would wait behind the backlog that it is there to mend.
"""

import asyncio

from app.core.errors import QueueUnavailableError
from app.core.logging import get_logger
from app.core.metrics import LEASES_EXPIRED
from workers.context import DrainContext

log = get_logger()


async def run_sweeper(context: DrainContext) -> None:
    """Every SWEEP_INTERVAL_S at most SWEEP_TENANTS_MAX tenants; again at once while that limit is reached, since
    ten thousand tenants that one outage held would else come back five hundred a tick."""
    settings = context.settings
    while True:
        try:
            sweep = await context.queue.sweep(settings.sweep_tenants_max)
        except QueueUnavailableError:
            await asyncio.sleep(min(1.0, settings.sweep_interval_s))
            continue
        if sweep.looked:
            LEASES_EXPIRED.inc(sweep.looked)
        if sweep.stepped_back:
            log.warning("queue.clock_stepped_back")
        if not sweep.is_limit_reached:
            await asyncio.sleep(settings.sweep_interval_s)

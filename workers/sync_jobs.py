"""The syncer's arq jobs: what starts by the clock. Each may run in any number of processes and starts nothing twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.jobs import make_cron
from app.core.logging import get_logger
from app.services import sync_repairs, sync_schedules
from db.sync_runs import forget_old_runs
from workers.sync_context import SyncContext

JOB_QUEUE = "arq:syncer"
FORGET_BATCH = 1_000
EVERY_10_S = set(range(3, 60, 10))

log = get_logger()


async def start_due_syncs(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """What is due by its schedule."""
    del args, kwargs
    context: SyncContext = ctx["sync"]
    started = await sync_schedules.start_due_syncs(context.database, context.settings, datetime.now(UTC))
    if started:
        log.info("sync.scheduled_started", integrations=started)


async def repair_gaps(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Gaps whose trouble is over for long enough that lists show it."""
    del args, kwargs
    context: SyncContext = ctx["sync"]
    started = await sync_repairs.repair_gaps(context.database, context.settings)
    if started:
        log.info("sync.gap_repairs_started", runs=started)


async def verify_streams(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Streams that were not compared with their provider for a day."""
    del args, kwargs
    context: SyncContext = ctx["sync"]
    started = await sync_repairs.verify_streams(context.database, context.settings)
    if started:
        log.info("sync.verifications_started", runs=started)


async def forget_runs(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Runs that ended long ago."""
    del args, kwargs
    context: SyncContext = ctx["sync"]
    before = datetime.now(UTC) - timedelta(days=context.settings.sync_runs_days)
    while await forget_old_runs(context.database, before, FORGET_BATCH) == FORGET_BATCH:
        pass


def list_functions() -> list[Any]:
    """Jobs that may be enqueued by name."""
    return [start_due_syncs, repair_gaps, verify_streams, forget_runs]


def list_crons() -> list[Any]:
    return [
        make_cron(start_due_syncs, seconds=EVERY_10_S),
        make_cron(repair_gaps, seconds=15),
        make_cron(verify_streams, seconds=35),
        make_cron(forget_runs, minutes={17}),
    ]

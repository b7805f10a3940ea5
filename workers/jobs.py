"""The short arq jobs of the worker process. A failed one is logged and runs again at its next tick."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.jobs import make_cron
from app.core.logging import get_logger
from app.core.settings import Settings
from app.services import tenant_lifecycle
from app.services.alerts import evaluate_alerts
from app.services.dead_letters import append_stuck_replays
from app.services.secret_rotation import retire_unused_secrets
from app.services.series_keeping import keep_series
from app.services.tenant_erasure import erase_due_tenants
from app.services.tenant_facts import read_all_facts
from app.services.tenant_lifecycle import TenantOffice
from app.services.tenant_watch import save_facts
from app.services.waiting_customers import enqueue_all_waiting
from db.bulk_operations import forget_operations
from db.entered_tokens import forget_entered
from db.idempotent_calls import forget_all_old as forget_calls
from db.ledger import keep_event_partitions as keep_partitions
from workers import alert_jobs
from workers.context import DrainContext

JOB_QUEUE = "arq:worker"
PARTITION_DAYS_AHEAD = 7
WATCH_SECOND = 25

log = get_logger()


async def keep_event_partitions(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """The ledger's coming days exist before their events do; days past their time go."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    for done in await keep_partitions(context.database, PARTITION_DAYS_AHEAD, context.settings.ledger_days):
        log.info("ledger.partition", done=done)


async def repeat_stuck_replays(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Replays whose append was lost."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    again = await append_stuck_replays(context.database, context.keyring, context.queue, context.settings)
    if again:
        log.warning("replays.appended_again", replays=again)


async def retire_previous_secrets(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Rotations whose former secret nobody uses any more come to their end."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    await retire_unused_secrets(context.database, context.queue.redis, context.settings, context.keyring)


async def ask_for_waiting_customers(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Customers whom a limit kept out, where there is room now."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    await enqueue_all_waiting(context.database, context.keyring, context.queue, context.settings)


async def expire_trials(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Trials whose time is over."""
    del args, kwargs
    expired = await tenant_lifecycle.expire_trials(_open_office(ctx["drain"]))
    if expired:
        log.info("trials.expired", tenants=expired)


async def erase_deleted_tenants(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Tenants whose grace period is over. What does not end within the job's time goes on with the next run."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    await erase_due_tenants(_open_office(context), context.keyring, context.queue)


async def forget_old_calls(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Answers kept for repeats under an Idempotency-Key whose day is over, and operations that ended long ago."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    await forget_calls(context.database, context.settings.idempotency_hours)
    days = context.settings.bulk_operations_days
    await forget_operations(context.database, datetime.now(UTC) - timedelta(days=days))


async def forget_entered_tokens(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """What checks of credentials brought forth and no integration was made of."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    forgotten = await forget_entered(context.database, context.settings.entered_tokens_days)
    if forgotten:
        log.info("tokens.entered_forgotten", entries=forgotten)


async def keep_hooks(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """What providers were to be told of a tenant's status and were not."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    if context.hooks is not None:
        await tenant_lifecycle.keep_hooks(context.database, context.hooks, context.settings)


async def watch_hooks(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Hooks that providers may have dropped, or somebody else has overwritten."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    if context.watchdog is not None:
        await context.watchdog.run_turn()


async def ask_for_ends(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Until when credentials are valid."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    if context.ends is not None:
        await context.ends.run_turn()


async def watch_tenants(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Every tenant's figures, judged and put down; alerts where somebody must see to something."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    began = datetime.now(UTC)
    facts = await read_all_facts(context.database, context.queue, context.settings)
    await save_facts(context.database, facts)
    await evaluate_alerts(context.database, context.settings, facts, began)


async def roll_up_series(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Figures by minute become figures by hour; those past their time go."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    await keep_series(context.database, context.settings, datetime.now(UTC))


def _open_office(context: DrainContext) -> TenantOffice:
    return TenantOffice(context.database, context.queue.redis, context.settings, context.hooks)


def list_functions() -> list[Any]:
    """Jobs that may be enqueued by name."""
    return [
        keep_event_partitions,
        repeat_stuck_replays,
        retire_previous_secrets,
        ask_for_waiting_customers,
        expire_trials,
        erase_deleted_tenants,
        forget_old_calls,
        forget_entered_tokens,
        keep_hooks,
        watch_hooks,
        ask_for_ends,
        watch_tenants,
        roll_up_series,
        *alert_jobs.FUNCTIONS,
    ]


def list_crons(settings: Settings) -> list[Any]:
    return [
        make_cron(keep_event_partitions, minutes={7}, at_start=True),
        make_cron(repeat_stuck_replays),
        make_cron(retire_previous_secrets, seconds=50),
        make_cron(ask_for_waiting_customers, seconds=10),
        make_cron(expire_trials, seconds=20),
        make_cron(erase_deleted_tenants, seconds=30),
        make_cron(keep_hooks, seconds=40),
        make_cron(watch_hooks, seconds=5),
        make_cron(ask_for_ends, seconds=15),
        make_cron(roll_up_series, minutes=set(range(1, 60, 5)), seconds=35, at_start=True),
        make_cron(watch_tenants, seconds=find_watch_seconds(settings.watch_interval_s), at_start=True),
        make_cron(forget_old_calls, minutes={37}),
        make_cron(forget_entered_tokens, minutes={38}),
        *alert_jobs.list_alert_crons(),
    ]


def find_watch_seconds(interval_s: int) -> set[int]:
    """The seconds of a minute at which tenants are watched; beside the other jobs' where it is once."""
    return {second % 60 for second in range(WATCH_SECOND, WATCH_SECOND + 60, interval_s)}

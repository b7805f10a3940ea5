"""The short arq jobs of the worker process. A failed one is logged and runs again at its next tick."""

from typing import Any

from app.core.jobs import make_cron
from app.core.logging import get_logger
from app.services.dead_letters import append_stuck_replays
from app.services.secret_rotation import retire_unused_secrets
from db.ledger import keep_event_partitions as keep_partitions
from workers.context import DrainContext

JOB_QUEUE = "arq:worker"
PARTITION_DAYS_AHEAD = 7

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


def list_functions() -> list[Any]:
    """Jobs that may be enqueued by name."""
    return [keep_event_partitions, repeat_stuck_replays, retire_previous_secrets]


def list_crons() -> list[Any]:
    return [
        make_cron(keep_event_partitions, minutes={7}, at_start=True),
        make_cron(repeat_stuck_replays),
        make_cron(retire_previous_secrets, seconds=20),
    ]

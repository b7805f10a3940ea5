"""The worker's arq jobs for alerts: the platform's own are judged, messages sent, old ones forgotten."""

from datetime import UTC, datetime
from typing import Any

from app.core.jobs import make_cron
from app.services import alert_cleaning
from app.services.alert_deliveries import Post, send_due
from app.services.platform_alerts import evaluate_platform_alerts
from workers.context import DrainContext


async def watch_platform(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Backups, and whether the queue has lost its memory."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    await evaluate_platform_alerts(context.database, context.settings, datetime.now(UTC))


async def send_alert_messages(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Messages about alerts that are due."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    await send_due(Post(context.settings, context.database, context.keyring))


async def forget_old_alerts(ctx: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """What can be looked at no more."""
    del args, kwargs
    context: DrainContext = ctx["drain"]
    await alert_cleaning.forget_old_alerts(context.database, context.settings, datetime.now(UTC))


FUNCTIONS = (watch_platform, send_alert_messages, forget_old_alerts)


def list_alert_crons() -> list[Any]:
    return [
        make_cron(watch_platform, seconds=25),
        make_cron(send_alert_messages, seconds={8, 23, 38, 53}),
        make_cron(forget_old_alerts, minutes={47}),
    ]

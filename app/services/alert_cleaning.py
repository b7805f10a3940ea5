"""Alerts, messages, deleted channels and reports of backups whose time is over."""

from datetime import datetime, timedelta

from app.core.settings import Settings
from db.alert_channels import forget_channels
from db.alert_deliveries import forget_deliveries
from db.alert_scope import PLATFORM_ID, alerts_tx
from db.alerts import forget_alerts, list_with_old
from db.backups import forget_reports
from db.pool import Database


async def forget_old_alerts(database: Database, settings: Settings, now: datetime) -> None:
    """What was closed, settled or deleted more than ALERT_DAYS ago."""
    before = now - timedelta(days=settings.alert_days)
    async with database.platform_tx("list_old_alerts") as connection:
        tenant_ids = await list_with_old(connection, before)
        await forget_reports(connection, before)
    for tenant_id in [*tenant_ids, PLATFORM_ID]:
        async with alerts_tx(database, tenant_id, "forget_alerts") as connection:
            await forget_deliveries(connection, tenant_id, before)
            await forget_alerts(connection, tenant_id, before)
            await forget_channels(connection, tenant_id, before)

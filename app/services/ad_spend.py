"""What a report's window becomes: rows of ad spend, replaced exactly."""

import asyncpg

from app.connectors.windows import ReportRows
from app.core.errors import MappingError
from app.services.integrations import LiveIntegration
from db.ad_spend import Replaced, SpendPlace, SpendRow, SpendWindow, replace_window


async def store_window(
    connection: asyncpg.Connection, integration: LiveIntegration, told: ReportRows, *, mapper_version: int
) -> Replaced:
    """In the caller's transaction of that tenant. Raises MappingError for rows that are not this window's, or of
    another currency: nothing was written then."""
    currencies = {row.currency for row in told.rows} - {told.currency}
    if currencies:
        raise MappingError("currency", "is not the account's in every row")
    place = SpendPlace(integration.connector, integration.account, told.window.level)
    window = SpendWindow(
        integration.integration_id,
        place,
        told.window.first,
        told.window.last,
        told.currency,
        told.observed_at,
        mapper_version,
        [
            SpendRow(
                row.day, row.campaign_id, row.ad_group_id or "", row.campaign_name, row.ad_group_name, row.cost_minor,
                row.impressions, row.clicks, row.conversions_micros, row.value_minor,
            )
            for row in told.rows
        ],
        told.time_zone,
    )  # fmt: skip
    try:
        return await replace_window(connection, integration.tenant_id, window)
    except ValueError as error:
        raise MappingError("$", str(error)) from None

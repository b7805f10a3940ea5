"""The document's global metrics: true, and read from counters, whatever stands behind them."""

from datetime import UTC, datetime

from app.services.office import Office
from app.services.tenant_limits import GIGABYTE
from db.api_usage import total_api_calls
from db.tenants import find_global_figures
from schemas.tenants import GlobalMetrics


async def read_global_metrics(office: Office) -> GlobalMetrics:
    """`total_api_calls_today`: of the UTC day, as far as it is written (API_USAGE_FLUSH_S behind at most).
    `processing_time_avg_minutes`: of sync runs, None while there are none."""
    figures = await find_global_figures(office.database)
    async with office.database.platform_tx("global_metrics") as connection:
        calls = await total_api_calls(connection, datetime.now(UTC).date())
    return GlobalMetrics(
        total_tenants=figures.tenants,
        total_customers=figures.customers,
        active_integrations=figures.integrations,
        total_api_calls_today=calls,
        storage_used_gb=round(figures.stored_bytes / GIGABYTE, 3),
        processing_time_avg_minutes=None,
    )

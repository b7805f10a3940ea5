"""The document's global metrics: true, and read from counters, whatever stands behind them."""

from contextlib import suppress
from datetime import UTC, datetime

from redis.exceptions import RedisError

from app.core.queue_runner import send_command
from app.services.office import Office
from app.services.tenant_limits import GIGABYTE
from db.api_usage import total_api_calls
from db.tenants import find_global_figures, find_processing_minutes
from schemas.tenants import GlobalMetrics

# One probe per integration is much for a figure that people look at every few seconds and that changes every hour.
PROCESSING_KEY = "global:processing_minutes"
PROCESSING_KEPT_S = 60
_NONE = b"none"


async def read_global_metrics(office: Office) -> GlobalMetrics:
    """`total_api_calls_today`: of the UTC day, as far as it is written (API_USAGE_FLUSH_S behind at most).
    `processing_time_avg_minutes`: of each active integration's last sync run, as of the last minute; None while there
    are none."""
    figures = await find_global_figures(office.database)
    async with office.database.platform_tx("global_metrics") as connection:
        calls = await total_api_calls(connection, datetime.now(UTC).date())
    minutes = await _find_minutes(office)
    return GlobalMetrics(
        total_tenants=figures.tenants,
        total_customers=figures.customers,
        active_integrations=figures.integrations,
        total_api_calls_today=calls,
        storage_used_gb=round(figures.stored_bytes / GIGABYTE, 3),
        processing_time_avg_minutes=None if minutes is None else round(minutes, 2),
    )


async def _find_minutes(office: Office) -> float | None:
    """Kept for PROCESSING_KEPT_S in the cache, whose loss costs a look more."""
    kept: bytes | None = None
    with suppress(RedisError, OSError):
        kept = await send_command(office.cache, "GET", PROCESSING_KEY)
    if kept is not None:
        return None if kept == _NONE else float(kept)
    async with office.database.platform_tx("global_metrics") as connection:
        minutes = await find_processing_minutes(connection)
    with suppress(RedisError, OSError):
        told = _NONE if minutes is None else repr(minutes).encode()
        await send_command(office.cache, "SET", PROCESSING_KEY, told, "EX", PROCESSING_KEPT_S)
    return minutes

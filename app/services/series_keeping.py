"""Minutes become hours, hours become what the objective's long windows hold, and what is past its time goes."""

from datetime import UTC, datetime, timedelta

from app.core.settings import Settings
from app.services.objectives import find_month_begin
from db.pool import Database
from db.series import find_rolled_up, forget_series, roll_up, save_objective_states
from db.tenants import list_tenants

_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ROLLED_AGAIN = timedelta(minutes=15)  # a batch adds to the minute that its transaction began in, not that of its end

ROLLED_AT_ONCE = timedelta(hours=3)  # whole hours: a statement must end within its time, also after days without one


async def keep_series(database: Database, settings: Settings, now: datetime) -> None:
    """Rolls up what has changed since the last time, however long ago that was, as far as minutes are kept."""
    async with database.platform_tx("find_rolled_up") as connection:
        rolled = await find_rolled_up(connection)
    oldest = now - timedelta(days=settings.series_minutes_days)
    since = oldest if rolled is None else max(oldest, min(_EPOCH + rolled * _HOUR, now - ROLLED_AGAIN))
    if since.replace(minute=0, second=0, microsecond=0) < since:
        # An hour whose first minutes are gone must not be written anew from the rest.
        begin = since.replace(minute=0, second=0, microsecond=0)
        since = begin + _HOUR if since == oldest else begin
    tenants = [tenant.tenant_id for tenant in await list_tenants(database) if tenant.status != "deleted"]
    while since < now:
        until = min(now, since + ROLLED_AT_ONCE)
        await roll_up(database, tenants, since, until)
        since = until
    await save_objective_states(database, now, find_month_begin(now))
    hours_before = now - timedelta(days=settings.series_hours_days)
    await forget_series(database, oldest, hours_before)

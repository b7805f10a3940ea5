"""Minutes become hours, hours become what the objective's long windows hold, and what is past its time goes."""

from datetime import UTC, datetime, timedelta

from app.core.settings import Settings
from app.services.objectives import find_month_begin
from db.pool import Database
from db.series import find_rolled_up, forget_series, roll_up, save_objective_states

_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ROLLED_AGAIN = timedelta(hours=2)  # a batch may add to a minute that its transaction began in


async def keep_series(database: Database, settings: Settings, now: datetime) -> None:
    """Rolls up what has changed since the last time, however long ago that was, as far as minutes are kept."""
    async with database.platform_tx("find_rolled_up") as connection:
        rolled = await find_rolled_up(connection)
    oldest = now - timedelta(days=settings.series_minutes_days)
    since = oldest if rolled is None else max(oldest, min(_EPOCH + rolled * _HOUR, now) - ROLLED_AGAIN)
    if since.replace(minute=0, second=0, microsecond=0) < since:
        # An hour whose first minutes are gone must not be written anew from the rest.
        begin = since.replace(minute=0, second=0, microsecond=0)
        since = begin + _HOUR if since == oldest else begin
    await roll_up(database, since, now)
    await save_objective_states(database, now, find_month_begin(now))
    hours_before = now - timedelta(days=settings.series_hours_days)
    await forget_series(database, oldest, hours_before)

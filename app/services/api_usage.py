"""API calls a day (UTC): counted in the cache Redis, where all processes see them, and written to Postgres in batches.

A cache that was lost begins again with what is written. Without the cache calls are counted but not limited: a limit
must not be what takes the API away.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import NamedTuple, cast

from redis.exceptions import NoScriptError, RedisError

from app.core.logging import get_logger
from app.services.office import Office
from db import api_usage as db_usage

_SCRIPT = files("app.core").joinpath("count_daily.lua").read_text(encoding="utf-8")

log = get_logger()


class DayUsage(NamedTuple):
    """`used`: calls of today, this one too if it was counted. `resets_in_s`: until the day is over."""

    limit: int
    used: int
    is_over: bool
    resets_in_s: int


class ApiUsage:
    """One per process; `run` writes what it counted."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._sha: str | None = None
        self._unwritten: Counter[tuple[int, date]] = Counter()

    async def count(self, tenant_id: int, limit: int) -> DayUsage:
        """Counts one call, unless the limit is reached. Raises asyncpg's errors."""
        now = datetime.now(UTC)
        day = now.date()
        try:
            used, is_counted = await self._count(tenant_id, day, limit)
        except (RedisError, OSError, TimeoutError):
            used, is_counted = 0, True
        if is_counted:
            self._unwritten[tenant_id, day] += 1
        midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
        return DayUsage(limit, used, not is_counted, max(1, int((midnight - now).total_seconds())))

    async def run(self) -> None:
        """Writes every API_USAGE_FLUSH_S, for ever."""
        while True:
            await asyncio.sleep(self._office.settings.api_usage_flush_s)
            try:
                await self.flush()
            except Exception as error:
                log.warning("api_usage.not_written", error=type(error).__name__)

    async def flush(self) -> None:
        """Writes what was counted; what cannot be written now is kept for the next time."""
        calls, self._unwritten = self._unwritten, Counter()
        if not calls:
            return
        try:
            async with self._office.database.platform_tx("api_usage") as connection:
                await db_usage.add_api_calls(connection, calls)
        except BaseException:
            self._unwritten.update(calls)
            raise

    async def _count(self, tenant_id: int, day: date, limit: int) -> tuple[int, bool]:
        used, is_counted = await self._run_script(tenant_id, day, limit, "")
        if used < 0:
            async with self._office.database.tenant_tx(tenant_id, "api_usage") as connection:
                written = await db_usage.find_api_calls(connection, tenant_id, day)
            used, is_counted = await self._run_script(tenant_id, day, limit, str(written))
        return used, is_counted

    async def _run_script(self, tenant_id: int, day: date, limit: int, seed: str) -> tuple[int, bool]:
        cache = self._office.cache
        for _ in range(2):
            if self._sha is None:
                self._sha = await cache.script_load(_SCRIPT)
            try:
                asked = cache.evalsha(self._sha, 1, f"api_calls:{day:%Y%m%d}", str(tenant_id), str(limit), seed)
                used, is_counted = await cast("Awaitable[list[int]]", asked)
            except NoScriptError:
                self._sha = None
                continue
            return int(used), bool(is_counted)
        raise RedisError("the script of daily counts could not be kept loaded")

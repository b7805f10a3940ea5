"""What is happening now, for the screen: read from the queue, the ledger's totals and the latency histogram."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import NamedTuple

from asyncpg.exceptions import InterfaceError, PostgresError
from redis.exceptions import RedisError

from app.core.errors import AcequiaError
from app.core.latency import LatencyRecorder, Percentiles
from app.core.queue import Queue
from app.core.redis import connect_redis
from app.core.settings import Settings
from db import ledger
from db.pool import Database

LATENCY_MINUTES = 2
READ_TIMEOUT_S = 3.0


class TenantCounters(NamedTuple):
    accepted: int
    waiting: int


class Counters(NamedTuple):
    """`outcomes`: today's ledger rows by outcome. `waiting`: events in the queue, those to be retried included."""

    tenants: Mapping[int, TenantCounters]
    outcomes: Mapping[str, int]
    latency_ms: Percentiles

    @property
    def accepted(self) -> int:
        return sum(tenant.accepted for tenant in self.tenants.values())

    @property
    def waiting(self) -> int:
        return sum(tenant.waiting for tenant in self.tenants.values())


class CounterReader:
    """Connects when first asked, and again after an error: the servers it asks may be killed and started again."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._resources: AsyncExitStack | None = None
        self._read: Callable[[], Awaitable[Counters]] | None = None

    async def read(self) -> Counters | None:
        """None when a server does not answer now."""
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                if self._read is None:
                    self._read = await self._connect()
                return await self._read()
        except (OSError, TimeoutError, RedisError, PostgresError, InterfaceError, AcequiaError):
            await self.close()
            return None

    async def close(self) -> None:
        resources, self._resources, self._read = self._resources, None, None
        if resources is not None:
            with suppress(Exception):  # what is closed was lost
                await resources.aclose()

    async def _connect(self) -> Callable[[], Awaitable[Counters]]:
        settings = self._settings()
        resources = self._resources = AsyncExitStack()
        redis = connect_redis(settings.get_url("redis_url"), socket_timeout_s=READ_TIMEOUT_S, connections_max=4)
        resources.push_async_callback(redis.aclose)
        database = await Database.open(settings, application_name="acequia up")
        resources.callback(database.terminate)
        queue, latency = Queue(redis), LatencyRecorder(redis)
        await queue.load()

        async def read() -> Counters:
            depths = await queue.depths()
            totals = await ledger.total_all_events(database, datetime.now(UTC).date())
            outcomes: Counter[str] = Counter()
            for tenant in totals.values():
                outcomes.update(tenant)
            tenants = {
                tenant_id: TenantCounters(depth.accepted, depth.waiting + depth.retrying)
                for tenant_id, depth in depths.items()
            }
            return Counters(tenants, outcomes, await latency.read(LATENCY_MINUTES))

        return read

"""Refusals kept to be shown: counted by day, tenant, kind and reason, and the last ones of each tenant.

Counted in memory and written in the background once a second; a count that a crash loses is a figure on a page, never
an event. Redis: hash `refusals:{YYYYMMDD}` (`{tenant}|{kind}|{reason}` → count, kept 35 days) and list
`refusals:last:{tenant}`, newest first, kept as long. Tenant 0 stands for calls whose token belongs to nobody.
However many are refused, a flush writes at most REFUSALS_KEPT of a tenant, and only those are put into words.
"""

import asyncio
from collections import Counter, deque
from datetime import UTC, datetime
from typing import NamedTuple

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.addresses import coarsen_address
from app.core.metric_labels import TENANT_NAMES
from app.receiver.metrics import CALLS

NOBODY = 0
FLUSH_INTERVAL_S = 1.0
DAYS_KEPT = 35
TENANTS_BUFFERED_MAX = 10_000


class _Refusal(NamedTuple):
    at: datetime
    kind: str
    reason: str
    field: str | None
    client: tuple[str, int] | None

    def tell(self) -> bytes:
        """Of the address no more than the network: whose calls these are, and not from which line."""
        told = {"at": self.at.isoformat(timespec="milliseconds"), "kind": self.kind, "reason": self.reason}
        if self.field is not None:
            told["field"] = self.field
        if self.client is not None:
            told["from"] = coarsen_address(self.client[0])
        return orjson.dumps(told)


class Refusals:
    """One per process. `kept`: how many of the last ones are shown per tenant."""

    def __init__(self, redis: Redis, *, kept: int) -> None:
        self._redis = redis
        self._kept = kept
        self._counts: Counter[tuple[str, str]] = Counter()
        self._last: dict[int, deque[_Refusal]] = {}

    def note(
        self,
        tenant_id: int,
        kind: str,
        reason: str,
        field: str | None = None,
        *,
        client: tuple[str, int] | None = None,
    ) -> None:
        """Counts one refusal. `reason` and `field` are words of ours: nothing that was sent may stand in them."""
        CALLS.labels(TENANT_NAMES.get(tenant_id), kind, reason).inc()
        now = datetime.now(UTC)
        self._counts[f"refusals:{now:%Y%m%d}", f"{tenant_id}|{kind}|{reason}"] += 1
        last = self._last.get(tenant_id)
        if last is None:
            if len(self._last) >= TENANTS_BUFFERED_MAX:
                return
            last = self._last[tenant_id] = deque(maxlen=self._kept)
        last.append(_Refusal(now, kind, reason, field, client))

    async def run(self) -> None:
        """Writes for ever."""
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            await self.flush()

    async def flush(self) -> None:
        """Writes what was noted; what cannot be written now is kept for the next time."""
        counts, self._counts = self._counts, Counter()
        last, self._last = self._last, {}
        if not counts:
            return
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                for (day, field), count in counts.items():
                    pipe.hincrby(day, field, count)
                for day in {day for day, _ in counts}:
                    pipe.expire(day, DAYS_KEPT * 86_400)
                for tenant_id, shown in last.items():
                    if shown:
                        pipe.lpush(f"refusals:last:{tenant_id}", *(refusal.tell() for refusal in shown))
                        pipe.ltrim(f"refusals:last:{tenant_id}", 0, self._kept - 1)
                        pipe.expire(f"refusals:last:{tenant_id}", DAYS_KEPT * 86_400)
                await pipe.execute()
        except (RedisError, OSError, TimeoutError):
            self._keep(counts, last)

    def _keep(self, counts: Counter[tuple[str, str]], last: dict[int, deque[_Refusal]]) -> None:
        self._counts.update(counts)
        for tenant_id, shown in last.items():
            newer = self._last.get(tenant_id, deque(maxlen=self._kept))
            self._last[tenant_id] = deque([*shown, *newer], maxlen=self._kept)

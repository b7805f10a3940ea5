"""What is happening now: queues, today's outcomes, latency, dead letters, gaps and refusals, per tenant."""

from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple

from redis.asyncio import Redis

from app.core.latency import LatencyRecorder, Percentiles
from app.core.queue import Depth, Queue
from app.core.queue_runner import send_command
from db.dead_letters import count_waiting
from db.gaps import list_all_gaps
from db.integrations import list_all_integrations
from db.ledger import total_all_events
from db.pool import Database
from db.tenants import list_tenants

LATENCY_MINUTES = 15


class TenantStatus(NamedTuple):
    """One tenant. `outcomes`, `refusals`: today's (UTC). `gaps`: `stream of integration since time`."""

    tenant_id: int
    name: str
    status: str
    queue: Depth
    outcomes: dict[str, int]
    dead_letters: int
    refusals: dict[str, int]
    integrations: dict[str, str]
    gaps: list[str]


class Status(NamedTuple):
    """`latency_ms`: acceptance to after COMMIT over the last LATENCY_MINUTES."""

    tenants: list[TenantStatus]
    latency_ms: Percentiles

    @property
    def waiting(self) -> int:
        return sum(tenant.queue.waiting + tenant.queue.retrying for tenant in self.tenants)


async def read_status(database: Database, queue: Queue, cache: Redis) -> Status:
    """Raises QueueUnavailableError, asyncpg's and OS errors."""
    today = datetime.now(UTC).date()
    tenants = await list_tenants(database)
    totals = await total_all_events(database, today)
    integrations = await list_all_integrations(database)
    gaps = await list_all_gaps(database)
    depths = await queue.depths()
    refusals = await read_refusals(queue.redis)
    found: list[TenantStatus] = []
    for tenant in tenants:
        tenant_id = tenant.tenant_id
        async with database.tenant_tx(tenant_id, "status") as connection:
            dead = await count_waiting(connection, tenant_id)
        own_gaps = [gap for gap in gaps if gap.tenant_id == tenant_id]
        found.append(
            TenantStatus(
                tenant_id=tenant_id,
                name=tenant.name,
                status=tenant.status,
                queue=depths.get(tenant_id, Depth(0, 0, None, "none", 0)),
                outcomes={str(outcome): count for outcome, count in totals.get(tenant_id, {}).items()},
                dead_letters=dead,
                refusals=refusals.get(tenant_id, {}),
                integrations={
                    f"{one.connector}/{one.account}": one.status for one in integrations if one.tenant_id == tenant_id
                },
                gaps=[f"{gap.stream} of {gap.integration_id} since {gap.gap_since.isoformat()}" for gap in own_gaps],
            )
        )
    return Status(found, await LatencyRecorder(cache).read(LATENCY_MINUTES))


async def read_refusals(redis: Redis, day: datetime | None = None) -> dict[int, dict[str, int]]:
    """Tenant → `kind reason` → calls refused on that day. Tenant 0: calls whose token belongs to nobody."""
    moment = day or datetime.now(UTC)
    counts: dict[bytes, bytes] = await send_command(redis, "HGETALL", f"refusals:{moment:%Y%m%d}")
    found: dict[int, Counter[str]] = {}
    for field, count in counts.items():
        tenant_id, kind, reason = field.decode().split("|")
        found.setdefault(int(tenant_id), Counter())[f"{kind} {reason}"] += int(count)
    return {tenant_id: dict(reasons) for tenant_id, reasons in found.items()}

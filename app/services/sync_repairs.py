"""Repairs that start by themselves: where a gap is marked, and where nothing was compared for a day.

Any number of processes may call these at once: a repair that goes on is not started again. One that failed, and one
that a person cancelled, rests for SYNC_REPAIR_RETRY_H.
"""

from datetime import UTC, datetime, timedelta

from app.connectors.registry import list_connectors
from app.core.settings import Settings
from app.services.sync_requests import SyncRequest, list_syncable_streams, request_sync
from db.integrations import find_integration
from db.pool import Database
from db.sync_repairs import list_repairable_gaps, list_unverified_streams
from db.sync_runs import SyncTrigger, list_active_streams, lock_syncs
from schemas.records import StreamName

REPAIRS_PER_TICK = 100
VERIFICATIONS_PER_TICK = 20
STARTED_BY = "system:repairs"


async def repair_gaps(database: Database, settings: Settings) -> int:
    """Starts repairs of gaps that were marked long enough ago; how many. Orders are compared from before the gap on,
    since what changed in it may have been created earlier; customers all of them."""
    now = datetime.now(UTC)
    quiet_since = now - timedelta(seconds=settings.sync_repair_delay_s)
    rests_since = now - timedelta(hours=settings.sync_repair_retry_h)
    connectors = [name for name in list_connectors() if list_syncable_streams(name)]
    started = 0
    for gap in await list_repairable_gaps(database, connectors, quiet_since, rests_since, REPAIRS_PER_TICK):
        since = gap.gap_since - timedelta(days=settings.sync_trailing_days) if gap.stream == "orders" else None
        started += await _start(database, (gap.tenant_id, gap.integration_id), gap.stream, "repair", since)
    return started


async def verify_streams(database: Database, settings: Settings) -> int:
    """Starts comparisons of streams that were not compared for SYNC_VERIFY_EVERY_H; how many."""
    now = datetime.now(UTC)
    verified_before = now - timedelta(hours=settings.sync_verify_every_h)
    quiet_since = now - timedelta(seconds=settings.sync_repair_delay_s)
    rests_since = now - timedelta(hours=settings.sync_repair_retry_h)
    found = await list_unverified_streams(database, verified_before, quiet_since, rests_since, VERIFICATIONS_PER_TICK)
    return sum(
        [await _start(database, (one.tenant_id, one.integration_id), one.stream, "schedule", None) for one in found]
    )


async def _start(
    database: Database,
    place: tuple[int, int],
    stream: StreamName,
    trigger: SyncTrigger,
    since: datetime | None,
) -> bool:
    async with database.tenant_tx(place[0], "start_repair") as connection:
        integration = await find_integration(connection, *place)
        if integration is None or stream not in list_syncable_streams(integration.connector):
            return False
        await lock_syncs(connection, *place)
        active = await list_active_streams(connection, *place)
        if any(one.kind == "repair" and one.stream == stream for one in active):
            return False
        request = SyncRequest("repair", trigger, STARTED_BY, "low", (stream,), since)
        return (await request_sync(connection, integration, request)).outcome == "queued"

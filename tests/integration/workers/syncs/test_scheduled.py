"""Syncs that begin by the clock, worked on by a syncer: the first one whole, the next by what has changed."""

import asyncio
from datetime import UTC, datetime, timedelta

from db.sync_runs import SyncRun, list_runs
from tests.integration.workers.syncs.conftest import SyncWorks
from tests.integration.workers.works import ACME, until
from workers.sync_context import SyncContext
from workers.sync_jobs import start_due_syncs


async def pass_time(syncs: SyncWorks, context: SyncContext) -> None:
    """Acme's next sync is due, and several syncers see it."""
    await start_due_syncs({"sync": context})
    await syncs.works.superuser.execute(
        "UPDATE sync_schedules SET next_sync_at = $2 WHERE tenant_id = $1", ACME, datetime.now(UTC) - timedelta(hours=3)
    )
    await asyncio.gather(*(start_due_syncs({"sync": context}) for _ in range(4)))


async def wait_for_runs(syncs: SyncWorks, count: int) -> list[SyncRun]:
    """Acme's, the newest first, when so many have ended."""

    async def find() -> list[SyncRun] | None:
        async with syncs.works.database.tenant_tx(ACME, "test") as connection:
            runs = await list_runs(connection, ACME)
        return runs if len(runs) >= count and all(run.ended_at for run in runs) else None

    return await until(find, 60.0) or []


async def test_what_is_due_begins_once_and_ends_with_the_stores_state(syncs: SyncWorks) -> None:
    await syncs.stock(customers=20, orders=30)
    async with syncs.syncer() as context:
        await pass_time(syncs, context)
        [first] = await wait_for_runs(syncs, 1)
        assert (first.kind, first.trigger, first.status) == ("full", "creation", "succeeded")
        assert len(await syncs.list_held("order")) == 30
        order = await syncs.works.change_order()
        await pass_time(syncs, context)
        [second, _] = await wait_for_runs(syncs, 2)
    assert (second.kind, second.trigger, second.status) == ("incremental", "schedule", "succeeded")
    assert order.order_id in await syncs.list_held("order")

"""A run says that its integration is current when all of it was read, and says nothing otherwise."""

from datetime import UTC, datetime

from tests.integration.workers.syncs.conftest import SyncWorks
from tests.integration.workers.works import ACME, VTEX


async def read_last_sync(syncs: SyncWorks) -> datetime | None:
    last: datetime | None = await syncs.works.superuser.fetchval(
        "SELECT max(last_synced_at) FROM integration_activity WHERE tenant_id = $1 AND integration_id = $2", ACME, VTEX
    )
    return last


async def test_a_run_that_finds_nothing_says_so_too(syncs: SyncWorks) -> None:
    await syncs.stock(customers=3, orders=3)
    await syncs.sync("full")
    first = await read_last_sync(syncs)
    assert first is not None
    await syncs.works.superuser.execute("UPDATE integration_activity SET last_synced_at = now() - interval '1 day'")
    streams = await syncs.sync("incremental")
    last = await read_last_sync(syncs)
    assert sum(stream.created + stream.updated for stream in streams.values()) == 0
    assert last is not None
    assert first < last


async def test_a_run_of_which_one_stream_fails_says_nothing(syncs: SyncWorks) -> None:
    await syncs.stock(customers=3, orders=30)
    await syncs.works.break_calls("status", status=500, route="scroll_CL")
    async with syncs.syncer(sync_failures_max=1, breaker_failures=1_000):
        run, streams = await syncs.wait(await syncs.start("full"))
    assert (run.status, streams["orders"].status, streams["customers"].status) == ("partial", "succeeded", "failed")
    assert streams["orders"].created == 30, "its pages were written"
    assert await read_last_sync(syncs) is None


async def test_a_repair_of_some_days_alone_says_nothing_of_the_others(syncs: SyncWorks) -> None:
    await syncs.stock(customers=1, orders=1)
    until = datetime.now(UTC)
    await syncs.sync("repair", since=until.replace(hour=0), until=until)
    assert await read_last_sync(syncs) is None
    await syncs.sync("repair")
    assert await read_last_sync(syncs) is not None

"""What happens every few seconds beside the drains: gap marks, the directory, and a Redis that lost its memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

import workers.upkeep
from app.core.directory import ENDPOINTS_KEY, GENERATION_KEY
from app.core.ending import end_tasks
from app.services.endpoints import create_endpoint
from tests.integration.workers.works import ACME, BRAND, GLOBEX, VTEX, Works, until
from workers.context import DrainContext
from workers.upkeep import run_upkeep

Gap = tuple[int, int, str, str]


@asynccontextmanager
async def keep_up(works: Works) -> AsyncIterator[DrainContext]:
    """A worker with its upkeep, every 50 ms."""
    async with works.worker(memory_tick_s=0.05) as context:
        upkeep = asyncio.create_task(run_upkeep(context))
        try:
            yield context
        finally:
            assert not upkeep.done()
            assert not await end_tasks([upkeep], timeout_s=10)


async def read_gaps(works: Works) -> list[Gap]:
    rows = await works.superuser.fetch(
        "SELECT tenant_id, integration_id, stream, reason FROM gaps ORDER BY tenant_id, integration_id, stream"
    )
    return [tuple(row) for row in rows]


async def wait_for_ticks(works: Works, more: int = 3) -> None:
    async def count() -> int:
        return int(await works.superuser.fetchval("SELECT coalesce(max(ticks), 0) FROM queue_ticks"))

    wanted = await count() + more

    async def are_there() -> bool:
        return await count() >= wanted

    await until(are_there)


async def test_gap_marks_travel_from_redis_to_postgres_the_earliest_stands(works: Works) -> None:
    first, second = datetime(2026, 11, 23, 10, tzinfo=UTC), datetime(2026, 11, 23, 11, tzinfo=UTC)
    await works.redis.hset("gaps", f"{ACME}|{VTEX}|orders", first.isoformat())  # type: ignore[misc]
    await works.redis.hset("gaps", f"{GLOBEX}|{BRAND}|customers", second.isoformat())  # type: ignore[misc]
    async with keep_up(works):

        async def are_moved() -> bool:
            return not await works.redis.exists("gaps")

        await until(are_moved)
        await works.redis.hset("gaps", f"{ACME}|{VTEX}|orders", second.isoformat())  # type: ignore[misc]
        await until(are_moved)
    rows = await works.superuser.fetch("SELECT tenant_id, integration_id, stream, gap_since FROM gaps ORDER BY 1")
    assert [tuple(row) for row in rows] == [(ACME, VTEX, "orders", first), (GLOBEX, BRAND, "customers", second)]


async def wipe(works: Works) -> None:
    """Redis loses everything while a worker keeps house."""
    keys = await works.keys_of(ACME)
    await create_endpoint(
        works.office, works.redis, works.settings(), keys,
        integration_id=VTEX, kind="order_hook", accounts=[works.accounts[ACME]],
    )  # fmt: skip
    await works.superuser.execute("UPDATE tenants SET worker_group = 'vip' WHERE tenant_id = $1", GLOBEX)
    async with keep_up(works) as context:
        await wait_for_ticks(works)
        assert await read_gaps(works) == []
        await works.redis.flushall()

        async def is_noticed() -> bool:
            return len(await read_gaps(works)) == 8

        await until(is_noticed, timeout_s=1.5)
        assert await works.redis.exists(GENERATION_KEY, ENDPOINTS_KEY) == 2
        await wait_for_ticks(works)

        assert await context.queue.list_groups() == {GLOBEX: "vip"}

        order = await works.change_order()
        await works.wait_for(await works.append(works.hint(order)))


async def test_a_wiped_redis_is_noticed_published_again_and_marked_for_every_integration(works: Works) -> None:
    await wipe(works)
    streams = [(tenant, one, stream) for tenant in (ACME, GLOBEX) for one in (VTEX, BRAND)
               for stream in ("customers", "orders")]  # fmt: skip
    assert await read_gaps(works) == [(*stream, "queue_memory_lost") for stream in streams]


async def test_without_the_tick_a_wiped_redis_looks_like_a_quiet_day(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def notice_nothing(context: DrainContext) -> bool:
        del context
        return False

    monkeypatch.setattr(workers.upkeep, "notice_lost_memory", notice_nothing)
    await works.superuser.execute("INSERT INTO queue_ticks VALUES ('queue', 5)")
    keep = asyncio.ensure_future(_keep_and_wipe(works))
    with pytest.raises(TimeoutError):
        await keep


async def _keep_and_wipe(works: Works) -> None:
    async with keep_up(works):
        await works.redis.flushall()

        async def is_noticed() -> bool:
            return bool(await read_gaps(works))

        await until(is_noticed, timeout_s=0.5)


async def test_a_redis_of_an_older_day_is_noticed_too(works: Works) -> None:
    """Restored from a copy: its count stands behind Postgres's by more than the two that a crash may cost."""
    async with keep_up(works):
        await wait_for_ticks(works, 6)
        await works.redis.set("tick:queue", 1)

        async def is_noticed() -> bool:
            return bool(await read_gaps(works))

        await until(is_noticed, timeout_s=1.5)


async def test_a_first_start_is_no_loss(works: Works) -> None:
    async with keep_up(works):
        await wait_for_ticks(works, 6)
    assert await read_gaps(works) == []


async def test_a_directory_that_was_never_published_is_published_by_the_upkeep(works: Works) -> None:
    keys = await works.keys_of(ACME)
    await create_endpoint(
        works.office, works.redis, works.settings(), keys, integration_id=BRAND, kind="inline", accounts=["brand"]
    )
    await works.redis.delete(GENERATION_KEY, ENDPOINTS_KEY)
    async with keep_up(works):

        async def is_published() -> bool:
            return int(await works.redis.exists(GENERATION_KEY, ENDPOINTS_KEY)) == 2

        await until(is_published)

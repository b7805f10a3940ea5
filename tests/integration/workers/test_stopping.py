"""SIGTERM to a real worker process: what is in hand is refunded or committed, and its leases are given back."""

import asyncio
import signal
import time
from pathlib import Path

import pytest

from app.core.queue import Queue
from tests.integration.workers.processes import start_worker
from tests.integration.workers.works import ACME, GLOBEX, Row, Works, count_outcomes, until

pytestmark = pytest.mark.kill


async def test_a_stopped_worker_refunds_what_it_has_in_hand_and_gives_its_leases_back(
    works: Works, tmp_path: Path
) -> None:
    await works.break_calls("slow", delay_ms=6_000)
    orders = [await works.change_order() for _ in range(5)]
    theirs = await works.change_order(tenant_id=GLOBEX)
    async with start_worker(
        works, tmp_path, provider_call_timeout_s=8, drain_slice_ms=2_000, stop_timeout_s=3, lease_ms=15_000
    ) as worker:
        done = await works.append(works.hint(theirs, GLOBEX), tenant_id=GLOBEX)
        await works.wait_for(done, GLOBEX, timeout_s=20)
        ids = await works.append(*(works.hint(order) for order in orders))

        async def are_in_hand() -> bool:
            return int(await works.redis.hlen(f"t:{ACME}:reads")) == 5  # type: ignore[misc]

        await until(are_in_hand)
        started_at = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.wait(), 5) == 0
        assert time.monotonic() - started_at < 3.5
    left = {key.decode() async for key in works.redis.scan_iter("t:*")}
    assert left - {f"t:{GLOBEX}:events"} == {f"t:{ACME}:events"}, "reads, tries or parked events are left"
    assert not await works.redis.exists("leased", "runs", "hold")
    queue = Queue(works.redis)
    assert (await queue.depths())[ACME].where == "ready"
    await queue.close()
    assert await works.read_ledger() == {}

    await works.mend_calls()
    async with works.worker():
        rows = await works.wait_for(ids)
        await works.wait_for_rest()
    assert set(rows.values()) == {Row("applied", None, 1)}


async def test_what_was_parked_before_the_stop_is_read_again(works: Works, tmp_path: Path) -> None:
    """A fetch that outlived its slice dies with its process; its events are due by themselves."""
    order = await works.change_order()
    await works.break_calls("slow", delay_ms=5_000, calls=1)
    async with start_worker(
        works, tmp_path, provider_call_timeout_s=1.5, drain_slice_ms=200, stop_timeout_s=3
    ) as worker:
        ids = await works.append(works.hint(order))

        async def is_parked() -> bool:
            return bool(await works.redis.exists(f"t:{ACME}:parked"))

        await until(is_parked, timeout_s=20)
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.wait(), 5) == 0
    async with works.worker():
        rows = await works.wait_for(ids)
        await works.wait_for_rest()
    assert count_outcomes(rows) == {"applied": 1}

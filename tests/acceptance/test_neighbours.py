"""P5: one tenant with 50,000 waiting events does not delay fifty small ones, and what keeps it so is the turns."""

import asyncio
import time
from collections.abc import AsyncIterator
from random import Random
from typing import NamedTuple

import pytest

from app.core.ending import end_tasks
from app.core.queue import Queue
from app.core.sealing import TenantKeys
from scripts.stack.child import wait_until
from scripts.stack.demo import Office
from scripts.stack.procfile import read_procfile
from scripts.stack.stack import Stack
from tests.acceptance.killing import choose_seed
from tests.acceptance.neighbours import WHALE, Stopwatch, fill, open_office, settle_in
from tests.acceptance.sandbox import Traffic, open_sandbox
from tests.acceptance.stacks import exchange, make_sabotaged, start_stack
from tests.acceptance.telling import tell

pytestmark = pytest.mark.kill

WHALE_EVENTS = 50_000
SMALL = range(2, 52)
SMALL_RATE = 50.0  # an event a second each
ONE_LOOP_RATE = 30.0  # what one loop has turns for, with room for a slow machine
P99_MAX_S = 2.0
LATE_MAX_S = 3.0  # how long after the last call its event is waited for
ONE_LOOP = {"drain_loops": 1, "drain_slice_ms": 500}


class Town(NamedTuple):
    stack: Stack
    office: Office
    queue: Queue
    whale: TenantKeys
    random: Random


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A stack whose only tenants are the whale and its small neighbours; two workers with all default settings.

    The tests run in the order of this file: each of the later ones puts other workers in the place of what it finds.
    """
    random = Random(choose_seed())
    async with (
        start_stack(tmp_path_factory.mktemp("neighbours"), counts={"worker": 2}, has_demo=False) as stack,
        open_office(stack) as office,
    ):
        queue = Queue(office.redis)
        yield Town(stack, office, queue, await settle_in(stack, office, SMALL), random)
        await queue.close()


async def measure_small_ones(town: Town, seconds: float, rate: float = SMALL_RATE) -> float:
    """p99, in seconds, from acceptance to a visible row of the small ones' events while the whale drains."""
    queue = town.queue
    waiting = (await queue.depth(WHALE)).waiting
    await fill(queue, town.whale, WHALE_EVENTS - waiting, town.random)
    await queue.resume(WHALE)
    async with asyncio.timeout(10):
        while (await queue.depth(WHALE)).waiting >= WHALE_EVENTS:  # noqa: ASYNC110 - a poll of another process
            await asyncio.sleep(0.02)
    watch = Stopwatch(town.stack.database_urls["postgres"], list(SMALL))
    looking = asyncio.create_task(watch.run())
    async with open_sandbox(town.stack) as sandbox:
        traffic = await Traffic.start(
            sandbox,
            events=int(seconds * rate),
            rate=rate,
            seed=town.random.randrange(2**31),
            accounts=[f"acme-{tenant_id}" for tenant_id in SMALL],
            mix={"inline_customers": 1.0},
        )
        accepted = {event_id for ids in (await traffic.wait()).values() for event_id in ids}
    await wait_until(lambda: accepted <= watch.latencies_ms.keys(), LATE_MAX_S)
    p99_s = watch.compute_p99_s(accepted, time.time() * 1_000)
    left = (await queue.depth(WHALE)).waiting
    await queue.pause(WHALE)
    assert not await end_tasks([looking], timeout_s=10)
    tell(f"p99 of {len(accepted)} small events: {p99_s:.2f} s; the whale still had {left} of {WHALE_EVENTS}")
    assert len(accepted) > 0.9 * seconds * rate
    assert left > 0, "the whale was gone before the small ones were done: nothing was measured"
    return p99_s


@pytest.fixture
async def paused(town: Town) -> Town:
    """The whale's queue grows and stands still until a test lets it go."""
    await town.queue.pause(WHALE)
    return town


async def test_fifty_small_tenants_wait_less_than_two_seconds_beside_a_whale(paused: Town) -> None:
    assert await measure_small_ones(paused, seconds=8) < P99_MAX_S


async def test_one_loop_alone_keeps_the_bound_by_taking_turns(paused: Town) -> None:
    await exchange(paused.stack, "worker", read_procfile()["worker"], **ONE_LOOP)
    assert await measure_small_ones(paused, seconds=6, rate=ONE_LOOP_RATE) < P99_MAX_S


async def test_without_turns_the_same_loop_lets_the_small_ones_wait_for_the_whale(paused: Town) -> None:
    await exchange(paused.stack, "worker", make_sabotaged("take_no_turns"), **ONE_LOOP)
    assert await measure_small_ones(paused, seconds=6, rate=ONE_LOOP_RATE) > P99_MAX_S

"""The first full sync of a store: whole, also when every kind of process is killed on the way; beside live work.

`FULL_SYNC_SCALE=1` takes the demo's own size, 65,226 customers and 200,000 orders.
"""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from db.sync_runs import RunStream
from scripts.stack.stack import Stack
from tests.acceptance.full_sync import (
    ACCOUNT,
    STORE,
    find_differences,
    look,
    open_store,
    start_full_sync,
    wait_for_end,
)
from tests.acceptance.killing import choose_seed, kill
from tests.acceptance.stacks import start_stack
from tests.acceptance.telling import tell

pytestmark = pytest.mark.kill

TIMEOUT_S = 3_600.0
KILLS = 5
VICTIMS = ("syncer", "postgres", "valkey", "worker", "web")
INDEX_LAG_S = 2  # as VTEX's four minutes, in a test's time
SETTINGS = {
    "vtex_calls_per_minute": 1_000_000,  # the account's limit, raised: what is measured is the sync
    "vtex_index_lag_s": INDEX_LAG_S + 1,
    "lease_ms": 3_000,
    "sync_retry_max_s": 2.0,
}


async def test_a_first_full_sync_ends_with_the_stores_own_counts_and_fingerprints(tmp_path: Path) -> None:
    async with start_stack(tmp_path, has_demo=False, provider_latency_ms=0, settings=SETTINGS) as stack:
        started_at = await begin(stack)
        streams = await wait_for_end(stack, await start_full_sync(stack), TIMEOUT_S)
        tell_figures(streams, time.monotonic() - started_at)
        assert not await find_differences(stack)
        assert {name: stream.created for name, stream in streams.items()} == {
            "orders": STORE.orders, "customers": STORE.customers,
        }  # fmt: skip


async def test_also_when_every_process_is_killed_at_random(tmp_path: Path) -> None:
    random = Random(choose_seed())
    async with start_stack(
        tmp_path, has_demo=False, provider_latency_ms=0, settings=SETTINGS, counts={"syncer": 2}
    ) as stack:
        started_at = await begin(stack)
        run_id = await start_full_sync(stack)
        victims = list(VICTIMS)
        random.shuffle(victims)
        expected = STORE.orders + STORE.customers
        for number, victim in enumerate(victims[:KILLS], start=1):
            await wait_for_progress(stack, run_id, expected * number // (KILLS + 2))
            assert await kill(stack, victim, random) == 1
        killed_at, listed = time.monotonic(), await count_listed(stack, run_id)
        await wait_for_progress(stack, run_id, listed + 1)
        tell(f"goes on {time.monotonic() - killed_at:.1f} s after the last kill")
        assert time.monotonic() - killed_at < 30
        streams = await wait_for_end(stack, run_id, TIMEOUT_S)
        tell_figures(streams, time.monotonic() - started_at)
        assert not await find_differences(stack)


async def begin(stack: Stack) -> float:
    """A store of which the index shows everything. When the sync begins."""
    await open_store(stack, STORE, index_lag_s=INDEX_LAG_S)
    await asyncio.sleep(INDEX_LAG_S + 1)
    tell(f"{ACCOUNT} has {STORE.customers} customers and {STORE.orders} orders")
    return time.monotonic()


async def count_listed(stack: Stack, run_id: str) -> int:
    _, streams = await look(stack, run_id)
    return sum(stream.listed for stream in streams.values())


async def wait_for_progress(stack: Stack, run_id: str, listed: int) -> None:
    """Until so much is listed, or the run has ended."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        run, streams = await look(stack, run_id)
        if run.ended_at is not None or sum(stream.listed for stream in streams.values()) >= listed:
            return
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


def tell_figures(streams: Mapping[str, RunStream], seconds: float) -> None:
    tell(f"{seconds:.1f} s: {streams}")

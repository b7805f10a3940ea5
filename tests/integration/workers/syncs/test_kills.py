"""kill -9 of syncers: a run goes on from its last checkpoint, nothing is skipped and nothing stands twice."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from scripts.stack.ports import find_free_port
from tests.integration.workers.processes import start_process
from tests.integration.workers.syncs.conftest import SyncWorks
from tests.integration.workers.syncs.test_full import find_differences
from tests.integration.workers.works import ACME, until

pytestmark = pytest.mark.kill

KILLS = 5
LEASE_MS = 2_000


@asynccontextmanager
async def start_syncer(
    syncs: SyncWorks, folder: Path, module: str = "workers.syncer", **settings: object
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process as the Procfile starts it, killed at the end if it still runs."""
    settings = {"syncer_health_port": find_free_port(), "lease_ms": LEASE_MS, "sync_niceness": 0, **settings}
    async with start_process(syncs.environment(**settings), folder / "syncer.log", module) as process:
        yield process


async def count_listed(syncs: SyncWorks, run_id: str) -> int:
    _, streams = await syncs.look(run_id)
    return sum(stream.listed for stream in streams.values())


async def kill_while_it_goes_on(
    syncs: SyncWorks, folder: Path, run_id: str, module: str = "workers.syncer", **settings: object
) -> int:
    """Kills a syncer again and again, each time a little after it has done something; how often."""
    kills, chance = 0, random.Random(56)
    while kills < KILLS and (await syncs.look(run_id))[0].ended_at is None:
        before = await count_listed(syncs, run_id)
        async with start_syncer(syncs, folder, module, **settings) as process:

            async def goes_on(before: int = before) -> bool:
                run, _ = await syncs.look(run_id)
                return run.ended_at is not None or await count_listed(syncs, run_id) > before

            await until(goes_on, 30)
            await asyncio.sleep(chance.uniform(0.0, 0.3))
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.wait()
            kills += 1
    return kills


async def test_a_full_run_that_is_killed_again_and_again_ends_with_every_row_once(
    syncs: SyncWorks, tmp_path: Path
) -> None:
    await syncs.stock(customers=3_000, orders=4_000)
    run_id = await syncs.start("full")
    assert await kill_while_it_goes_on(syncs, tmp_path, run_id) == KILLS
    killed_at = time.monotonic()
    async with start_syncer(syncs, tmp_path):
        listed = await count_listed(syncs, run_id)

        async def goes_on() -> bool:
            run, _ = await syncs.look(run_id)
            return run.ended_at is not None or await count_listed(syncs, run_id) > listed

        await until(goes_on, 30)
        assert time.monotonic() - killed_at < 30
        run, streams = await syncs.wait(run_id, timeout_s=120)
    assert run.status == "succeeded", streams
    for kind in ("order", "customer"):
        truth, held = await syncs.list_truth(kind), await syncs.list_held(kind)
        assert not find_differences(truth, held)
        assert await syncs.works.read_counter(f"{kind}s", ACME) == len(truth), "no row was counted twice"
        assert streams[f"{kind}s"].created == len(truth)


async def test_without_the_checkpoint_in_the_rows_transaction_the_figures_go_wrong(
    syncs: SyncWorks, tmp_path: Path
) -> None:
    """The protection switched off: progress is saved before the rows, so that a kill in between skips a page."""
    await syncs.stock(customers=0, orders=2_000)
    run_id = await syncs.start("full", streams=("orders",))
    module = "tests.integration.workers.syncs.careless_syncer"
    await kill_while_it_goes_on(syncs, tmp_path, run_id, module)
    async with start_syncer(syncs, tmp_path):
        await syncs.wait(run_id, timeout_s=120)
    assert find_differences(await syncs.list_truth("order"), await syncs.list_held("order"))

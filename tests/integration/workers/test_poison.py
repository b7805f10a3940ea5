"""An event that kills its worker: four deaths at most, and nobody else is buried with it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.core.queue import Queue, QueueLimits
from app.services.apply import Observation
from app.services.integrations import LiveIntegration
from app.services.observe import Observer
from schemas.events import Event
from tests.integration.workers.processes import start_worker
from tests.integration.workers.works import ACME, GLOBEX, Row, Works, count_outcomes, until
from workers.quiet import Quiet

POISONED = "tests.integration.workers.poisoned_worker"
LIVES_MAX = 8


@pytest.mark.kill
async def test_a_poison_kills_its_worker_four_times_and_buries_nobody_else(works: Works, tmp_path: Path) -> None:
    poison = await works.change_order()
    orders = [await works.change_order() for _ in range(40)]
    theirs = [await works.change_order(tenant_id=GLOBEX) for _ in range(10)]
    good = await works.append(*(works.hint(order) for order in orders[:20]))
    (bad,) = await works.append(works.hint(poison))
    good += await works.append(*(works.hint(order) for order in orders[20:]))
    other = await works.append(*(works.hint(order, GLOBEX) for order in theirs), tenant_id=GLOBEX)
    deaths = tmp_path / "deaths"
    deaths.touch()
    extra = {"POISON_OBJECT": poison.order_id, "DEATHS_FILE": str(deaths)}

    rows: dict[str, Row] = {}
    for _ in range(LIVES_MAX):
        async with start_worker(works, tmp_path, POISONED, extra, lease_ms=1_000, sweep_interval_s=0.1) as worker:
            end = asyncio.ensure_future(worker.wait())
            settled = asyncio.ensure_future(works.wait_for([bad, *good], timeout_s=20))
            await asyncio.wait({end, settled}, return_when=asyncio.FIRST_COMPLETED)
            if settled.done():
                rows = settled.result()
                rows |= await works.wait_for(other, GLOBEX)
                await works.wait_for_rest()
            settled.cancel()
            await asyncio.gather(settled, return_exceptions=True)
            if rows:
                end.cancel()
                break
    handled_beside = [int(line) for line in deaths.read_text().splitlines()]
    assert len(handled_beside) == 4
    assert handled_beside[2:] == [0, 0], "a suspect was not alone"
    assert rows.pop(bad) == Row("dead", "stopped_its_worker", 1)
    assert count_outcomes(rows) == {"applied": 50}
    (letter,) = await works.read_dead_letters()
    assert letter["event_id"] == bad


# -- suspects are alone --


def watch_fetches(monkeypatch: pytest.MonkeyPatch, suspect: str) -> Callable[[], list[int]]:
    """How many other fetches were out, in the whole process, at each moment a suspect's was."""
    fetch = Observer.fetch
    out: set[str] = set()
    seen: list[int] = []

    async def fetch_watched(
        self: Observer, integration: LiveIntegration, event: Event, observed_at: datetime
    ) -> Observation:
        out.add(event.object_id)
        if suspect in out:
            seen.append(len(out) - 1)
        try:
            return await fetch(self, integration, event, observed_at)
        finally:
            out.discard(event.object_id)

    monkeypatch.setattr(Observer, "fetch", fetch_watched)
    return lambda: seen


async def drain_a_suspect(works: Works, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """acme's event was read twice by workers that died; globex has calls out all the while, some parked."""
    order = await works.change_order()
    (suspect,) = await works.append(works.hint(order))
    await works.redis.hset(f"t:{ACME}:reads", suspect, "2")  # type: ignore[misc]
    watch = watch_fetches(monkeypatch, order.order_id)
    await works.break_calls("slow", GLOBEX, delay_ms=400)
    await works.break_calls("slow", ACME, delay_ms=150)
    busy = [await works.change_order(tenant_id=GLOBEX) for _ in range(12)]
    others: list[str] = []
    async with works.worker(drain_slice_ms=200, fetch_concurrency_per_tenant=4):
        for start in range(0, 12, 4):
            hints = (works.hint(one, GLOBEX) for one in busy[start : start + 4])
            others += await works.append(*hints, tenant_id=GLOBEX)
            await asyncio.sleep(0.1)
        rows = await works.wait_for([suspect])
        assert rows[suspect] == Row("applied", None, 1)
        await works.wait_for(others, GLOBEX)
        await works.wait_for_rest()
    return watch()


async def test_a_suspect_is_handled_when_nothing_else_is_in_hand_in_the_whole_process(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = await drain_a_suspect(works, monkeypatch)
    assert beside
    assert set(beside) == {0}


async def test_without_the_quiet_a_suspect_is_handled_beside_others(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def be_alone_at_once(self: Quiet) -> None:
        del self

    monkeypatch.setattr(Quiet, "take_alone", be_alone_at_once)
    beside = await drain_a_suspect(works, monkeypatch)
    assert set(beside) != {0}


async def test_an_unexpected_error_of_ours_is_tried_and_never_ends_the_worker(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a poison: the process lives, the event is dead when its tries are spent, the next one is applied."""
    odd, order = await works.change_order(), await works.change_order()
    fetch = Observer.fetch

    async def fetch_or_fail(self: Observer, integration: Any, event: Event, observed_at: datetime) -> Observation:
        if event.object_id == odd.order_id:
            raise RuntimeError("a fault of ours")
        return await fetch(self, integration, event, observed_at)

    monkeypatch.setattr(Observer, "fetch", fetch_or_fail)
    ids = await works.append(works.hint(odd), works.hint(order))
    async with works.worker(tries_max=2):
        rows = await works.wait_for(ids)
        await works.wait_for_rest()
    assert [rows[event_id] for event_id in ids] == [Row("dead", "unexpected_error", 2), Row("applied", None, 1)]


async def test_a_crashed_workers_lease_is_swept_and_its_events_go_on(works: Works) -> None:
    """The claim of a worker that is gone; nobody ever says so."""
    order = await works.change_order()
    (event_id,) = await works.append(works.hint(order))
    settings = works.settings(lease_ms=1_000)
    queue = Queue(works.redis, limits=QueueLimits.from_settings(settings))
    claim = await queue.claim()
    assert claim is not None
    assert (await queue.read(claim, 10)).entries
    await queue.close()
    async with works.worker(lease_ms=1_000):
        rows = await works.wait_for([event_id], timeout_s=3)
        await works.wait_for_rest()
    assert rows[event_id] == Row("applied", None, 1)

    async def is_free() -> bool:
        return not await works.redis.exists("leased")

    await until(is_free)

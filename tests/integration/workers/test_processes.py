"""Processes tell of themselves: real ones appear, say whom they work for, and vanish when they are killed."""

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from app.core.processes import ProcessRecord, list_records
from scripts.stack.ports import find_free_port
from tests.integration.workers.processes import start_process, start_worker
from tests.integration.workers.works import ACME, GLOBEX, Works, until

pytestmark = pytest.mark.kill

BEATS: dict[str, Any] = {"process_beat_s": 0.1, "process_life_s": 1.0}


async def list_workers(works: Works) -> list[ProcessRecord]:
    """A process of another kind, that another test has just stopped, may still be known."""
    return [record for record in await list_records(works.redis) if record.kind == "worker"]


async def test_two_workers_appear_with_their_groups_and_vanish_one_killed_one_told_to_stop(
    works: Works, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    async with (
        start_worker(works, folders[0], **BEATS) as shared,
        start_worker(works, folders[1], worker_group="vip", **BEATS) as vip,
    ):

        async def find_both() -> list[ProcessRecord] | None:
            found = await list_workers(works)
            return found if len(found) == 2 else None

        both = await until(find_both, timeout_s=30)
        assert both is not None
        assert [(record.kind, record.group) for record in both] == [("worker", "shared"), ("worker", "vip")]
        assert len({record.process_id for record in both}) == 2
        assert all(record.version and record.host and "." not in record.host for record in both)
        shared.send_signal(signal.SIGKILL)
        killed_at = time.monotonic()

        async def is_gone() -> bool:
            return [record.group for record in await list_workers(works)] == ["vip"]

        await until(is_gone)
        assert time.monotonic() - killed_at < 3
        vip.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(vip.wait(), 10) == 0
        assert await list_workers(works) == [], "a process that stops takes its record away"


async def test_a_worker_says_whom_it_drains_and_how_many_events_it_settled(works: Works, tmp_path: Path) -> None:
    await works.break_calls("slow", delay_ms=700)
    order = await works.change_order()
    async with start_worker(works, tmp_path, provider_call_timeout_s=5, **BEATS):
        ids = await works.append(works.hint(order))

        async def find_work() -> ProcessRecord | None:
            records = await list_records(works.redis)
            return next((one for one in records if any(work.is_now for work in one.work)), None)

        at_work = await until(find_work, timeout_s=30)
        assert at_work is not None
        assert {work.tenant_id for work in at_work.work} == {ACME}
        await works.wait_for(ids)

        async def has_settled() -> ProcessRecord | None:
            return next((one for one in await list_records(works.redis) if one.events_last_minute), None)

        settled = await until(has_settled)
        assert settled is not None
        assert settled.events_last_minute == 1
        assert settled.turns_per_s > 0
        assert GLOBEX not in {work.tenant_id for work in settled.work}


async def test_receiver_web_and_syncer_appear_too(works: Works, tmp_path: Path) -> None:
    modules = {"receiver": "app.receiver", "web": "app.main", "syncer": "workers.syncer"}
    async with AsyncExitStack() as stack:
        for kind, module in modules.items():
            port = f"{kind}_health_port" if kind == "syncer" else f"{kind}_port"
            environment = works.installation.environment(kind, **{port: find_free_port()}, **BEATS)
            await stack.enter_async_context(start_process(environment, tmp_path / f"{kind}.log", module))

        async def find_all() -> bool:
            return {record.kind for record in await list_records(works.redis)} == set(modules)

        assert await until(find_all, timeout_s=30)

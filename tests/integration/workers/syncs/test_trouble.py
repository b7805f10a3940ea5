"""Trouble between a syncer and what it talks to: lost answers, lines that break, a queue that is full."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from db.completeness import list_days
from db.gaps import list_gaps
from db.pool import Database
from tests.integration.workers.syncs.conftest import SyncWorks
from tests.integration.workers.syncs.test_full import find_differences
from tests.integration.workers.works import ACME, VTEX


def lose_answers(monkeypatch: pytest.MonkeyPatch, commits: Sequence[int]) -> list[int]:
    """The line breaks right behind these COMMITs of pages, counted from 1: they are done, and the syncer does not know.
    What happened so far."""
    tenant_tx, seen = Database.tenant_tx, list[int]()

    @asynccontextmanager
    async def forgetful_tx(self: Database, tenant_id: int, purpose: str) -> AsyncIterator[asyncpg.Connection]:
        async with tenant_tx(self, tenant_id, purpose) as connection:
            yield connection
        if purpose == "apply.bulk":
            seen.append(len(seen) + 1)
            if seen[-1] in commits:
                raise ConnectionResetError

    monkeypatch.setattr(Database, "tenant_tx", forgetful_tx)
    return seen


async def test_what_was_committed_without_an_answer_is_counted_once(
    syncs: SyncWorks, monkeypatch: pytest.MonkeyPatch
) -> None:
    await syncs.stock(customers=0, orders=350)
    seen = lose_answers(monkeypatch, [1, 3])
    orders = (await syncs.sync("full", streams=("orders",)))["orders"]
    assert len(seen) > 3
    assert (orders.listed, orders.created, orders.unchanged, orders.updated) == (350, 350, 0, 0)


async def test_a_scroll_whose_page_was_committed_without_an_answer_loses_nobody(
    syncs: SyncWorks, monkeypatch: pytest.MonkeyPatch
) -> None:
    await syncs.stock(customers=120, orders=0)
    lose_answers(monkeypatch, [2, 5])
    async with syncs.syncer(vtex_scroll_documents=20):
        run, streams = await syncs.wait(await syncs.start("full", streams=("customers",)))
    assert (run.status, streams["customers"].created) == ("succeeded", 120)
    assert not find_differences(await syncs.list_truth("customer"), await syncs.list_held("customer"))


async def test_a_comparison_that_was_committed_without_an_answer_is_counted_once(
    syncs: SyncWorks, monkeypatch: pytest.MonkeyPatch
) -> None:
    await syncs.stock(customers=0, orders=150)
    await syncs.sync("full", streams=("orders",))
    lose_answers(monkeypatch, [1, 2])
    orders = (await syncs.sync("repair", streams=("orders",)))["orders"]
    today = datetime.now(UTC).date()
    async with syncs.works.database.tenant_tx(ACME, "test") as connection:
        days = await list_days(connection, ACME, VTEX, today - timedelta(days=800), today, limit=5_000)
    assert orders.listed == sum(day.listed for day in days) == 150


async def test_a_run_that_gets_on_with_every_step_is_not_failed_by_lines_that_break(syncs: SyncWorks) -> None:
    await syncs.stock(customers=0, orders=500)
    await syncs.works.break_calls("cut", route="get_order", share=0.03)
    async with syncs.syncer(sync_failures_max=3, sync_fetch_concurrency=8):
        run, streams = await syncs.wait(await syncs.start("full", streams=("orders",)))
    assert (run.status, streams["orders"].created) == ("succeeded", 500), streams
    assert streams["orders"].steps > 4


async def test_what_a_full_queue_does_not_take_leaves_a_gap(syncs: SyncWorks) -> None:
    await syncs.stock(customers=0, orders=10)
    for bad in sorted(await syncs.list_truth("order"))[:2]:
        await syncs.works.change("order", object_id=bad, patch={"value": "a lot"})
    await syncs.works.append(syncs.works.hint("o-1"))

    async def read_gaps() -> list[tuple[str, str]]:
        async with syncs.works.database.tenant_tx(ACME, "test") as connection:
            return [(gap.stream, gap.reason) for gap in await list_gaps(connection, ACME)]

    settings: dict[str, Any] = {"queue_events_max": 1}
    async with syncs.syncer(**settings):
        await syncs.wait(await syncs.start("full", streams=("orders",)))
    assert await read_gaps() == [("orders", "refused_calls")]

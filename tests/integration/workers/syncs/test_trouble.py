"""Trouble between a syncer and what it talks to: lost answers, lines that break, a queue that is full."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.connectors.vtex import mapping
from app.core.errors import MappingError
from db.completeness import list_days, list_findings
from db.gaps import list_gaps
from db.pool import Database
from db.sync_runs import SyncKind, SyncRun
from schemas.records import OrderRecord
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
    await syncs.works.break_calls("cut", route="get_order", share=0.06)
    async with syncs.syncer(sync_failures_max=3, sync_fetch_concurrency=8):
        run, streams = await syncs.wait(await syncs.start("full", streams=("orders",)))
    assert (run.status, streams["orders"].created) == ("succeeded", 500), streams
    assert streams["orders"].steps > 3


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


async def repair_partly(syncs: SyncWorks, **settings: object) -> tuple[SyncRun, dict[str, tuple[str, str | None]]]:
    """A repair of orders; the run, and its findings by id."""
    async with syncs.syncer(**settings):
        run, _ = await syncs.wait(await syncs.start("repair", streams=("orders",)))
    async with syncs.works.database.tenant_tx(ACME, "test") as connection:
        rows = await list_findings(connection, ACME, run.run_id)
    return run, {row.external_id: (row.finding, row.outcome) for row in rows}


async def test_a_difference_whose_answer_did_not_come_in_time_is_still_to_come(syncs: SyncWorks) -> None:
    await syncs.stock(customers=0, orders=150, history_days=20)
    await syncs.sync("full", streams=("orders",))
    for order_id in await syncs.list_truth("order"):
        await syncs.works.change("order", object_id=order_id, patch={"value": 4_242})
    await syncs.works.break_calls("slow", route="get_order", delay_ms=80)
    run, findings = await repair_partly(
        syncs, sync_repair_objects=100, sync_step_s=0.5, sync_fetch_concurrency=8
    )  # fmt: skip
    assert run.status == "succeeded"
    assert len(findings) == 150
    assert set(findings.values()) == {("stale", "repaired")}
    assert not find_differences(await syncs.list_truth("order"), await syncs.list_held("order"))


async def test_a_row_that_postgres_refuses_keeps_no_other_from_being_repaired(
    syncs: SyncWorks, monkeypatch: pytest.MonkeyPatch
) -> None:
    await syncs.stock(customers=0, orders=40)
    await syncs.sync("full", streams=("orders",))
    changed = sorted(await syncs.list_truth("order"))[:20]
    for order_id in changed:
        await syncs.works.change("order", object_id=order_id, patch={"value": 4_242})
    map_order = mapping.map_order

    def map_spoiled(document: object) -> OrderRecord:
        record = map_order(document)
        return record.model_copy(update={"origin": "a\x00b"}) if record.external_id == changed[7] else record

    monkeypatch.setattr("app.connectors.vtex.order_reader.map_order", map_spoiled)
    run, findings = await repair_partly(syncs, sync_window_days=90)
    assert run.status == "partial"
    assert findings.pop(changed[7]) == ("stale", "dead")
    assert findings == dict.fromkeys([*changed[:7], *changed[8:]], ("stale", "repaired"))


async def test_a_document_that_cannot_be_used_makes_one_dead_letter_until_the_list_shows_it_otherwise(
    syncs: SyncWorks, monkeypatch: pytest.MonkeyPatch
) -> None:
    await syncs.stock(customers=0, orders=20)
    bad = sorted(await syncs.list_truth("order"))[7]
    map_order = mapping.map_order

    def refuse(document: object) -> OrderRecord:
        record = map_order(document)
        if record.external_id == bad:
            raise MappingError("items", "is none of ours")
        return record

    for module in ("live_reader", "order_reader"):
        monkeypatch.setattr(f"app.connectors.vtex.{module}.map_order", refuse)

    async def look(kind: SyncKind) -> int:
        async with syncs.syncer():
            run, _ = await syncs.wait(await syncs.start(kind, streams=("orders",)))
            assert run.status == "partial", "it is fetched again, and said again"
        async with syncs.works.worker():
            await syncs.works.wait_for_rest()
        # A day later it is looked at again.
        await syncs.works.superuser.execute("UPDATE listing_marks SET marked_at = marked_at - interval '25 hours'")
        return len(await syncs.works.read_dead_letters())

    assert await look("full") == 1
    assert [await look("full"), await look("repair"), await look("repair")] == [1, 1, 1]
    await syncs.works.change("order", object_id=bad, patch={"value": 4_242})
    assert [await look("repair"), await look("full")] == [2, 2]


async def test_customers_whom_a_limit_keeps_out_are_not_fetched_again_by_every_repair(syncs: SyncWorks) -> None:
    await syncs.stock(customers=30, orders=0)
    await syncs.works.superuser.execute(
        "UPDATE tenants SET settings = jsonb_build_object('max_customers', 10) WHERE tenant_id = $1", ACME
    )
    full = (await syncs.sync("full", streams=("customers",)))["customers"]
    assert (full.created, full.kept_out) == (10, 20)
    again = (await syncs.sync("repair", streams=("customers",)))["customers"]
    assert (again.fetched, again.kept_out, again.created) == (0, 20, 0)

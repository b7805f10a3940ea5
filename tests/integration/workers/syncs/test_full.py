"""A full run: everything that the store has, as rows, whatever comes in between."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.workers.syncs.conftest import SyncWorks
from tests.integration.workers.works import ACME, GLOBEX


def find_differences(truth: dict[str, Any], held: dict[str, Any]) -> list[str]:
    """By id and fingerprint; empty when the rows are what the store has."""
    wrong = [f"{one} is not held" for one in truth.keys() - held.keys() if not truth[one]["deleted"]]
    wrong += [f"{one} is held and not there" for one in held.keys() - truth.keys()]
    for one in truth.keys() & held.keys():
        told, row = truth[one], held[one]
        same = row["deleted"] == told["deleted"] and (
            told["deleted"]
            or (row["source_updated_at"], row["status"], row["total_minor"])
            == (datetime.fromisoformat(told["source_updated_at"]), told["status"], told["total_minor"])
        )
        if not same:
            wrong.append(f"{one}: {dict(row)} is not {told}")
    return wrong


async def test_a_full_run_makes_rows_of_everything_the_store_has(syncs: SyncWorks) -> None:
    await syncs.stock(customers=230, orders=460)
    streams = await syncs.sync("full")
    for kind in ("order", "customer"):
        truth = await syncs.list_truth(kind)
        assert not find_differences(truth, await syncs.list_held(kind))
        stream = streams[f"{kind}s"]
        assert (stream.listed, stream.created, stream.expected) == (len(truth), len(truth), len(truth))
        assert (stream.updated, stream.unchanged, stream.dead, stream.errors) == (0, 0, 0, 0)
        assert stream.provider_calls > 0
        assert stream.read_bytes > 0
    assert streams["orders"].fetched == streams["orders"].listed
    assert not await syncs.list_held("order", GLOBEX), "and nothing of anybody else's"


async def test_a_second_full_run_changes_nothing_and_doubles_nothing(syncs: SyncWorks) -> None:
    await syncs.stock(customers=40, orders=60)
    await syncs.sync("full")
    before = await syncs.works.read_counter("stored_bytes")
    streams = await syncs.sync("full")
    assert {name: (one.created, one.updated, one.unchanged) for name, one in streams.items()} == {
        "orders": (0, 0, 60), "customers": (0, 0, 40),
    }  # fmt: skip
    assert await syncs.works.read_counter("stored_bytes") == before
    assert await syncs.works.read_counter("orders") == 60


async def test_an_incremental_run_fetches_only_what_the_list_shows_otherwise(syncs: SyncWorks) -> None:
    await syncs.stock(customers=30, orders=120)
    await syncs.sync("full")
    order = await syncs.works.change_order()
    customer = await syncs.works.change("customer", ACME)
    streams = await syncs.sync("incremental")
    assert streams["orders"].fetched == 1
    assert (streams["orders"].created, streams["customers"].created) == (1, 1)
    assert await syncs.works.find_order(order.order_id) is not None
    assert await syncs.works.find_customer(customer) is not None


async def test_a_run_of_one_tenant_touches_no_other(syncs: SyncWorks) -> None:
    await syncs.stock(ACME, customers=5, orders=5)
    await syncs.stock(GLOBEX, customers=7, orders=9)
    async with syncs.syncer():
        ours = await syncs.start("full", ACME)
        theirs = await syncs.start("full", GLOBEX)
        await syncs.wait(ours, ACME)
        await syncs.wait(theirs, GLOBEX)
    assert (len(await syncs.list_held("order", ACME)), len(await syncs.list_held("order", GLOBEX))) == (5, 9)


async def test_a_backfill_and_live_events_of_the_same_orders_end_in_the_same_rows(syncs: SyncWorks) -> None:
    """Whatever comes first, and as often as it comes."""
    await syncs.stock(customers=40, orders=300)
    works = syncs.works
    open_orders = [one for one, row in (await syncs.list_truth("order")).items() if row["status"] != "invoiced"]
    async with works.worker(), syncs.syncer():
        run_id = await syncs.start("full")
        ids: list[str] = []
        for order_id in [*open_orders, *open_orders]:
            changed = await works.change_order(order_id, value=len(ids) + 1)
            ids += await works.append(works.hint(changed), works.hint(changed))
        await works.wait_for(ids, timeout_s=60)
        await syncs.wait(run_id)
        await works.wait_for_rest()
    assert not find_differences(await syncs.list_truth("order"), await syncs.list_held("order"))


async def test_a_status_change_of_a_month_old_order_arrives_by_the_incremental_run_alone(syncs: SyncWorks) -> None:
    await syncs.stock(customers=20, orders=900)
    await syncs.sync("full")
    days_ago = [(datetime.now(UTC) - timedelta(days=days)).isoformat() for days in (40, 25)]
    body = {
        "account": syncs.works.accounts[ACME], "kind": "order", "action": "status", "count": 3, "status": "canceled",
        "created_after": days_ago[0], "created_before": days_ago[1],
    }  # fmt: skip
    changed = (await syncs.works.sandbox.control("POST", "mutate", body))["ids"]
    streams = await syncs.sync("incremental", streams=("orders",))
    assert streams["orders"].updated == len(changed) == 3
    held = await syncs.list_held("order")
    assert {held[one]["status"] for one in changed} == {"canceled"}

"""Every kind of answer that VTEX's documents and known problems name, on the way of a sync: what becomes of the run,
and that nothing of the store is missing without a word once the trouble is over."""

import asyncio
from typing import Any, NamedTuple

import pytest

from db.sync_runs import SyncKind
from tests.integration.workers.syncs.conftest import SyncWorks
from tests.integration.workers.syncs.test_full import find_differences
from tests.integration.workers.works import ACME, until

ORDERS, CUSTOMERS = 130, 60
LIST_ROUTES = {"orders": "list_orders", "customers": "scroll_CL"}


class Trouble(NamedTuple):
    """A fault of the sandbox's, and the reasons by which a stream that meets it waits."""

    fault: dict[str, Any]
    reasons: frozenset[str]


TROUBLES = {
    "401": Trouble({"kind": "status", "status": 401}, frozenset({"credentials_refused", "integration_waits"})),
    "404": Trouble({"kind": "status", "status": 404}, frozenset({"not_found"})),
    "408": Trouble({"kind": "status", "status": 408}, frozenset({"provider_timeout", "position_lost"})),
    "429": Trouble({"kind": "status", "status": 429, "retry_after_s": 1}, frozenset({"throttled", "position_lost"})),
    "500": Trouble(
        {"kind": "status", "status": 500}, frozenset({"object_failed", "provider_unavailable", "position_lost"})
    ),
    "503": Trouble(
        {"kind": "status", "status": 503}, frozenset({"object_failed", "provider_unavailable", "position_lost"})
    ),
    "timeout": Trouble({"kind": "hang"}, frozenset({"provider_timeout", "provider_unavailable", "position_lost"})),
    "html": Trouble({"kind": "garbage"}, frozenset({"object_failed", "position_lost"})),
    "truncated": Trouble({"kind": "truncated"}, frozenset({"object_failed", "position_lost"})),
    "cut": Trouble({"kind": "cut"}, frozenset({"provider_unavailable", "position_lost"})),
}


@pytest.mark.parametrize("stream", ["orders", "customers"])
@pytest.mark.parametrize("name", TROUBLES)
async def test_a_list_that_cannot_be_read_makes_its_run_wait_and_is_read_when_it_can_be(
    syncs: SyncWorks, name: str, stream: Any
) -> None:
    trouble = TROUBLES[name]
    await syncs.stock(customers=CUSTOMERS, orders=ORDERS)
    await syncs.works.break_calls(route=LIST_ROUTES[stream], **trouble.fault)
    async with syncs.syncer(provider_call_timeout_s=0.4, breaker_open_s=0.1):
        run_id = await syncs.start("full", streams=(stream,))

        async def waits() -> str | None:
            _, streams = await syncs.look(run_id)
            return streams[stream].reason

        assert await until(waits, 20) in trouble.reasons
        await syncs.works.mend_calls()
        if name == "401":
            await syncs.works.superuser.execute(
                "UPDATE tenant_integrations SET status = 'active' WHERE tenant_id = $1", ACME
            )
        run, streams = await syncs.wait(run_id)
    assert (run.status, streams[stream].errors) == ("succeeded", 0)
    kind = stream.removesuffix("s")
    assert not find_differences(await syncs.list_truth(kind), await syncs.list_held(kind))


@pytest.mark.parametrize("stream", ["orders", "customers"])
async def test_a_list_that_may_not_be_read_fails_its_stream_and_says_so(syncs: SyncWorks, stream: Any) -> None:
    await syncs.stock(customers=CUSTOMERS, orders=ORDERS)
    await syncs.works.break_calls("status", route=LIST_ROUTES[stream], status=403)
    async with syncs.syncer():
        run, streams = await syncs.wait(await syncs.start("full", streams=(stream,)))
    assert (run.status, streams[stream].status, streams[stream].reason) == ("failed", "failed", "permission_missing")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 404},
        {"kind": "status", "status": 500},
        {"kind": "garbage"},
        {"kind": "truncated"},
    ],
    ids=lambda fault: str(fault.get("status", fault["kind"])),
)
async def test_an_order_that_cannot_be_had_goes_the_way_of_events_to_its_row_or_a_dead_letter(
    syncs: SyncWorks, fault: dict[str, Any]
) -> None:
    await syncs.stock(customers=0, orders=40)
    [mended, *_, broken] = sorted(await syncs.list_truth("order"))
    for order_id in (mended, broken):
        await syncs.works.break_calls(route="get_order", object_id=order_id, **fault)
    async with syncs.syncer(sync_step_s=1.0, provider_call_timeout_s=0.6):
        run, streams = await syncs.wait(await syncs.start("full", streams=("orders",)))
    assert (run.status, streams["orders"].created, streams["orders"].errors) == ("partial", 38, 2)
    await syncs.works.mend_calls()
    await syncs.works.break_calls(route="get_order", object_id=broken, **fault)
    async with syncs.works.worker(tries_max=3):
        await syncs.works.wait_for_rest(timeout_s=30)
    held = await syncs.list_held("order")
    assert mended in held, "it was only a bad moment"
    assert broken not in held
    letters = await syncs.works.read_dead_letters()
    assert len(letters) == 1, "and nothing is missing without a word"


async def test_a_scroll_whose_token_died_is_begun_again_and_leaves_nobody_out(syncs: SyncWorks) -> None:
    await syncs.stock(customers=2_500, orders=0)
    await syncs.works.break_calls("slow", route="scroll_CL", delay_ms=300)
    async with syncs.syncer(vtex_scroll_documents=250):
        run_id = await syncs.start("full", streams=("customers",))

        async def has_begun() -> bool:
            _, streams = await syncs.look(run_id)
            return streams["customers"].listed > 0

        await until(has_begun, 20)
        await syncs.works.sandbox.control("POST", "clock", {"advance_s": 21 * 60})
        await asyncio.sleep(0)
        await syncs.works.mend_calls()
        run, streams = await syncs.wait(run_id)
    assert run.status == "succeeded"
    assert streams["customers"].unchanged > 0, "some were listed twice"
    assert not find_differences(await syncs.list_truth("customer"), await syncs.list_held("customer"))


@pytest.mark.parametrize("kind", ["full", "repair"])
async def test_a_customer_whose_id_is_an_email_address_is_counted_and_named_nowhere(
    syncs: SyncWorks, kind: SyncKind
) -> None:
    """A store may choose the ids of Master Data's documents; ours are kept in the clear."""
    await syncs.stock(customers=CUSTOMERS, orders=0)
    await syncs.works.change("customer", patch={"id": "ana@example.com"})
    async with syncs.syncer(vtex_index_lag_s=0):
        run, streams = await syncs.wait(await syncs.start(kind, streams=("customers",)))
    told = streams["customers"]
    assert (run.status, told.created, told.errors) == ("partial", CUSTOMERS, 1)
    assert told.error_code == "unmappable"
    assert "ana" not in str(told.error_example)
    assert len(await syncs.list_held("customer")) == CUSTOMERS
    async with syncs.works.worker():
        await syncs.works.wait_for_rest()
    assert not await syncs.works.read_dead_letters(), "no hint was left behind"

"""Runs among each other and over their time: joins, turns, leases, cancellation, and whose fault a failure is."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.sync_claims import LeaseLostError, Progress, claim_stream, end_stream, save_progress
from db.sync_runs import SyncKind, cancel_run, pause_run, resume_run
from tests.integration.workers.syncs.conftest import SyncWorks
from tests.integration.workers.syncs.test_full import find_differences
from tests.integration.workers.works import ACME, VTEX, until


async def test_the_same_request_joins_and_another_queues_behind_and_both_say_so(syncs: SyncWorks) -> None:
    first = await syncs.request("full")
    assert (first.outcome, first.behind) == ("queued", ())
    again = await syncs.request("full")
    assert (again.outcome, again.run_id) == ("joined", first.run_id)
    other = await syncs.request("incremental")
    assert (other.outcome, other.behind) == ("queued", (first.run_id,))
    one_stream = await syncs.request("full", streams=("orders",))
    assert (one_stream.outcome, one_stream.run_id) == ("joined", first.run_id)


async def test_nobody_joins_a_run_that_will_not_do_what_they_want(syncs: SyncWorks) -> None:
    """Neither one of some days only, nor one that is being cancelled while somebody still works on it."""
    some_days = await syncs.request("repair", since=datetime.now(UTC) - timedelta(days=1))
    whole = await syncs.request("repair")
    assert (whole.outcome, whole.behind) == ("queued", (some_days.run_id,))
    assert (await syncs.request("repair")).run_id == whole.run_id

    cancelled = await syncs.start("full")
    async with syncs.idle_syncer() as context:
        while (claim := await claim_stream(context.database, 5_000, 4)) is not None and claim.run_id != cancelled:
            async with context.database.tenant_tx(ACME, "test") as connection:
                await end_stream(connection, claim, "succeeded", None, 0)
    assert claim is not None
    async with syncs.works.office.tenant_tx(ACME, "test") as connection:
        assert await cancel_run(connection, ACME, cancelled)
    again = await syncs.request("full", streams=(claim.stream,))
    assert (again.outcome, again.behind) == ("queued", (cancelled,))


async def test_many_requests_at_once_are_one_run(syncs: SyncWorks) -> None:
    requested = await asyncio.gather(*(syncs.request("full") for _ in range(8)))
    assert len({one.run_id for one in requested}) == 1
    assert sorted(one.outcome for one in requested) == ["joined"] * 7 + ["queued"]


async def test_runs_of_one_stream_never_overlap_and_end_one_behind_the_other(syncs: SyncWorks) -> None:
    await syncs.stock(customers=20, orders=150)
    async with syncs.syncer(), syncs.syncer():
        first, second = await syncs.start("full"), await syncs.start("incremental")
        before, _ = await syncs.wait(first)
        after, streams = await syncs.wait(second)
    assert before.ended_at is not None
    begun = [stream.started_at for stream in streams.values()]
    ended = (await syncs.look(first))[1]
    assert all(
        stream.started_at >= ended[name].ended_at  # type: ignore[operator]
        for name, stream in streams.items()
    ), begun
    assert after.status == "succeeded"


async def test_two_syncers_that_reach_for_one_stream_do_not_both_get_it(syncs: SyncWorks) -> None:
    await syncs.start("full", streams=("orders",))
    async with syncs.idle_syncer() as context:
        claims = await asyncio.gather(*(claim_stream(context.database, 5_000, 4) for _ in range(6)))
    assert sum(claim is not None for claim in claims) == 1


async def wait_until_begun(syncs: SyncWorks, run_id: str, stream: str = "orders") -> None:
    async def has_begun() -> bool:
        _, streams = await syncs.look(run_id)
        return streams[stream].listed > 0

    await until(has_begun, 20)


async def test_a_cancelled_run_ends_within_its_step_and_keeps_what_it_had(syncs: SyncWorks) -> None:
    await syncs.stock(customers=0, orders=1_500)
    await syncs.works.break_calls("slow", route="list_orders", delay_ms=300)
    async with syncs.syncer(lease_ms=1_000):
        run_id = await syncs.start("full", streams=("orders",))
        await wait_until_begun(syncs, run_id)
        async with syncs.works.office.tenant_tx(ACME, "test") as connection:
            assert await cancel_run(connection, ACME, run_id)
        run, streams = await syncs.wait(run_id, timeout_s=5)
    assert (run.status, streams["orders"].status) == ("cancelled", "cancelled")
    assert 0 < len(await syncs.list_held("order")) < 1_500
    async with syncs.works.office.tenant_tx(ACME, "test") as connection:
        assert not await cancel_run(connection, ACME, run_id), "it has ended already"


async def test_a_run_that_nobody_works_on_is_cancelled_at_once(syncs: SyncWorks) -> None:
    run_id = await syncs.start("full")
    async with syncs.works.office.tenant_tx(ACME, "test") as connection:
        assert await cancel_run(connection, ACME, run_id)
    run, _ = await syncs.look(run_id)
    assert run.status == "cancelled"


async def test_a_paused_run_stands_still_and_goes_on_where_it_stood(syncs: SyncWorks) -> None:
    await syncs.stock(customers=0, orders=900)
    await syncs.works.break_calls("slow", route="list_orders", delay_ms=200)
    async with syncs.syncer(lease_ms=1_000):
        run_id = await syncs.start("full", streams=("orders",))
        await wait_until_begun(syncs, run_id)
        async with syncs.works.office.tenant_tx(ACME, "test") as connection:
            assert await pause_run(connection, ACME, run_id)

        async def stands_still() -> bool:
            _, streams = await syncs.look(run_id)
            return not streams["orders"].is_leased

        await until(stands_still, 5)
        stood = len(await syncs.list_held("order"))
        assert 0 < stood < 900
        await asyncio.sleep(0.3)  # fifteen looks for work: a paused run gives none
        assert len(await syncs.list_held("order")) == stood
        await syncs.works.mend_calls()
        async with syncs.works.office.tenant_tx(ACME, "test") as connection:
            assert await resume_run(connection, ACME, run_id)
        run, streams = await syncs.wait(run_id)
    assert (run.status, streams["orders"].created) == ("succeeded", 900)


async def test_whoever_lost_its_lease_commits_nothing(syncs: SyncWorks) -> None:
    await syncs.start("full", streams=("orders",))
    async with syncs.idle_syncer() as context:

        async def claim() -> Any:
            return await claim_stream(context.database, 1, 4)

        first = await until(claim)
        await asyncio.sleep(0.01)  # its lease of a millisecond is over
        second = await until(claim)
        assert (second.is_abandoned, second.run_id) == (True, first.run_id)
        with pytest.raises(LeaseLostError):
            async with context.database.tenant_tx(ACME, "test") as connection:
                await save_progress(connection, first, {"positions": []}, Progress(None, listed=5))
    _, streams = await syncs.look(first.run_id)
    assert streams["orders"].listed == 0


async def test_refused_credentials_make_a_run_wait_and_good_ones_let_it_go_on(syncs: SyncWorks) -> None:
    await syncs.stock(customers=0, orders=30)
    await syncs.works.break_calls("status", route="list_orders", status=401)
    async with syncs.syncer():
        run_id = await syncs.start("full", streams=("orders",))

        async def waits() -> bool:
            _, streams = await syncs.look(run_id)
            return streams["orders"].reason in {"credentials_refused", "integration_waits"}

        await until(waits, 20)
        status = await syncs.works.superuser.fetchval(
            "SELECT status FROM tenant_integrations WHERE tenant_id = $1 AND integration_id = $2", ACME, VTEX
        )
        assert status == "credentials_refused"
        await syncs.works.mend_calls()
        await syncs.works.superuser.execute(
            "UPDATE tenant_integrations SET status = 'active' WHERE tenant_id = $1 AND integration_id = $2", ACME, VTEX
        )
        run, streams = await syncs.wait(run_id)
    assert (run.status, streams["orders"].created, streams["orders"].errors) == ("succeeded", 30, 0)


@pytest.mark.parametrize("kind", ["full", "incremental"])
async def test_a_key_that_is_refused_for_addresses_makes_the_run_wait_and_loses_none(
    syncs: SyncWorks, kind: SyncKind
) -> None:
    await syncs.stock(customers=20, orders=0)
    await syncs.sync("full", streams=("customers",))
    await syncs.works.change("customer")
    await syncs.works.break_calls("status", route="search_AD", status=401)
    async with syncs.syncer():
        run_id = await syncs.start(kind, streams=("customers",))

        async def waits() -> bool:
            run, streams = await syncs.look(run_id)
            assert run.ended_at is None
            return streams["customers"].reason in {"credentials_refused", "integration_waits"}

        await until(waits, 20)


async def test_documents_that_cannot_be_used_fail_their_stream_before_all_are_read(syncs: SyncWorks) -> None:
    await syncs.stock(customers=0, orders=300)
    for bad in sorted(await syncs.list_truth("order"))[:30]:
        await syncs.works.change("order", object_id=bad, patch={"value": "a lot"})
    await syncs.works.break_calls("slow", route="list_orders", delay_ms=300)
    async with syncs.syncer(sync_dead_max=1, sync_step_s=0.2):
        run, streams = await syncs.wait(await syncs.start("full", streams=("orders",)))
    assert (run.status, streams["orders"].reason) == ("failed", "too_many_dead")
    assert streams["orders"].listed < 300


async def test_a_missing_permission_fails_the_stream_and_not_the_other(syncs: SyncWorks) -> None:
    await syncs.stock(customers=10, orders=10)
    await syncs.works.break_calls("status", route="list_orders", status=403)
    async with syncs.syncer():
        run, streams = await syncs.wait(await syncs.start("full"))
    assert (run.status, streams["orders"].status, streams["orders"].reason) == (
        "partial",
        "failed",
        "permission_missing",
    )
    assert (streams["customers"].status, streams["customers"].created) == ("succeeded", 10)


async def test_a_storm_costs_time_and_no_order(syncs: SyncWorks) -> None:
    await syncs.stock(customers=0, orders=300)
    for status in (429, 500, 503):
        await syncs.works.break_calls("status", status=status, share=0.15, retry_after_s=0)
    async with syncs.syncer():
        run_id = await syncs.start("full", streams=("orders",))
        await wait_until_begun(syncs, run_id)
        await syncs.works.mend_calls()
        run, _ = await syncs.wait(run_id)
    assert run.status in {"succeeded", "partial"}
    async with syncs.works.worker():
        await syncs.works.wait_for_rest()
    assert not find_differences(await syncs.list_truth("order"), await syncs.list_held("order"))


async def test_a_document_that_cannot_be_used_becomes_a_dead_letter_and_stops_nothing(syncs: SyncWorks) -> None:
    await syncs.stock(customers=0, orders=20)
    bad = sorted(await syncs.list_truth("order"))[7]
    await syncs.works.change("order", object_id=bad, patch={"value": "a lot"})
    async with syncs.syncer():
        run, streams = await syncs.wait(await syncs.start("full", streams=("orders",)))
    assert (run.status, streams["orders"].created, streams["orders"].dead) == ("partial", 19, 1)
    assert bad in str(streams["orders"].error_example)
    async with syncs.works.worker():
        await syncs.works.wait_for_rest()
    [letter] = await syncs.works.read_dead_letters()
    assert letter["reason"] == "unmappable"
    async with syncs.syncer():
        run, streams = await syncs.wait(await syncs.start("full", streams=("orders",)))
    assert (run.status, streams["orders"].dead) == ("succeeded", 0), "not fetched again while the list shows the same"


async def test_an_answer_that_never_comes_holds_up_its_own_object_alone(syncs: SyncWorks) -> None:
    await syncs.stock(customers=0, orders=420)
    hanging = sorted(await syncs.list_truth("order"))[17]
    await syncs.works.break_calls("hang", route="get_order", object_id=hanging)
    async with syncs.syncer(sync_step_s=1.0, provider_call_timeout_s=8.0):
        run, streams = await syncs.wait(await syncs.start("full", streams=("orders",)), timeout_s=30)
    assert (run.status, streams["orders"].created, streams["orders"].listed) == ("partial", 419, 420)
    assert hanging in str(streams["orders"].error_example)
    await syncs.works.mend_calls()
    async with syncs.works.worker():
        await syncs.works.wait_for_rest()
    assert not find_differences(await syncs.list_truth("order"), await syncs.list_held("order")), (
        "it went the way of events"
    )

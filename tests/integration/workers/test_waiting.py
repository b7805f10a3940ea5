"""Events of an integration that is paused or refused: they wait, come back at once, and make no dead letters.

What is more than may wait becomes a gap, which a repair fetches.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

import workers.late
from app.core.ending import end_tasks
from app.core.queue import Queue
from app.services.integrations import seal_credentials
from db.integrations import set_credentials, set_integration_status
from schemas.events import Event
from schemas.ids import make_uuid7
from tests.integration.sandbox.remote import KEYS
from tests.integration.workers.works import ACME, GLOBEX, VTEX, Works, count_calls, count_outcomes, until
from workers.context import DrainContext
from workers.late import LateCommits

OTHERS = {"app_key": "another", "app_token": "one"}


@asynccontextmanager
async def work(works: Works, **settings: object) -> AsyncIterator[DrainContext]:
    """A worker that also watches for resumed integrations. The queue keeps no event longer than its longest retry."""
    async with works.worker(**{"retry_max_s": 600, **settings}) as context:
        waits = asyncio.create_task(context.waits.run())
        try:
            yield context
        finally:
            assert not waits.done()
            assert not await end_tasks([waits], timeout_s=5)


async def set_status(works: Works, status: str) -> None:
    await works.superuser.execute(
        "UPDATE tenant_integrations SET status = $3 WHERE tenant_id = $1 AND integration_id = $2", ACME, VTEX, status
    )


async def read_status(works: Works) -> str:
    return str(await works.superuser.fetchval(
        "SELECT status FROM tenant_integrations WHERE tenant_id = $1 AND integration_id = $2", ACME, VTEX
    ))  # fmt: skip


async def append_orders(works: Works, count: int) -> list[str]:
    return await works.append(*[works.hint(await works.change_order()) for _ in range(count)])


async def save_credentials(works: Works, credentials: dict[str, str]) -> str | None:
    sealed = seal_credentials(await works.keys_of(ACME), "vtex", works.accounts[ACME], credentials)
    async with works.database.tenant_tx(ACME, "test") as connection:
        return await set_credentials(connection, ACME, VTEX, sealed)


async def wait_until_postponed(works: Works, context: DrainContext, count: int) -> None:
    """All of them are parked, and no try of theirs is counted."""

    async def are_parked() -> bool:
        depth = await context.queue.depth(ACME)
        return depth.retrying == count and not depth.waiting and not await works.count_tries()

    await until(are_parked)


# -- they come back at once --


async def resume_with_good_credentials(works: Works, timeout_s: float) -> None:
    async with work(works, postpone_s=600) as context:
        await works.sandbox.put_account(works.accounts[ACME], **OTHERS, replaces_keys=True)
        ids = await append_orders(works, 6)
        await wait_until_postponed(works, context, 6)
        assert await read_status(works) == "credentials_refused"
        assert await save_credentials(works, OTHERS) == "active"
        rows = await works.wait_for(ids, timeout_s=timeout_s)
        assert {(row.outcome, row.attempts) for row in rows.values()} == {("applied", 1)}


async def test_good_credentials_bring_events_back_within_seconds(works: Works) -> None:
    await resume_with_good_credentials(works, timeout_s=5)


async def test_without_the_recall_they_come_when_their_time_is_over(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def recall_nothing(self: Queue, tenant_id: int) -> int:
        del self, tenant_id
        return 0

    monkeypatch.setattr(Queue, "recall", recall_nothing)
    with pytest.raises(TimeoutError):
        await resume_with_good_credentials(works, timeout_s=5)


async def test_an_integration_paused_by_hand_stays_paused_with_new_credentials_and_comes_back_when_resumed(
    works: Works,
) -> None:
    async with work(works, postpone_s=600) as context:
        await set_status(works, "paused")
        ids = await append_orders(works, 3)
        await wait_until_postponed(works, context, 3)
        assert await save_credentials(works, KEYS) == "paused"
        await asyncio.sleep(1.5)  # longer than it takes to notice a resumed one
        assert not await works.read_ledger()
        await set_status(works, "active")
        assert count_outcomes(await works.wait_for(ids, timeout_s=5)) == {"applied": 3}


async def test_a_second_worker_that_knew_it_paused_brings_them_back_too(works: Works) -> None:
    async with work(works, postpone_s=600) as one, work(works, postpone_s=600):
        await set_status(works, "paused")
        ids = await append_orders(works, 20)
        await wait_until_postponed(works, one, 20)
        await set_status(works, "active")
        assert count_outcomes(await works.wait_for(ids, timeout_s=8)) == {"applied": 20}


async def test_events_of_an_integration_that_is_deleted_are_let_go(works: Works) -> None:
    async with work(works, postpone_s=600) as context:
        await set_status(works, "paused")
        ids = await append_orders(works, 2)
        await wait_until_postponed(works, context, 2)
        await set_status(works, "deleted")
        rows = await works.wait_for(ids, timeout_s=5)
    assert {(row.outcome, row.reason) for row in rows.values()} == {("ignored", "integration_deleted")}


# -- no dead letters --


async def storm(works: Works) -> None:
    """Every GET is refused, and answered after its slice is over, through many looks."""
    await works.break_calls("status", status=401, latency_ms=250)
    async with work(works, tries_max=3, drain_slice_ms=100, postpone_s=0.05, provider_call_timeout_s=0.5) as context:
        context.integrations._probed_at = _Never()  # every look asks VTEX: the worst that a storm can be
        ids = await append_orders(works, 10)

        async def is_refused() -> bool:
            return await read_status(works) == "credentials_refused"

        await until(is_refused)
        calls = count_calls()
        await asyncio.sleep(5)
        assert count_calls() - calls > 3 * len(ids), "each was refused more often than it has tries"
        await works.mend_calls()
        rows = await works.wait_for(ids, timeout_s=15)
        assert count_outcomes(rows) == {"applied": 10}
    assert not await works.read_dead_letters()


class _Never(dict[Any, float]):
    """Nobody was ever let through as a probe."""

    def get(self, key: Any, default: Any = None) -> Any:
        del key
        return default


@pytest.fixture
async def slow_sandbox(works: Works) -> AsyncIterator[None]:
    """Answers take their time until the test is over."""
    yield
    await works.sandbox.control("POST", "faults", {"latency_ms": 0})


@pytest.mark.usefixtures("slow_sandbox")
async def test_a_storm_of_refusals_makes_no_dead_letters(works: Works) -> None:
    await storm(works)


@pytest.mark.usefixtures("slow_sandbox")
async def test_without_their_tries_given_back_late_refusals_bury_good_events(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = LateCommits.take

    def keep_tries(self: LateCommits, tenant_id: int, resolution: Any) -> None:
        resolution.postponed.clear()
        take(self, tenant_id, resolution)

    monkeypatch.setattr(workers.late.LateCommits, "take", keep_tries)
    with pytest.raises(AssertionError):
        await storm(works)
    assert await works.read_dead_letters()


async def test_a_refusal_of_credentials_that_were_replaced_meanwhile_changes_nothing(works: Works) -> None:
    async with work(works) as context:
        before = await context.integrations.get(ACME, VTEX)
        await save_credentials(works, OTHERS)
        await context.integrations.note_refused(before)
        assert await read_status(works) == "active"
        context.integrations.forget(ACME, VTEX)
        await context.integrations.note_refused(await context.integrations.get(ACME, VTEX))
        assert await read_status(works) == "credentials_refused"


async def test_a_late_acceptance_does_not_resume_what_was_paused_by_hand(works: Works) -> None:
    async with work(works) as context:
        await set_status(works, "credentials_refused")
        before = await context.integrations.get(ACME, VTEX)
        async with works.database.tenant_tx(ACME, "test") as connection:
            assert await set_integration_status(
                connection, ACME, VTEX, "paused", seen_in=["active", "credentials_refused"]
            )
        await context.integrations.note_accepted(before)
        assert await read_status(works) == "paused"


# -- over the cap --


async def overflow(works: Works, make: Callable[[], Awaitable[Event]], kept: int = 4) -> tuple[list[str], list[Event]]:
    """More than may wait; the ids that wait, and the events that came after the cap was reached."""
    async with work(works, postpone_s=600, waiting_events_max=kept) as context:
        await set_status(works, "paused")
        waiting = await append_orders(works, kept)
        await wait_until_postponed(works, context, kept)

        async def is_counted() -> bool:
            return context.waits._waiting.get(ACME) == kept

        await until(is_counted)
        further = [await make() for _ in range(3)]
        await works.append(*further)
        rows = await works.wait_for([event.event_id for event in further])
        assert {(row.outcome, row.reason) for row in rows.values()} == {("ignored", "integration_waits")}
        assert (await context.queue.depth(ACME)).retrying == kept
        await set_status(works, "active")
        assert count_outcomes(await works.wait_for(waiting)) == {"applied": kept}
    return waiting, further


async def read_gaps(works: Works) -> list[tuple[int, int, str, datetime, str]]:
    rows = await works.superuser.fetch("SELECT tenant_id, integration_id, stream, gap_since, reason FROM gaps")
    return [tuple(row) for row in rows]


async def test_hints_beyond_the_cap_become_a_gap_since_the_earliest_change(works: Works) -> None:
    async def make() -> Event:
        return works.hint(await works.change_order())

    _, further = await overflow(works, make)
    earliest = min(event.stamp for event in further if event.stamp is not None)
    assert await read_gaps(works) == [(ACME, VTEX, "orders", earliest, "integration_waits")]
    assert not await works.read_dead_letters()
    last_sync = await works.superuser.fetch("SELECT tenant_id FROM integration_activity WHERE tenant_id = $1", GLOBEX)
    assert not last_sync


async def test_a_customers_hint_opens_the_gap_of_customers(works: Works) -> None:
    async def make() -> Event:
        return works.hint(await works.change("customer"), kind="customer")

    begun = datetime.now(UTC)
    await overflow(works, make)
    [(_, _, stream, since, _)] = await read_gaps(works)
    assert stream == "customers"
    assert abs((since - begun).total_seconds()) < 30


async def test_documents_are_never_dropped_however_many_hints_wait(works: Works) -> None:
    async with work(works, postpone_s=600, waiting_events_max=0) as context:
        await set_status(works, "paused")
        context.waits._waiting[ACME] = 10
        body = b'{"type":"customer.upsert","data":{"external_id":"c-1"}}'
        ids = await works.append(await works.inline(body), works.hint(await works.change_order()))
        rows = await works.wait_for(ids)
    assert [rows[one].outcome for one in ids] == ["applied", "ignored"]


async def test_a_hint_that_waited_as_long_as_it_may_becomes_a_gap_and_no_dead_letter(works: Works) -> None:
    async with work(works, postpone_s=0.2, event_wait_max_s=60) as context:
        await set_status(works, "paused")
        order = await works.change_order()
        old = works.hint(order)._replace(event_id=make_uuid7(int((time.time() - 59.8) * 1000)))
        ids = await works.append(old)
        rows = await works.wait_for(ids)
    assert (rows[ids[0]].outcome, rows[ids[0]].reason) == ("ignored", "integration_waits")
    assert context.waits.compute_delay_ms(ACME) == 200
    assert not await works.read_dead_letters()
    assert len(await read_gaps(works)) == 1


async def test_the_more_wait_the_more_rarely_they_are_looked_at(works: Works) -> None:
    async with work(works, postpone_s=30) as context:
        context.waits._waiting[ACME] = 100_000
        assert context.waits.compute_delay_ms(ACME) == 100_000
        assert context.waits.compute_delay_ms(GLOBEX) == 30_000

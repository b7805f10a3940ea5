"""What becomes of events whose documents can be had: one GET for many, order does not matter, deletions."""

import asyncio
from datetime import timedelta

import pytest

import workers.intake
import workers.resolve
from app.core.queue import ReadResult
from app.core.sealing import TenantKeys
from app.core.settings import Settings
from tests.integration.workers.works import ACME, GLOBEX, Order, Row, Works, count_calls, count_outcomes, until
from workers.held import Group
from workers.intake import Intake


async def make_ten_changes(works: Works) -> list[Order]:
    changes = [await works.change_order()]
    for _ in range(9):
        changes.append(await works.change_order(changes[0].order_id))
    return changes


async def test_ten_changes_of_one_order_are_one_get_one_applied_and_nine_superseded(works: Works) -> None:
    changes = await make_ten_changes(works)
    calls = count_calls()
    ids = await works.append(*(works.hint(change) for change in changes))
    async with works.worker():
        rows = await works.wait_for(ids)
        await works.wait_for_rest()
    assert count_calls() - calls == 1
    assert [rows[event_id].outcome for event_id in ids] == ["superseded"] * 9 + ["applied"]
    stored = await works.find_order(changes[0].order_id)
    assert stored is not None
    assert stored.source_updated_at == changes[-1].stamp
    assert await works.read_counter("orders") == 1


async def test_without_the_grouping_by_object_ten_changes_are_ten_gets(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    sort_out = workers.intake.sort_out

    async def sort_out_apart(settings: Settings, keys: TenantKeys, answer: ReadResult) -> Intake:
        intake = await sort_out(settings, keys, answer)
        intake.groups = [
            Group(group.tenant_id, [held], group.observed_at) for group in intake.groups for held in group.events
        ]
        return intake

    monkeypatch.setattr("workers.slice.sort_out", sort_out_apart)
    changes = await make_ten_changes(works)
    calls = count_calls()
    ids = await works.append(*(works.hint(change) for change in changes))
    async with works.worker():
        await works.wait_for(ids)
    assert count_calls() - calls == 10


async def test_the_same_change_told_again_is_fetched_again_and_a_duplicate(works: Works) -> None:
    order = await works.change_order()
    async with works.worker():
        await works.wait_for(await works.append(works.hint(order)))
        calls = count_calls()
        again = await works.append(works.hint(order), works.hint(order))
        rows = await works.wait_for(again)
        await works.wait_for_rest()
    assert count_outcomes(rows) == {"duplicate": 2}
    assert count_calls() - calls >= 1


async def test_each_tenant_gets_its_own_rows_and_no_others(works: Works) -> None:
    mine, theirs = await works.change_order(), await works.change_order(tenant_id=GLOBEX)
    async with works.worker():
        await works.wait_for(await works.append(works.hint(mine)))
        await works.wait_for(await works.append(works.hint(theirs, GLOBEX), tenant_id=GLOBEX), GLOBEX)
        await works.wait_for_rest()
    assert await works.superuser.fetch("SELECT tenant_id, external_id FROM orders ORDER BY 1") == [
        (ACME, mine.order_id),
        (GLOBEX, theirs.order_id),
    ]


async def catch_up(works: Works) -> tuple[Row, Order]:
    """An order whose store answers its state of before, until the event has been tried; then the truth."""
    before = await works.change_order()
    order = await works.change_order(before.order_id, value=123_456)
    await works.break_calls("stale", route="get_order", object_id=order.order_id)
    async with works.worker():
        (event_id,) = await works.append(works.hint(order))

        async def is_tried() -> bool:
            return bool(await works.count_tries()) or bool(await works.read_ledger())

        await until(is_tried)
        assert await works.find_order(order.order_id) is None, "a document older than its hint was applied"
        await works.mend_calls()
        rows = await works.wait_for([event_id])
        await works.wait_for_rest()
    return rows[event_id], order


async def test_a_document_older_than_its_hint_waits_until_the_provider_catches_up(works: Works) -> None:
    row, order = await catch_up(works)
    assert row.outcome == "applied"
    assert row.attempts >= 2
    stored = await works.find_order(order.order_id)
    assert stored is not None
    assert (stored.source_updated_at, stored.total_minor) == (order.stamp, 123_456)


async def test_without_the_look_at_the_stamp_an_older_document_is_applied(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers.resolve, "_is_behind", lambda *_: False)
    with pytest.raises(AssertionError, match="was applied"):
        await catch_up(works)


async def test_what_the_provider_says_stands_when_it_never_catches_up(works: Works) -> None:
    before = await works.change_order()
    order = await works.change_order(before.order_id)
    await works.break_calls("stale", route="get_order", object_id=order.order_id)
    async with works.worker(tries_max=2):
        (event_id,) = await works.append(works.hint(order))
        rows = await works.wait_for([event_id])
        await works.wait_for_rest()
    assert rows[event_id] == Row("applied", None, 2)
    stored = await works.find_order(order.order_id)
    assert stored is not None
    assert stored.source_updated_at == before.stamp


async def test_an_order_that_is_not_readable_yet_is_read_later(works: Works) -> None:
    await works.sandbox.control("POST", "faults", {"account": works.accounts[ACME], "not_readable_ms": 1_500})
    order = await works.change_order()
    async with works.worker():
        (event_id,) = await works.append(works.hint(order))
        rows = await works.wait_for([event_id])
        await works.wait_for_rest()
    assert rows[event_id].outcome == "applied"
    assert rows[event_id].attempts >= 2


async def test_a_deletion_leaves_a_tombstone_that_a_late_change_does_not_bring_back(works: Works) -> None:
    customer_id = await works.change("customer")
    async with works.worker():
        await works.wait_for(await works.append(works.hint(customer_id, kind="customer")))
        held = await works.find_customer(customer_id)
        assert held is not None
        assert held.email

        await works.change("customer", object_id=customer_id, action="delete")
        deletion = await works.append(works.hint(customer_id, kind="customer", action="delete"))
        rows = await works.wait_for(deletion)
        assert rows[deletion[0]].outcome == "applied"
        stone = await works.find_customer(customer_id)
        assert stone is not None
        assert stone.is_deleted
        assert stone.email is None

        assert stone.source_updated_at
        stamp = stone.source_updated_at - timedelta(minutes=1)
        late = await works.append(works.hint(customer_id, kind="customer", stamp=stamp))
        again = await works.append(works.hint(customer_id, kind="customer", action="delete"))
        rows = await works.wait_for([*late, *again])
        await works.wait_for_rest()
    assert rows[late[0]].outcome == "superseded"
    stone = await works.find_customer(customer_id)
    assert stone is not None
    assert stone.is_deleted
    assert (await works.read_counter("customers"), await works.read_counter("customers_deleted")) == (0, 1)
    assert not await works.superuser.fetch("SELECT 1 FROM customer_identities")


async def test_a_404_for_a_change_of_a_live_customer_is_no_deletion(works: Works) -> None:
    customer_id = await works.change("customer")
    async with works.worker():
        await works.wait_for(await works.append(works.hint(customer_id, kind="customer")))
        await works.break_calls("status", route="get_customer", object_id=customer_id, status=404)
        ids = await works.append(works.hint(customer_id, kind="customer"))

        async def is_tried() -> bool:
            return bool(await works.count_tries())

        await until(is_tried)
        held = await works.find_customer(customer_id)
        assert held is not None
        assert not held.is_deleted
        await works.mend_calls()
        rows = await works.wait_for(ids)
        await works.wait_for_rest()
    assert rows[ids[0]].outcome == "duplicate"
    assert await works.read_counter("customers") == 1


async def test_a_deletion_of_what_was_never_held_is_ignored_by_name(works: Works) -> None:
    async with works.worker():
        ids = await works.append(works.hint("userId:0a1b2c3d", kind="customer", action="delete"))
        rows = await works.wait_for(ids)
        await works.wait_for_rest()
    assert rows[ids[0]] == Row("ignored", "nothing_held", 1)


async def test_an_inline_document_is_opened_mapped_and_applied_without_a_fetch(works: Works) -> None:
    calls = count_calls("get_customer")
    older = await works.inline(b'{"type":"customer.upsert","data":{"external_id":"c-1","first_name":"Ana"}}')
    await asyncio.sleep(0.002)  # the ids' and the signatures' times must differ
    newest = await works.inline(b'{"type":"customer.upsert","data":{"external_id":"c-1","birth_date":"never"}}')
    ids = await works.append(older, newest)
    async with works.worker():
        rows = await works.wait_for(ids)
        await works.wait_for_rest()
    # The unmappable newest one must not make the good older one count as superseded.
    assert [rows[event_id].outcome for event_id in ids] == ["applied", "dead"]
    stored = await works.find_customer("c-1", source="brand")
    assert stored is not None
    assert stored.first_name == "Ana"
    assert count_calls("get_customer") == calls

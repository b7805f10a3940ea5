"""A limit in a real drain: who waits, what goes on, and who is fetched when the limit rises."""

from typing import Any

import orjson
import pytest

from app.core.queue_runner import send_command
from app.services import live_tenants
from app.services.waiting_customers import enqueue_all_waiting, enqueue_waiting
from tests.integration.workers.works import ACME, GLOBEX, Works, count_outcomes, until
from workers.context import DrainContext


@pytest.fixture(autouse=True)
def quick_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed limit binds at once."""
    monkeypatch.setattr(live_tenants, "CACHE_TTL_S", 0.0)


async def set_limit(works: Works, customers: int, tenant_id: int = ACME) -> None:
    await works.superuser.execute(
        "UPDATE tenants SET settings = jsonb_build_object('max_customers', $2::bigint) WHERE tenant_id = $1",
        tenant_id,
        customers,
    )


async def ask(context: DrainContext, tenant_id: int = ACME) -> int:
    return await enqueue_waiting(context.database, context.keyring, context.queue, context.settings, tenant_id)


async def make_customers(works: Works, amount: int, tenant_id: int = ACME) -> list[str]:
    return [await works.change("customer", tenant_id) for _ in range(amount)]


async def send(works: Works, customers: list[str], tenant_id: int = ACME) -> list[str]:
    hints = [works.hint(customer, tenant_id, kind="customer") for customer in customers]
    return await works.append(*hints, tenant_id=tenant_id)


async def read_waiting(works: Works) -> list[Any]:
    rows = await works.superuser.fetch("SELECT external_id FROM waiting_customers ORDER BY 1")
    return [row["external_id"] for row in rows]


async def test_at_the_limit_orders_and_held_customers_go_on_and_new_ones_wait(works: Works) -> None:
    await set_limit(works, 1)
    [held, new] = await make_customers(works, 2)
    async with works.worker():
        await works.wait_for(await send(works, [held]))
        await works.change("customer", object_id=held)
        order = await works.change_order()
        ids = [*await send(works, [held, new]), *await works.append(works.hint(order))]
        rows = await works.wait_for(ids)
        await works.wait_for_rest()
    assert [(rows[event_id].outcome, rows[event_id].reason) for event_id in ids] == [
        ("applied", None), ("ignored", "customer_limit"), ("applied", None),
    ]  # fmt: skip
    assert await works.find_customer(new) is None
    assert await works.find_order(order.order_id) is not None
    assert await read_waiting(works) == [new]
    assert await works.read_counter("customers_waiting") == 1


async def test_those_who_wait_are_fetched_when_the_limit_rises_and_the_gap_closes(works: Works) -> None:
    await set_limit(works, 0)
    customers = await make_customers(works, 3)
    async with works.worker() as context:
        await works.wait_for(await send(works, customers))
        await works.wait_for_rest()
        assert await ask(context) == 0, "no room"
        await set_limit(works, 2)
        assert await ask(context) == 2

        async def are_two_stored() -> bool:
            return await works.read_counter("customers") == 2

        await until(are_two_stored)
        await works.wait_for_rest()
        assert len(await read_waiting(works)) == await works.read_counter("customers_waiting") == 1
        assert await works.superuser.fetchval("SELECT reason FROM gaps") == "customer_limit"
        await set_limit(works, 9)
        where = (context.database, context.keyring, context.queue, context.settings)
        assert await enqueue_all_waiting(*where) == 1

        async def is_all_stored() -> bool:
            return await works.read_counter("customers") == 3

        await until(is_all_stored)
        await works.wait_for_rest()
        assert await enqueue_all_waiting(*where) == 0
    assert await read_waiting(works) == []
    assert await works.read_counter("customers_waiting") == 0
    assert await works.superuser.fetchval("SELECT count(*) FROM gaps") == 0
    assert {customer for customer in customers if await works.find_customer(customer)} == set(customers)


async def test_nobody_is_asked_for_twice_while_on_the_way_and_a_suspended_tenants_not_at_all(works: Works) -> None:
    await set_limit(works, 0)
    customers = await make_customers(works, 2)
    async with works.worker() as context:
        await works.wait_for(await send(works, customers))
        await works.wait_for_rest()
        await set_limit(works, 9)
        await context.queue.pause(ACME)
        await works.superuser.execute("UPDATE tenants SET status = 'suspended' WHERE tenant_id = $1", ACME)
        assert await ask(context) == 0
        await works.superuser.execute("UPDATE tenants SET status = 'active' WHERE tenant_id = $1", ACME)
        assert await ask(context) == 2
        assert await ask(context) == 0
        entries = await send_command(works.redis, "XRANGE", f"t:{ACME}:events", "-", "+")
        bodies = [orjson.loads(fields[b"b"]) for _, fields in entries]
        assert sorted(body["o"] for body in bodies) == sorted(customers)
        assert {(body["s"], body["a"], body["i"], body["f"]) for body in bodies} == {
            ("vtex", works.accounts[ACME], 1, "hint")
        }
        await context.queue.resume(ACME)
        await works.wait_for_rest()
    assert await works.read_counter("customers") == 2


async def test_an_inline_document_is_replayed_when_there_is_room(works: Works) -> None:
    await set_limit(works, 0)
    async with works.worker() as context:
        document = await works.inline(b'{"type":"customer.upsert","data":{"external_id":"c-1","first_name":"Ana"}}')
        ids = await works.append(document)
        rows = await works.wait_for(ids)
        assert (rows[ids[0]].outcome, rows[ids[0]].reason) == ("dead", "customer_limit")
        await works.wait_for_rest()
        assert await works.read_counter("customers_waiting") == 1
        assert await ask(context) == 0
        await set_limit(works, 1)
        assert await ask(context) == 1

        async def is_stored() -> bool:
            return await works.read_counter("customers") == 1

        await until(is_stored)
        await works.wait_for_rest()
        assert await ask(context) == 0
    assert count_outcomes(await works.read_ledger()) == {"dead": 1, "applied": 1}
    found = await works.find_customer("c-1", source="brand")
    assert found is not None
    assert found.first_name == "Ana"
    assert [letter["status"] for letter in await works.read_dead_letters()] == ["replayed"]
    assert await read_waiting(works) == []
    assert await works.superuser.fetchval("SELECT count(*) FROM gaps") == 0


async def test_a_discarded_document_waits_no_more(works: Works) -> None:
    await set_limit(works, 0)
    async with works.worker() as context:
        await works.wait_for(
            await works.append(await works.inline(b'{"type":"customer.upsert","data":{"external_id":"c-1"}}'))
        )
        await works.superuser.execute("UPDATE dead_letters SET status = 'discarded', sealed_body = NULL")
        await set_limit(works, 9)
        assert await ask(context) == 0
    assert await read_waiting(works) == []
    assert await works.read_counter("customers_waiting") == 0
    assert await works.superuser.fetchval("SELECT count(*) FROM gaps") == 0


async def test_a_neighbours_limit_is_its_own(works: Works) -> None:
    await set_limit(works, 0)
    [acmes] = await make_customers(works, 1)
    [globexs] = await make_customers(works, 1, GLOBEX)
    async with works.worker() as context:
        await works.wait_for(await send(works, [acmes]))
        rows = await works.wait_for(await send(works, [globexs], GLOBEX), GLOBEX)
        await works.wait_for_rest()
        assert await ask(context, GLOBEX) == 0
    assert count_outcomes(rows) == {"applied": 1}
    assert await read_waiting(works) == [acmes]

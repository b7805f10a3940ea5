"""From a notification's pointer to the order's row: what it costs, what it must not overwrite, what is nobody's."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.connectors.mercadolibre.mapping import map_order
from app.services.integrations import seal_credentials
from schemas.records import OrderRecord
from tests.integration.sandbox.test_mercadolibre import ORDER_ID, SHIPMENT_ID, WHOLE
from tests.integration.workers.mercadolibre.conftest import Shop, make_order, stock
from tests.integration.workers.works import ACME, GLOBEX, until

PAYMENT_ID = "90111222334"
TRIO = (ORDER_ID, f"shipment:{SHIPMENT_ID}", f"payment:{PAYMENT_ID}")


def make_truth(shop: Shop, tenant_id: int = ACME, **changes: Any) -> OrderRecord:
    document = make_order(shop.sellers[tenant_id], **changes)
    return map_order({**document, "shipment": WHOLE["shipment"], "billing_info": WHOLE["billing_info"]})


def move(stamp: str, **by: float) -> str:
    return (datetime.fromisoformat(stamp) + timedelta(**by)).isoformat(timespec="milliseconds")


async def change(shop: Shop, *, by_hours: float, **changes: Any) -> dict[str, Any]:
    """The order changes at the provider."""
    order = make_order(shop.meli, last_updated=move(WHOLE["last_updated"], hours=by_hours), **changes)
    await shop.meli.control("PATCH", "sellers", {shop.meli.user_id: {"orders": {ORDER_ID: order}}})
    return order


async def leave_out(shop: Shop, *parts: str) -> None:
    partial = {ORDER_ID: list(parts)} if parts else {}
    await shop.meli.control("PATCH", "sellers", {shop.meli.user_id: {"partial": partial}})


async def drain(shop: Shop, *pointers: str, **settings: object) -> dict[str, str]:
    """Outcome by pointer, once all of them are settled."""
    events = [shop.hint(pointer) for pointer in pointers]
    async with shop.worker(**settings):
        rows = await shop.works.wait_for(await shop.works.append(*events))
        await shop.works.wait_for_rest()
    return {event.object_id: rows[event.event_id].outcome for event in events}


async def test_a_pointer_becomes_a_whole_row_of_its_seller_and_of_nobody_else(shop: Shop) -> None:
    assert await drain(shop, ORDER_ID) == {ORDER_ID: "applied"}
    assert await shop.get_order() == make_truth(shop)
    assert await shop.find_order(tenant_id=GLOBEX) is None
    keys = await shop.works.superuser.fetch("SELECT tenant_id, source, account FROM orders")
    assert [tuple(row) for row in keys] == [(ACME, "mercadolibre", shop.meli.user_id)]


async def test_three_pointers_to_one_order_cost_little(shop: Shop) -> None:
    await shop.meli.tell("payment", {"body": {"collection": {"order_id": int(ORDER_ID)}}})
    before = await shop.count("order", "shipment", "billing", "payment")
    events = [shop.hint(pointer) for pointer in TRIO]
    async with shop.worker():
        await shop.works.wait_for(await shop.works.append(*events))
        spent = {route: calls - before[route] for route, calls in (await shop.count(*before)).items()}
        # The order and its parts once; the shipment and the payment once each to learn whose they are.
        assert spent == {"order": 1, "shipment": 2, "billing": 1, "payment": 1}
        rows = await shop.works.wait_for(await shop.works.append(*(shop.hint(pointer) for pointer in TRIO)))
        again = {route: calls - before[route] - spent[route] for route, calls in (await shop.count(*before)).items()}
    assert again == {"order": 1, "shipment": 1, "billing": 1, "payment": 0}, "whose they are is known now"
    assert {row.outcome for row in rows.values()} == {"duplicate"}
    assert await shop.works.superuser.fetchval("SELECT count(*) FROM orders") == 1


async def test_what_was_asked_for_before_an_event_was_read_does_not_serve_it(shop: Shop) -> None:
    async with shop.worker():
        await shop.works.wait_for(await shop.works.append(shop.hint()))
        await change(shop, by_hours=1, status="cancelled")
        rows = await shop.works.wait_for(await shop.works.append(shop.hint(f"shipment:{SHIPMENT_ID}")))
    assert [row.outcome for row in rows.values()] == ["applied"]
    assert (await shop.get_order()).status == "cancelled"


async def test_a_state_that_is_older_than_the_row_changes_nothing(shop: Shop) -> None:
    await change(shop, by_hours=48, status="cancelled")
    await drain(shop, ORDER_ID)
    newer = await shop.get_order()
    await change(shop, by_hours=24, status="paid")
    assert (await drain(shop, ORDER_ID)) == {ORDER_ID: "duplicate"}
    assert await shop.get_order() == newer
    assert newer.status == "cancelled"


@pytest.mark.parametrize("parts", [("buyer",), ("shipping",), ("buyer", "shipping", "feedback")], ids="-".join)
async def test_what_206_leaves_out_stays_as_it_is_known_and_the_rest_counts_at_once(
    shop: Shop, parts: tuple[str, ...]
) -> None:
    await drain(shop, ORDER_ID)
    known = await shop.get_order()
    await change(shop, by_hours=48, total_amount=1, buyer={"id": 99}, shipping={"id": None})
    await leave_out(shop, *parts)
    event = shop.hint()
    # Nothing is tried again soon, so that what stands now is what the 206 told.
    async with shop.worker(retry_base_s=60.0, retry_max_s=60.0):
        await shop.works.append(event)

        async def find() -> OrderRecord | None:
            found = await shop.get_order()
            return found if found.total_minor == 100 else None

        held = await until(find)
        assert held is not None
        assert event.event_id not in await shop.works.read_ledger()
    for part, fields in (("buyer", ("buyer",)), ("shipping", ("shipping_address", "shipping_minor"))):
        if part in parts:
            assert all(getattr(held, name) == getattr(known, name) for name in fields)
        else:
            assert any(getattr(held, name) != getattr(known, name) for name in fields)
    assert held.missing == ()


async def test_what_206_left_out_is_asked_for_again_until_it_is_told(shop: Shop) -> None:
    await leave_out(shop, "buyer", "shipping")
    before = await shop.count("order")
    event = shop.hint()
    async with shop.worker():
        await shop.works.append(event)

        async def is_asked_again() -> bool:
            return (await shop.count("order"))["order"] >= before["order"] + 3

        await until(is_asked_again)
        held = await shop.get_order()
        assert set(held.missing) == {"buyer", "shipping_address", "shipping_minor"}
        await leave_out(shop)
        rows = await shop.works.wait_for([event.event_id])
    assert rows[event.event_id].outcome == "applied"
    assert rows[event.event_id].attempts > 2
    assert await shop.get_order() == make_truth(shop)


async def test_what_is_never_told_ends_with_what_there_is(shop: Shop) -> None:
    await leave_out(shop, "buyer")
    assert await drain(shop, ORDER_ID, tries_max=3) in ({ORDER_ID: "applied"}, {ORDER_ID: "duplicate"})
    assert (await shop.get_order()).missing == ("buyer",)
    assert not await shop.works.read_dead_letters()


async def test_who_bought_is_read_from_invoices_only_where_a_brand_asked_for_it_and_is_sealed(shop: Shop) -> None:
    await shop.works.superuser.execute(
        "UPDATE tenant_integrations SET config = config - 'read_billing_info' WHERE tenant_id = $1", GLOBEX
    )
    before = await shop.count("billing")
    await drain(shop, ORDER_ID)
    async with shop.worker():
        await shop.works.append(shop.hint(tenant_id=GLOBEX), tenant_id=GLOBEX)

        async def find() -> OrderRecord | None:
            return await shop.find_order(tenant_id=GLOBEX)

        theirs = await until(find)
    assert (await shop.count("billing"))["billing"] == before["billing"] + 1
    ours = (await shop.get_order()).buyer
    assert ours is not None
    assert (ours.first_name, ours.document) == ("Lucía", "28999111")
    assert theirs is not None
    assert theirs.buyer is not None
    assert (theirs.buyer.profile_id, theirs.buyer.document, theirs.missing) == ("330011", None, ())
    dump = str(await shop.works.superuser.fetch("SELECT o::text, i::text FROM orders o, order_items i"))
    assert "28999111" not in dump
    assert "Ferreyra" not in dump


async def test_what_is_not_there_is_looked_for_a_few_times_and_ignored(shop: Shop) -> None:
    before = await shop.count("order")
    assert await drain(shop, "2000099999999999") == {"2000099999999999": "ignored"}
    assert (await shop.count("order"))["order"] == before["order"] + 3
    assert not await shop.works.read_dead_letters(), "anybody could fill them"


async def test_an_order_of_somebody_else_is_ignored_at_once(shop: Shop) -> None:
    bought = make_order(shop.meli, seller={"id": 880022})
    await shop.meli.control("PATCH", "sellers", {shop.meli.user_id: {"orders": {ORDER_ID: bought}}})
    before = await shop.count("order")
    assert await drain(shop, ORDER_ID) == {ORDER_ID: "ignored"}
    refusal = {"status": 403, "error": "not_owned_order", "message": "caller is not the seller", "cause": []}
    await shop.meli.tell("order", {"status": 403, "body": refusal})
    assert await drain(shop, ORDER_ID) == {ORDER_ID: "ignored"}
    assert (await shop.count("order"))["order"] == before["order"] + 2
    assert await shop.find_order() is None


async def test_a_missing_permission_is_dead_at_once_and_can_be_replayed(shop: Shop) -> None:
    refusal = {"code": "PA_UNAUTHORIZED_RESULT_FROM_POLICIES", "blocked_by": "PolicyAgent", "status": 403}
    await shop.meli.tell("order", {"status": 403, "body": refusal})
    before = await shop.count("order")
    assert await drain(shop, ORDER_ID) == {ORDER_ID: "dead"}
    assert (await shop.count("order"))["order"] == before["order"] + 1
    [letter] = await shop.works.read_dead_letters()
    assert letter["reason"] == "provider_refused"
    assert (await shop.find_integration()).status == "active"


async def test_rows_of_another_seller_never_stand_under_an_account(shop: Shop) -> None:
    """Tokens of somebody else, or an account whose name is not known yet."""
    account = "MLA/1234"
    await shop.works.superuser.execute(
        "UPDATE tenant_integrations SET account = $2 WHERE tenant_id = $1 AND connector = 'mercadolibre'", ACME, account
    )
    await stock(shop.meli, make_order(shop.meli))
    keys = await shop.works.keys_of(ACME)
    application = shop.meli.application
    credentials = {"client_secret": application.client_secret, "refresh_token": application.seed}
    await shop.works.superuser.execute(
        "UPDATE tenant_integrations SET sealed_credentials = $2 WHERE tenant_id = $1 AND connector = 'mercadolibre'",
        ACME, seal_credentials(keys, "mercadolibre", account, credentials),
    )  # fmt: skip
    event = shop.hint()._replace(account=account)
    async with shop.worker():
        await shop.works.append(event)

        async def is_refused() -> bool:
            return (await shop.find_integration()).status == "credentials_refused"

        await until(is_refused)
    assert "another account" in str((await shop.find_integration()).status_reason)
    assert not await shop.works.superuser.fetchval("SELECT count(*) FROM orders")

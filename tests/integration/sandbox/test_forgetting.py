"""What a store makes beyond its stock has an end: the oldest of it goes without a word."""

from typing import Any

from scripts.sandbox.store import Store
from scripts.sandbox.times import WorldClock
from tests.integration.sandbox.remote import Sandbox
from tests.integration.sandbox.test_mutations import mutate, read_fingerprints
from tests.integration.sandbox.test_order_list import walk
from tests.integration.sandbox.test_scroll import read_all


async def test_the_oldest_made_objects_go_and_the_stock_stays(sandbox: Sandbox) -> None:
    stocked: dict[str, Any] = {kind: await read_fingerprints(sandbox, kind) for kind in ("order", "customer")}
    await sandbox.put_account(sandbox.acme, objects_kept_max=5)
    made = {kind: await mutate(sandbox, kind, "create", 12) for kind in ("customer", "order")}
    for kind in ("order", "customer"):
        assert set(await read_fingerprints(sandbox, kind)) == {*stocked[kind], *made[kind][-5:]}
    assert {row["orderId"] for row in await walk(sandbox)} == {*stocked["order"], *made["order"][-5:]}
    assert {row["id"] for row in await read_all(sandbox)} == {*stocked["customer"], *made["customer"][-5:]}
    path = f"/api/oms/pvt/orders/{made['order'][0]}"
    assert (await sandbox.call(sandbox.acme, "GET", path))[0] == 404
    account = (await sandbox.control("GET", "accounts"))[sandbox.acme]
    assert (account["orders"], account["customers"]) == (15, 25)


def test_a_document_that_is_made_again_is_the_same() -> None:
    store = Store("acme", 1, WorldClock())
    order = store.create_order()
    store.advance_order(order)
    store.patch_order(store.create_order(), {"value": 5})
    before = order.show()
    order.forget_document()
    assert order.show() == before == order.show()

"""VTEX's routes as the sandbox answers them, and its weather."""

from random import Random

import pytest

from scripts.sandbox.faults import Fault, Verdict, Weather
from scripts.sandbox.people import write_cuit
from scripts.sandbox.store import Store
from scripts.sandbox.times import WorldClock
from tests.integration.sandbox.remote import KEYS, Sandbox


async def test_keys_are_checked_without_any_permission(sandbox: Sandbox) -> None:
    right = {"appkey": KEYS["app_key"], "apptoken": KEYS["app_token"]}
    status, body = await sandbox.call(sandbox.acme, "POST", "/api/vtexid/apptoken/login", json=right)
    assert (status, body["authStatus"]) == (200, "Success")
    wrong = {**right, "apptoken": "wrong"}
    assert (await sandbox.call(sandbox.acme, "POST", "/api/vtexid/apptoken/login", json=wrong))[0] == 401


async def test_old_and_new_keys_are_valid_until_the_rotation_is_over(sandbox: Sandbox) -> None:
    await sandbox.control("PUT", "accounts", {sandbox.acme: {"app_key": "new", "app_token": "t"}})
    assert (await sandbox.call(sandbox.acme, "GET", "/api/oms/pvt/orders"))[0] == 200
    await sandbox.control(
        "PUT", "accounts", {sandbox.acme: {"app_key": "new", "app_token": "t", "replaces_keys": True}}
    )
    assert (await sandbox.call(sandbox.acme, "GET", "/api/oms/pvt/orders"))[0] == 401


async def test_an_order_shows_an_alias_and_the_conversation_the_address(sandbox: Sandbox) -> None:
    order_id = (await sandbox.change("order", deliver=False))["object_id"]
    _, document = await sandbox.call(sandbox.acme, "GET", f"/api/oms/pvt/orders/{order_id}")
    assert document["clientProfileData"]["email"].endswith("@ct.vtex.com.br")
    path = f"/api/oms/pvt/orders/{order_id}/conversation-message"
    assert (await sandbox.call(sandbox.acme, "GET", path))[1] == []
    for _ in range(2):
        await sandbox.change("order", object_id=order_id, deliver=False)
    [message] = (await sandbox.call(sandbox.acme, "GET", path))[1]
    [shopper] = message["to"]
    assert shopper["emailAlias"] == document["clientProfileData"]["email"]
    assert "ct.vtex" not in shopper["email"]


async def test_the_list_has_its_caps(sandbox: Sandbox) -> None:
    _, body = await sandbox.call(sandbox.acme, "GET", "/api/oms/pvt/orders?per_page=3")
    assert (len(body["list"]), body["paging"]["total"]) == (3, 10)
    assert (await sandbox.call(sandbox.acme, "GET", "/api/oms/pvt/orders?per_page=101"))[0] == 400
    assert (await sandbox.call(sandbox.acme, "GET", "/api/oms/pvt/orders?page=31"))[0] == 400


async def test_a_patch_reaches_the_document(sandbox: Sandbox) -> None:
    patch = {"value": 1.5, "clientProfileData": {"email": "canary@example.com"}}
    order_id = (await sandbox.change("order", patch=patch, deliver=False))["object_id"]
    _, document = await sandbox.call(sandbox.acme, "GET", f"/api/oms/pvt/orders/{order_id}")
    assert document["value"] == 1.5
    assert document["clientProfileData"]["email"] == "canary@example.com"
    assert document["clientProfileData"]["lastName"]


async def test_an_unknown_account_or_control_is_an_error(sandbox: Sandbox) -> None:
    assert (await sandbox.call("nobody", "GET", "/api/oms/pvt/orders"))[0] == 404
    for path, body in (("traffic", {"events": 0}), ("faults", {"kind": "rain"}), ("traffic", {"mix": {"cats": 1}})):
        async with sandbox.session.post(f"{sandbox.url}/_sandbox/{path}", json=body) as response:
            assert response.status == 400
            assert (await response.json())["error"]


def test_answer_times_are_as_said() -> None:
    weather = Weather(300, seed=1)
    verdicts = [weather.judge("acme", "get_order", "1") for _ in range(20_000)]
    delays = sorted(verdict.delay_s for verdict in verdicts)
    assert delays[10_000] == pytest.approx(0.3, rel=0.05)
    assert delays[19_800] == pytest.approx(0.6, rel=0.1)
    assert 5 <= sum(verdict.is_hanging for verdict in verdicts) <= 45


def test_without_latency_there_is_none() -> None:
    weather = Weather(0, seed=1)
    assert all(weather.judge("acme", "get_order", "1") == Verdict() for _ in range(5_000))


def test_a_fault_ends_with_its_calls() -> None:
    weather = Weather(0, seed=1)
    weather.add(Fault({"status": 503, "calls": 2, "account": "acme"}))
    assert weather.judge("globex", "get_order", "1").status == 0
    assert [weather.judge("acme", "get_order", "1").status for _ in range(3)] == [503, 503, 0]


def test_the_same_seed_makes_the_same_store() -> None:
    def show(seed: int) -> list[str]:
        store = Store("acme", seed, WorldClock())
        store.stock(5, 5)
        people = [customer.person.email for customer in store.customers.list_newest()]
        return people + [order.order_id for order in store.orders.list_newest()]

    assert show(1) == show(1) != show(2)


def test_a_cuit_has_its_check_digit() -> None:
    assert write_cuit("20", "11111111") == "20-11111111-2"
    random = Random(1)
    weights = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
    for _ in range(500):
        digits = write_cuit("20", str(random.randint(8_000_000, 58_000_000))).replace("-", "")
        assert sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11 == 0

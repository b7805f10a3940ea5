from typing import Any

import pytest
from aiohttp import web

from tests.integration.sandbox.remote import KEYS, Call, Receiver, Sandbox


async def test_the_address_is_pinged_without_headers_before_the_hook_is_accepted(
    sandbox: Sandbox, receiver: Receiver
) -> None:
    status, _ = await sandbox.set_hook(sandbox.acme, f"{receiver.url}/new")
    assert status == 200
    [ping] = receiver.calls
    assert ping.json == {"hookConfig": "ping"}
    assert "X-Acequia-Secret" not in ping.headers
    status, configuration = await sandbox.call(sandbox.acme, "GET", "/api/orders/hook/config")
    assert (status, configuration["hook"]["url"]) == (200, f"{receiver.url}/new")


@pytest.mark.parametrize("status", [201, 204, 401, 500])
async def test_a_ping_that_is_not_answered_200_refuses_the_hook(
    sandbox: Sandbox, receiver: Receiver, status: int
) -> None:
    receiver.answer_in_turn(status)
    assert (await sandbox.set_hook(sandbox.acme, f"{receiver.url}/new"))[0] == 400
    _, configuration = await sandbox.call(sandbox.acme, "GET", "/api/orders/hook/config")
    assert configuration["hook"]["url"] != f"{receiver.url}/new", "the old one stands"


async def test_a_hook_can_be_deleted_once(sandbox: Sandbox) -> None:
    assert (await sandbox.call(sandbox.acme, "DELETE", "/api/orders/hook/config"))[0] == 200
    assert (await sandbox.call(sandbox.acme, "DELETE", "/api/orders/hook/config"))[0] == 404
    assert (await sandbox.call(sandbox.acme, "GET", "/api/orders/hook/config"))[0] == 404


async def test_filters_that_do_not_go_together_are_a_conflict(sandbox: Sandbox, receiver: Receiver) -> None:
    mixed: dict[str, Any] = {"type": "FromWorkflow", "expression": "value > 1"}
    assert (await sandbox.set_hook(sandbox.acme, receiver.url, **mixed))[0] == 409


async def test_wrong_keys_are_refused(sandbox: Sandbox) -> None:
    wrong = {"X-VTEX-API-AppKey": KEYS["app_key"], "X-VTEX-API-AppToken": "wrong"}
    status, body = await sandbox.call(sandbox.acme, "GET", "/api/orders/hook/config", headers=wrong)
    assert (status, body["error"]["code"]) == (401, "1")
    assert (await sandbox.call(sandbox.acme, "GET", "/api/orders/hook/config", headers={}))[0] == 401


async def test_an_order_s_notifications_form_a_chain(sandbox: Sandbox, receiver: Receiver) -> None:
    order_id = (await sandbox.change("order"))["object_id"]
    for _ in range(2):
        await sandbox.change("order", object_id=order_id)
    first, second, third = (call.json for call in receiver.calls)
    assert first["State"] == "order-created"
    assert first["LastState"] is None
    assert first["LastChange"] == "0001-01-01T00:00:00"
    assert (second["LastState"], second["LastChange"]) == (first["State"], first["CurrentChange"])
    assert (third["LastState"], third["LastChange"]) == (second["State"], second["CurrentChange"])
    assert third["Origin"] == {"Account": sandbox.acme, "Key": KEYS["app_key"]}
    assert all(call.headers["X-Acequia-Secret"] == "s3cret" for call in receiver.calls)
    _, document = await sandbox.call(sandbox.acme, "GET", f"/api/oms/pvt/orders/{order_id}")
    assert document["lastChange"][:27] == third["CurrentChange"][:27]
    assert document["status"] == third["State"]


async def test_a_status_outside_the_filter_is_not_told(sandbox: Sandbox, receiver: Receiver) -> None:
    await sandbox.set_hook(sandbox.acme, receiver.url, type="FromWorkflow", status=["payment-pending"])
    receiver.calls.clear()
    order_id = (await sandbox.change("order"))["object_id"]
    for _ in range(2):
        await sandbox.change("order", object_id=order_id)
    assert [call.json["State"] for call in receiver.calls] == ["payment-pending"]


async def test_a_refused_notification_is_sent_again_a_trigger_never(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.answer_in_turn(503, 429)
    orders = await sandbox.run(events=1, mix={"orders": 1})
    assert (orders["accepted"], orders["calls"], orders["refusals"]) == (1, 3, {"429": 1, "503": 1})
    receiver.answer_in_turn(503)
    customers = await sandbox.run(events=1, mix={"customers": 1})
    assert (customers["refused"], customers["calls"]) == (1, 1)


async def test_only_200_counts(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.answer_in_turn(202)
    run = await sandbox.run(events=1, mix={"orders": 1})
    assert run["refusals"] == {"202": 1}


async def test_an_ignored_call_is_counted_as_such(sandbox: Sandbox, receiver: Receiver) -> None:
    async def ignore(_: Call) -> web.Response:
        return web.json_response({"success": True, "ignored": "origin_account"})

    receiver.answer = ignore
    run = await sandbox.run(events=3)
    assert (run["sent"], run["ignored"], run["accepted"]) == (3, 3, 0)

"""App keys of the sandbox: a hook for each, what each may do; stores that show nothing personal or do not answer."""

from typing import Any

import pytest

from app.connectors.vtex.email import is_masked
from tests.integration.sandbox.remote import KEYS, SECRET_HEADER, Receiver, Sandbox

OTHER = {"app_key": "vtexappkey-other-ABCDEF", "app_token": "other-token"}
OTHER_HEADERS = {"X-VTEX-API-AppKey": OTHER["app_key"], "X-VTEX-API-AppToken": OTHER["app_token"]}
HOOK = "/api/orders/hook/config"


async def plant_other_hook(sandbox: Sandbox, receiver: Receiver, **filters: Any) -> None:
    hook = {"url": f"{receiver.url}/other", "headers": {}}
    await sandbox.control("PUT", "accounts", {sandbox.acme: {**OTHER, "hook": hook, "filter": filters or None}})


async def show(sandbox: Sandbox) -> Any:
    return (await sandbox.control("GET", "accounts"))[sandbox.acme]


async def test_each_app_key_has_its_own_hook(sandbox: Sandbox, receiver: Receiver) -> None:
    await sandbox.control("PUT", "accounts", {sandbox.acme: OTHER})
    assert (await sandbox.call(sandbox.acme, "GET", HOOK, headers=OTHER_HEADERS))[0] == 404
    body = {"hook": {"url": f"{receiver.url}/other", "headers": SECRET_HEADER}}
    assert (await sandbox.call(sandbox.acme, "POST", HOOK, headers=OTHER_HEADERS, json=body))[0] == 200
    assert (await show(sandbox))["hooks"] == {
        KEYS["app_key"]: f"{receiver.url}/hook/{sandbox.acme}",
        OTHER["app_key"]: f"{receiver.url}/other",
    }
    assert (await sandbox.call(sandbox.acme, "DELETE", HOOK))[0] == 200
    assert (await sandbox.call(sandbox.acme, "GET", HOOK))[0] == 404
    status, configuration = await sandbox.call(sandbox.acme, "GET", HOOK, headers=OTHER_HEADERS)
    assert (status, configuration["hook"]["url"]) == (200, f"{receiver.url}/other")
    assert (await show(sandbox))["hooks"] == {OTHER["app_key"]: f"{receiver.url}/other"}


async def test_a_change_is_told_to_every_hook_that_wants_it(sandbox: Sandbox, receiver: Receiver) -> None:
    await plant_other_hook(sandbox, receiver, type="FromWorkflow", status=["order-created"])
    changed = await sandbox.change("order")
    assert [delivery["status"] for delivery in changed["deliveries"]] == [200, 200]
    told = {call.path: call.json["Origin"]["Key"] for call in receiver.calls}
    assert told == {f"/hook/{sandbox.acme}": KEYS["app_key"], "/other": OTHER["app_key"]}
    receiver.calls.clear()
    await sandbox.change("order", object_id=changed["object_id"])
    assert [call.path for call in receiver.calls] == [f"/hook/{sandbox.acme}"]


async def test_planting_a_hook_pings_nobody_and_null_takes_it_away(sandbox: Sandbox, receiver: Receiver) -> None:
    await plant_other_hook(sandbox, receiver)
    assert receiver.calls == []
    await sandbox.control("PUT", "accounts", {sandbox.acme: {**OTHER, "hook": None}})
    assert list((await show(sandbox))["hooks"]) == [KEYS["app_key"]]


async def test_a_run_tells_every_hook_of_each_change(sandbox: Sandbox, receiver: Receiver) -> None:
    await plant_other_hook(sandbox, receiver)
    mix = {"orders": 1, "duplicates": 0, "out_of_order": 0.2}
    run = await sandbox.run(events=101, mix=mix, accounts=[sandbox.acme])
    assert 101 <= run["sent"] <= 104
    ours, others = (
        {(call.json["OrderId"], call.json["State"]) for call in receiver.calls if call.path == path}
        for path in (f"/hook/{sandbox.acme}", "/other")
    )
    assert ours == others
    assert len(ours) * 2 == run["sent"] == len(receiver.calls)


ROUTES = {
    "list": ("GET", "/api/oms/pvt/orders"),
    "order": ("GET", "/api/oms/pvt/orders/nothing-01"),
    "conversation": ("GET", "/api/oms/pvt/orders/nothing-01/conversation-message"),
    "read hook": ("GET", HOOK),
    "save hook": ("POST", HOOK),
    "delete hook": ("DELETE", HOOK),
    "client": ("GET", "/api/dataentities/CL/documents/nothing"),
    "clients": ("GET", "/api/dataentities/CL/search"),
    "addresses": ("GET", "/api/dataentities/AD/search"),
}


@pytest.mark.parametrize(
    ("permissions", "may"),
    [
        ([], set()),
        (["List Orders"], {"list"}),
        (["View order"], {"order"}),
        (["Orders Full Access"], {"list", "order", "conversation"}),
        (["Feed v3 and Hook view only"], {"read hook"}),
        (["Feed v3 and Hook Admin"], {"read hook", "save hook", "delete hook"}),
        (["Read only documents"], {"client", "clients", "addresses"}),
    ],
)
async def test_a_key_does_what_its_resources_say(sandbox: Sandbox, permissions: list[str], may: set[str]) -> None:
    await sandbox.put_account(sandbox.acme, permissions=permissions)
    statuses = {
        name: (await sandbox.call(sandbox.acme, method, path, json={}))[0] for name, (method, path) in ROUTES.items()
    }
    assert {name for name, status in statuses.items() if status != 403} == may
    assert 401 not in statuses.values()
    assert (await show(sandbox))["permissions"] == {KEYS["app_key"]: permissions}


async def test_permissions_are_a_key_s_own_and_stay(sandbox: Sandbox) -> None:
    await sandbox.control("PUT", "accounts", {sandbox.acme: {**OTHER, "permissions": []}})
    await sandbox.control("PUT", "accounts", {sandbox.acme: {**OTHER, "app_token": "newer"}})
    headers = {**OTHER_HEADERS, "X-VTEX-API-AppToken": "newer"}
    assert (await sandbox.call(sandbox.acme, "GET", "/api/oms/pvt/orders", headers=headers))[0] == 403
    assert (await sandbox.call(sandbox.acme, "GET", "/api/oms/pvt/orders", headers=OTHER_HEADERS))[0] == 401
    assert (await sandbox.call(sandbox.acme, "GET", "/api/oms/pvt/orders"))[0] == 200


async def test_a_misspelt_permission_is_an_error(sandbox: Sandbox) -> None:
    body = {sandbox.acme: {**KEYS, "permissions": ["View orders"]}}
    async with sandbox.session.put(f"{sandbox.url}/_sandbox/accounts", json=body) as response:
        assert response.status == 400


async def test_under_data_protection_plus_nothing_personal_is_shown(sandbox: Sandbox, receiver: Receiver) -> None:
    await sandbox.put_account(sandbox.acme, data_protection_plus=True)
    _, listed = await sandbox.call(sandbox.acme, "GET", "/api/oms/pvt/orders?per_page=1")
    assert is_masked(listed["list"][0]["clientName"])
    order_id = listed["list"][0]["orderId"]
    _, order = await sandbox.call(sandbox.acme, "GET", f"/api/oms/pvt/orders/{order_id}")
    profile = order["clientProfileData"]
    assert all(is_masked(profile[name]) for name in ("firstName", "lastName", "document", "phone", "email"))
    assert is_masked(order["shippingData"]["address"]["street"])
    assert order["value"] > 0
    for path in ("CL/search", "AD/search", "CL/documents/nothing"):
        assert (await sandbox.call(sandbox.acme, "GET", f"/api/dataentities/{path}"))[0] == 404
    assert (await sandbox.change("customer"))["deliveries"] == [], "it has no triggers"


async def test_an_offline_store_answers_nothing_until_it_is_back(sandbox: Sandbox) -> None:
    await sandbox.put_account(sandbox.acme, offline=True)
    login = {"appkey": KEYS["app_key"], "apptoken": KEYS["app_token"]}
    assert (await sandbox.call(sandbox.globex, "GET", "/api/oms/pvt/orders"))[0] == 200
    for method, path in (*ROUTES.values(), ("POST", "/api/vtexid/apptoken/login")):
        url = f"{sandbox.url}/{sandbox.acme}{path}"
        async with sandbox.session.request(method, url, json=login) as response:
            assert response.status == 503
    await sandbox.put_account(sandbox.acme, offline=False)
    assert (await sandbox.call(sandbox.acme, "GET", "/api/oms/pvt/orders"))[0] == 200


@pytest.mark.parametrize("route", ["log_in", "get_hook", "delete_hook"])
async def test_faults_reach_login_and_hook_too(sandbox: Sandbox, route: str) -> None:
    method, path = {
        "log_in": ("POST", "/api/vtexid/apptoken/login"), "get_hook": ("GET", HOOK), "delete_hook": ("DELETE", HOOK)
    }[route]  # fmt: skip
    await sandbox.control("POST", "faults", {"account": sandbox.acme, "route": route, "status": 429, "calls": 1})
    assert (await sandbox.call(sandbox.acme, method, path))[0] == 429
    assert (await sandbox.call(sandbox.acme, method, path))[0] != 429

"""Connecting an account: both forms, what is refused, and what is stored of it."""

from typing import Any

import pytest

from tests.integration.api.conftest import ACME, GLOBEX, read
from tests.integration.api.integrations.conftest import APP_KEY, PATH, TOKEN, Shop

CONFIG_FORMS: dict[str, dict[str, str]] = {
    "mercadolibre": {"client_id": "1234", "client_secret": "s", "refresh_token": "TG-1", "site_id": "MLA"},
    "google_ads": {
        "customer_id": "1234567890", "developer_token": "d", "client_id": "1.apps.googleusercontent.com",
        "client_secret": "s",
    },
    "facebook_ads": {"access_token": "t", "ad_account_id": "act_1234567890", "app_id": "1234"},
}  # fmt: skip
HOSTILE = (
    "evil.example/", "evil.example#", "evil.example?", "a@evil.example", "a\\evil.example", "a.evil", "..", "a/b",
    "a:80", "a%2e", "xn--80ak6aa92e", "ACME", "a b", "{account}", "a\tb", "ácme", "-a", "a-", "a" * 64, "127.0.0.1",
)  # fmt: skip


async def test_the_documents_flat_form_connects_an_account_and_sets_the_hook(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        answer = await client.post(PATH, json=shop.form)
        made = read(answer, 201)["data"]
        assert made["id"] == f"int_{ACME}_1"
        assert answer.headers["location"] == f"/api/v2{PATH}/int_{ACME}_1"
        shown = read(await client.get(PATH, params={"tenant_id": ACME}))["data"]
    assert (made["type"], made["account"], made["sync_frequency"]) == ("vtex", shop.account, "daily")
    assert (made["hook"]["status"], made["notes"]) == ("registered", [])
    assert made["credentials"] == {"app_key": {"is_set": True}, "app_token": {"is_set": True}}
    assert [one["id"] for one in shown] == [made["id"]]
    hook = await shop.find_hook()
    assert hook is not None
    assert hook.startswith(f"{shop.receiver.url}/webhooks/vtex/aqe_")
    assert len(await shop.find_secret()) > 30


async def test_the_documents_config_form_does_the_same(shop: Shop) -> None:
    flat = shop.form
    fields = {name: flat[name] for name in ("account_name", "environment", "app_key", "app_token", "sync_frequency")}
    async with shop.cast.client(ACME) as client:
        made = read(await client.post(PATH, json={"tenant_id": ACME, "type": "vtex", "config": fields}), 201)["data"]
    assert (made["account"], made["hook"]["status"], made["sync_frequency"]) == (shop.account, "registered", "daily")


async def test_the_answer_says_how_the_trigger_is_set_by_hand(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        made = await shop.create(client)
        addresses = read(await client.get(f"{PATH}/{made['id']}/addresses"))["data"]
        audit = read(await client.get(f"/tenants/{ACME}/audit"))["data"]
    assert addresses == made["addresses"]
    [trigger] = [one for one in addresses if one["kind"] == "customer_trigger"]
    steps = "\n".join(trigger["steps"])
    assert trigger["url"].startswith(f"{shop.receiver.url}/webhooks/vtex/aqe_")
    assert trigger["url"] in steps
    assert '"id": "{!id}"' in steps
    assert "Clients (CL)" in steps
    assert [entry["action"] for entry in audit][:2] == ["integration.addresses_shown", "integration.created"]


async def test_wrong_credentials_are_refused_with_what_is_wrong_and_stored_nowhere(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        problem = read(await client.post(PATH, json={**shop.form, "app_token": "wrongcanary"}), 422)
        assert read(await client.get(PATH, params={"tenant_id": ACME}))["data"] == []
    assert [error["pointer"] for error in problem["errors"]] == ["/app_token"]
    assert "copy both again" in problem["errors"][0]["detail"]
    assert "wrongcanary" not in str(problem)
    assert await shop.find_hook() is None


async def test_a_missing_permission_stops_only_what_cannot_do_without(shop: Shop) -> None:
    await shop.put_key(permissions=["List Orders", "Read only documents", "Feed v3 and Hook Admin"])
    async with shop.cast.client(ACME) as client:
        problem = read(await client.post(PATH, json=shop.form), 422)
        assert "OMS / View order" in problem["errors"][0]["detail"]
        await shop.put_key(permissions=["List Orders", "View order", "Read only documents"])
        made = await shop.create(client)
    assert made["hook"]["status"] == "failed"
    assert "OMS / Feed v3 and Hook Admin" in made["notes"][0]
    assert [finding["code"] for finding in made["findings"]] == ["missing_permission"]


async def test_a_provider_that_is_down_loses_nothing_and_resuming_makes_up_for_it(shop: Shop) -> None:
    await shop.put_key(offline=True)
    async with shop.cast.client(ACME) as client:
        made = await shop.create(client)
        assert (made["status"], made["hook"]["status"]) == ("active", "failed")
        assert made["findings"][0]["code"] == "provider_unavailable"
        await shop.put_key(offline=False)
        resumed = read(await client.post(f"{PATH}/{made['id']}/resume"))["data"]
    assert (resumed["hook"]["status"], resumed["notes"]) == ("registered", [])
    assert await shop.find_hook() is not None


async def test_without_public_url_real_time_is_off_and_the_answer_says_what_to_set(shop: Shop) -> None:
    async with shop.cast.under(public_url=None).client(ACME) as client:
        made = await shop.create(client)
    assert made["hook"]["status"] == "off"
    assert "PUBLIC_URL is not set" in made["notes"][0]
    assert [one["url"] for one in made["addresses"]] == [None, None]
    assert await shop.find_hook() is None


async def test_production_takes_no_address_that_is_not_https(shop: Shop) -> None:
    async with shop.cast.under(environment="production").client(ACME) as client:
        made = await shop.create(client)
    assert made["hook"]["status"] == "off"
    assert "not https" in made["notes"][0]


async def test_a_hostile_account_name_chooses_no_host(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def build(template: str, name: str, environment: str) -> str:
        asked.append(f"{name}.{environment}")
        return template

    monkeypatch.setattr("app.connectors.vtex.calls.build_base_url", build)
    async with shop.cast.client(ACME) as client:
        for account in HOSTILE:
            for field, value in (("account_name", account), ("environment", account), ("accepted_accounts", [account])):
                problem = read(await client.post(PATH, json={**shop.form, field: value}), 422)
                assert problem["errors"][0]["pointer"].startswith(f"/{field}"), account
            fields = {"account_name": account, "app_key": APP_KEY, "app_token": TOKEN}
            assert read(await client.post(f"{PATH}/validate/vtex", json=fields), 422)["code"] == "invalid_input"
    assert asked == []
    assert shop.receiver.calls == []


@pytest.mark.parametrize("name", list(CONFIG_FORMS))
async def test_a_field_that_a_connector_does_not_declare_is_refused(shop: Shop, name: str) -> None:
    wrong = {"tenant_id": ACME, "type": name, "config": {**CONFIG_FORMS[name], "nonsense": "x"}}
    async with shop.cast.client(ACME) as client:
        assert read(await client.post(PATH, json=wrong), 422)["errors"][0]["pointer"] == "/config/nonsense"
        answer = await client.post(f"{PATH}/validate/{name}", json={"config": wrong["config"]})
        assert read(answer, 422)["errors"][0]["pointer"] == "/config/nonsense"


async def test_an_account_is_connected_once_and_again_after_it_was_deleted(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        made = await shop.create(client)
        assert read(await client.post(PATH, json=shop.form), 409)["code"] == "conflict"
        read(await client.delete(f"{PATH}/{made['id']}"))
        assert (await shop.create(client))["id"] == f"int_{ACME}_2"


async def test_a_repeat_under_the_same_key_is_told_what_was_made_and_no_secret(shop: Shop) -> None:
    key = {"Idempotency-Key": "k-1"}
    async with shop.cast.client(ACME) as client:
        made = read(await client.post(PATH, json=shop.form, headers=key), 201)["data"]
        repeated = read(await client.post(PATH, json=shop.form, headers=key), 409)
    assert (repeated["code"], repeated["object_id"]) == ("answer_not_kept", made["id"])


async def test_a_tenant_has_no_more_integrations_than_it_may(shop: Shop) -> None:
    async with shop.cast.under(integrations_per_tenant_max=1).client(ACME) as client:
        await shop.create(client)
        brand = {"tenant_id": ACME, "type": "brand", "account": "erp"}
        assert "as many as a tenant may have" in read(await client.post(PATH, json=brand), 409)["detail"]


async def test_a_brands_own_system_gets_an_address_and_the_secret_to_sign_with(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        brand = {"tenant_id": ACME, "type": "brand", "account": "erp"}
        made = read(await client.post(PATH, json=brand), 201)["data"]
    [address] = made["addresses"]
    assert (address["kind"], made["hook"]["status"]) == ("inline", "none")
    assert address["secret"].startswith("whsec_")


async def test_two_tenants_with_the_same_name_and_account_do_not_see_each_other(shop: Shop) -> None:
    other_key = {"app_key": "vtexappkey-acme-GLOBEX", "app_token": "globexcanary"}
    await shop.put_key(other_key["app_key"], other_key["app_token"])
    async with shop.cast.client(ACME) as acme, shop.cast.client(GLOBEX) as globex:
        ours = await shop.create(acme, name="Store")
        theirs = await shop.create(globex, name="Store", tenant_id=GLOBEX, **other_key)
        assert (ours["id"], theirs["id"]) == (f"int_{ACME}_1", f"int_{GLOBEX}_1")
        listed = read(await acme.get(PATH, params={"tenant_id": ACME}))
        assert [one["tenant_id"] for one in listed["data"]] == [ACME]
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("GET", "/addresses")):
            assert read(await acme.request(method, f"{PATH}/{theirs['id']}{path}"), 404)["code"] == "not_found"
        assert read(await acme.post(PATH, json={**shop.form, "tenant_id": GLOBEX}), 404)["code"] == "not_found"
        assert read(await globex.get(f"{PATH}/{theirs['id']}"))["data"]["hook"]["status"] == "registered"


async def test_no_secret_is_answered_or_stored_in_the_clear(shop: Shop, superuser: Any, capfd: Any) -> None:
    async with shop.cast.client(ACME) as client:
        created = await client.post(PATH, json=shop.form, headers={"Idempotency-Key": "k-2"})
        made = read(created, 201)["data"]
        one = f"{PATH}/{made['id']}"
        answers = [
            await client.get(one), await client.put(one, json={"app_token": TOKEN, "name": "n"}),
            await client.post(f"{one}/pause"), await client.post(f"{one}/resume"),
            await client.get(f"/tenants/{ACME}/audit"), await client.delete(one),
        ]  # fmt: skip
        addresses = [str(one["url"]).rpartition("/")[2] for one in made["addresses"]]
    assert all(answer.status_code == 200 for answer in answers)
    secrets = [TOKEN, APP_KEY, *addresses]
    assert len(addresses) == 2
    shown = "".join(answer.text for answer in answers) + str({**made, "addresses": []})
    stored = ""
    for table in ("tenant_integrations", "endpoints", "audit_entries", "idempotent_calls"):
        stored += str(await superuser.fetch(f"SELECT x::text, x.* FROM {table} AS x"))
    out, err = capfd.readouterr()
    for secret in secrets:
        assert secret not in shown
        assert secret not in stored
        assert secret not in out + err


async def test_credentials_are_validated_and_nothing_of_them_is_kept(shop: Shop, superuser: Any) -> None:
    right = {"account_name": shop.account, "app_key": APP_KEY, "app_token": TOKEN, "environment": "vtexcommercestable"}
    async with shop.cast.client(ACME, "operator") as client:
        found = read(await client.post(f"{PATH}/validate/vtex", json=right))["data"]
        assert (found["valid"], found["streams"]) == (True, ["orders", "customers"])
        await shop.put_key(permissions=["View order", "Feed v3 and Hook Admin", "Read only documents"])
        lacking = read(await client.post(f"{PATH}/validate/vtex", json=right))["data"]
        assert lacking["findings"][0]["permission"] == "OMS / List Orders"
        wrong = read(await client.post(f"{PATH}/validate/vtex", json={**right, "app_token": "x"}))["data"]
        assert (wrong["valid"], wrong["findings"][0]["code"]) == (False, "wrong_credentials")
        assert read(await client.post(f"{PATH}/validate/nonsense", json=right), 404)["code"] == "not_found"
    assert await superuser.fetchval("SELECT count(*) FROM tenant_integrations") == 0
    assert await shop.find_hook() is None

"""What is held is tried: credentials at the provider, and the address that it calls."""

from typing import Any

from tests.integration.api.conftest import ACME, read
from tests.integration.api.integrations.conftest import PATH, TOKEN, Shop


async def test_held_credentials_are_tried_and_the_findings_are_distinct(shop: Shop) -> None:
    async with shop.cast.client(ACME) as admin, shop.cast.client(ACME, "operator") as operator:
        validate = f"{PATH}/{(await shop.create(admin))['id']}/validate"
        fine = read(await operator.post(validate))["data"]
        assert (fine["valid"], fine["streams"]) == (True, ["orders", "customers"])
        assert [one["code"] for one in fine["findings"]] == ["all_fine"]
        await shop.put_key(token="another")
        wrong = read(await operator.post(validate))["data"]
        assert (wrong["valid"], [one["code"] for one in wrong["findings"]]) == (False, ["wrong_credentials"])
        assert TOKEN not in str(wrong)


async def test_an_integration_goes_on_when_its_provider_takes_the_credentials_again(shop: Shop, superuser: Any) -> None:
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        await superuser.execute("UPDATE tenant_integrations SET status = 'credentials_refused', status_reason = '401'")
        await shop.put_key(token="another")
        read(await client.post(f"{one}/validate"))
        assert read(await client.get(one))["data"]["status"] == "credentials_refused"
        await shop.put_key(offline=True)
        read(await client.post(f"{one}/validate"))
        assert read(await client.get(one))["data"]["status"] == "credentials_refused", "nobody knows yet"
        await shop.put_key(offline=False)
        read(await client.post(f"{one}/validate"))
        shown = read(await client.get(one))["data"]
        assert (shown["status"], shown["status_reason"]) == ("active", None)
        assert read(await client.get(f"/tenants/{ACME}/audit"))["data"][0]["action"] == "integration.resumed"


async def test_without_credentials_there_is_nothing_to_try(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        made = read(await client.post(PATH, json={"tenant_id": ACME, "type": "brand", "account": "erp"}), 201)["data"]
        assert read(await client.post(f"{PATH}/{made['id']}/validate"), 409)["code"] == "conflict"


async def test_a_test_event_is_answered_with_where_to_follow_it(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.services.test_events.WAIT_S", 0.05)
    async with shop.cast.client(ACME) as admin, shop.cast.client(ACME, "operator") as operator:
        one = f"{PATH}/{(await shop.create(admin))['id']}"
        answer = await operator.post(f"{one}/test-event")
        sent = read(answer)["data"]
        assert answer.headers["Location"] == f"/api/v2/tenants/{ACME}/events/{sent['event_id']}"
        assert read(await operator.get(f"/tenants/{ACME}/events/{sent['event_id']}"))["data"]["status"] == "waiting"
        [call] = [one for one in shop.receiver.calls if b"acequia-probe" in one.body]
        assert call.headers["X-Acequia-Secret"] not in str(sent)
        shop.receiver.answer_in_turn(503)
        refused = await operator.post(f"{one}/test-event")
        assert "Location" not in refused.headers
        assert "readyz" in read(refused)["data"]["problem"]

"""Integrations changed, paused and resumed."""

import asyncio
from typing import Any

from app.services.integration_addresses import ensure_endpoints
from app.services.integration_reads import get_row
from tests.integration.api.conftest import ACME, read
from tests.integration.api.integrations.conftest import APP_KEY, PATH, Shop

OTHER_KEY = "vtexappkey-acme-OTHERX"


async def test_a_change_in_part_leaves_the_rest(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        made = await shop.create(client)
        one = f"{PATH}/{made['id']}"
        changed = read(await client.put(one, json={"name": "Tienda", "sync_frequency": "weekly", "auto_sync": False}))
        assert read(await client.put(one, json={}))["data"]["name"] == "Tienda"
        audit = read(await client.get(f"/tenants/{ACME}/audit"))["data"]
    data = changed["data"]
    assert (data["name"], data["sync_frequency"], data["auto_sync"]) == ("Tienda", "weekly", False)
    assert (data["account"], data["environment"]) == (made["account"], made["environment"])
    assert audit[1]["details"] == {"fields": ["auto_sync", "name", "sync_frequency"]}
    assert data["hook"] == made["hook"]


async def test_new_credentials_are_put_to_the_test_and_the_old_keys_hook_goes(shop: Shop) -> None:
    await shop.put_key(OTHER_KEY, "othercanary")
    new = {"config": {"app_key": OTHER_KEY, "app_token": "othercanary"}}
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        wrong = read(await client.put(one, json={"config": {**new["config"], "app_token": "x"}}), 422)
        assert wrong["errors"][0]["pointer"] == "/config/app_token"
        assert (await shop.find_hook(APP_KEY), await shop.find_hook(OTHER_KEY)) != (None, None)
        changed = read(await client.put(one, json=new))["data"]
    assert (changed["hook"]["status"], changed["notes"]) == ("registered", [])
    assert await shop.find_hook(APP_KEY) is None
    assert await shop.find_hook(OTHER_KEY) is not None


async def test_good_credentials_resume_an_integration_that_waited_for_them(shop: Shop, superuser: Any) -> None:
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        await superuser.execute("UPDATE tenant_integrations SET status = 'credentials_refused'")
        assert "enter new ones" in read(await client.post(f"{one}/resume"), 409)["detail"]
        await shop.put_key(token="newcanary")
        changed = read(await client.put(one, json={"app_token": "newcanary"}))["data"]
    assert changed["status"] == "active"


async def test_the_same_credentials_entered_again_resume_it_once_vtex_takes_them(shop: Shop, superuser: Any) -> None:
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        await superuser.execute("UPDATE tenant_integrations SET status = 'credentials_refused'")
        await shop.put_key(hook=None)
        assert read(await client.put(one, json={"name": "Tienda"}))["data"]["status"] == "credentials_refused"
        changed = read(await client.put(one, json={"app_token": shop.form["app_token"]}))["data"]
    assert (changed["status"], changed["hook"]["status"]) == ("active", "registered")
    assert await shop.find_hook() is not None


async def test_new_credentials_do_not_resume_what_was_paused_by_hand(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        read(await client.post(f"{one}/pause"))
        await shop.put_key(token="newcanary")
        assert read(await client.put(one, json={"app_token": "newcanary"}))["data"]["status"] == "paused"


async def test_the_account_never_changes(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        for body in ({"account_name": shop.sandbox.globex}, {"config": {"account": shop.sandbox.globex}}):
            assert "create another" in read(await client.put(one, json=body), 409)["detail"]
        assert read(await client.put(one, json={"account_name": shop.account}))["data"]["account"] == shop.account


async def test_wrong_members_are_named_and_change_nothing(shop: Shop) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"nonsense": "x"}, "/nonsense"),
        ({"config": {"nonsense": "x"}}, "/config/nonsense"),
        ({"sync_frequency": "now and then"}, "/sync_frequency"),
        ({"app_token": "a", "config": {"app_token": "b"}}, "/app_token"),
        ({"app_token": 5}, "/app_token"),
        ({"auto_sync": "yes"}, "/auto_sync"),
        ({"accepted_accounts": ["not an account"]}, "/accepted_accounts/0"),
    ]
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        before = read(await client.get(one))
        for body, pointer in wrong:
            problem = read(await client.put(one, json=body), 422)
            assert problem["errors"][0]["pointer"] == pointer, problem
        assert read(await client.get(one)) == before


async def test_a_change_meant_for_an_older_state_is_refused(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        etag = (await client.get(one)).headers["etag"]
        first = await client.put(one, json={"name": "a"}, headers={"If-Match": etag})
        assert first.headers["etag"] != etag
        second = await client.put(one, json={"name": "b"}, headers={"If-Match": etag})
        assert read(second, 412)["code"] == "precondition_failed"


async def test_without_if_match_the_last_change_wins(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        answers = await asyncio.gather(*(client.put(one, json={"name": name}) for name in ("a", "b", "c", "d")))
    assert [answer.status_code for answer in answers] == [200] * 4


async def test_two_who_make_the_same_addresses_at_once_make_one_of_each(shop: Shop, superuser: Any) -> None:
    async with shop.cast.client(ACME) as client:
        await shop.create(client)
    before = await superuser.fetchval("SELECT count(*) FROM endpoints")
    await superuser.execute("UPDATE endpoints SET status = 'revoked', revoked_at = now()")
    row = await get_row(shop.cast.office, ACME, 1)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks, superuser.transaction():
        await superuser.execute("LOCK TABLE endpoints IN SHARE MODE")  # what is there can be read, nothing added
        for _ in range(2):
            tasks.create_task(ensure_endpoints(shop.cast.office, row))
        while await superuser.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < 2:
            pass  # nothing announces that somebody waits
    assert await superuser.fetchval("SELECT count(*) FROM endpoints WHERE status = 'active'") == before > 0


async def test_calls_of_franchises_are_taken_once_they_are_listed(shop: Shop, superuser: Any) -> None:
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client, accepted_accounts=['franchise1']))['id']}"
        changed = read(await client.put(one, json={"accepted_accounts": ["franchise2"]}))["data"]
    assert changed["accepted_accounts"] == [shop.account, "franchise2"]
    rows = await superuser.fetch("SELECT accounts FROM endpoints")
    assert {tuple(row["accounts"]) for row in rows} == {(shop.account, "franchise2")}


async def test_a_paused_integrations_hook_stays_and_its_events_wait(shop: Shop) -> None:
    async with shop.cast.client(ACME, "operator") as operator, shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        for _ in range(2):
            paused = read(await operator.post(f"{one}/pause"))["data"]
        assert (paused["status"], paused["hook"]["status"]) == ("paused", "registered")
        assert await shop.find_hook() is not None
        assert read(await operator.post(f"{one}/resume"))["data"]["status"] == "active"
        audit = read(await client.get(f"/tenants/{ACME}/audit"))["data"]
    actions = [entry["action"] for entry in audit if entry["object_kind"] == "integration"]
    assert actions == ["integration.resumed", "integration.paused", "integration.created"]


async def test_last_sync_is_the_last_moment_at_which_it_was_current(shop: Shop, superuser: Any) -> None:
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        assert read(await client.get(one))["data"]["last_sync"] is None
        for writer, day in (("live", "2026-11-02"), ("bulk", "2026-11-01")):
            await superuser.execute(f"INSERT INTO integration_activity VALUES ({ACME}, 1, '{writer}', '{day}T00:00Z')")
        assert read(await client.get(one))["data"]["last_sync"] == "2026-11-02T00:00:00Z"

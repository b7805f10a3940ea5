"""VTEX keeps one hook per app key: somebody else's survives whatever is done here, unless it is to be replaced."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.errors import ProviderError
from app.services.tenant_lifecycle import activate_tenant, suspend_tenant
from tests.integration.api.conftest import ACME, CLI, GLOBEX, read
from tests.integration.api.integrations.conftest import APP_KEY, FOREIGN, PATH, Shop


async def test_a_foreign_hook_survives_everything_and_is_named_by_its_host_alone(shop: Shop) -> None:
    await shop.put_key(hook=FOREIGN)
    async with shop.cast.client(ACME) as client:
        made = await shop.create(client)
        one = f"{PATH}/{made['id']}"
        assert made["hook"]["status"] == "foreign"
        assert "rival.example" in made["notes"][0]
        assert "app key for Acequia alone" in made["notes"][0]
        assert "rivalcanary" not in str(made)
        assert await shop.find_hook() == FOREIGN["url"]
        checked = await shop.cast.office.hooks.check_hook(ACME, 1)
        assert (checked.status, await shop.find_hook()) == ("foreign", FOREIGN["url"])
        for step in ("pause", "resume", "rotate-secret"):
            read(await client.post(f"{one}/{step}"))
            assert await shop.find_hook() == FOREIGN["url"], step
        read(await client.put(one, json={"app_token": shop.form["app_token"], "name": "n"}))
        await shop.cast.office.hooks.register_hooks(ACME)
        await shop.cast.office.hooks.remove_hooks(ACME)
        read(await client.delete(one))
    assert await shop.find_hook() == FOREIGN["url"]


async def test_a_foreign_hook_is_replaced_when_that_is_said_and_it_is_audited(shop: Shop) -> None:
    await shop.put_key(hook=FOREIGN)
    async with shop.cast.client(ACME) as client:
        made = await shop.create(client, replace_foreign_hook=True)
        audit = read(await client.get(f"/tenants/{ACME}/audit"))["data"]
    assert made["hook"]["status"] == "registered"
    assert str(await shop.find_hook()).startswith(shop.receiver.url)
    assert audit[0]["action"] == "integration.foreign_hook_replaced"
    assert "rival" not in str(audit)


@pytest.mark.parametrize("way", ["resume", "change"])
async def test_it_can_be_replaced_later_too(shop: Shop, way: str) -> None:
    await shop.put_key(hook=FOREIGN)
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        if way == "resume":
            answer = await client.post(f"{one}/resume", json={"replace_foreign_hook": True})
        else:
            answer = await client.put(one, json={"replace_foreign_hook": True})
        assert read(answer)["data"]["hook"]["status"] == "registered"


async def test_another_tenant_with_the_same_app_key_does_not_take_its_hook(shop: Shop) -> None:
    async with shop.cast.client(ACME) as acme, shop.cast.client(GLOBEX) as globex:
        await shop.create(acme)
        before = await shop.find_hook()
        theirs = await shop.create(globex, tenant_id=GLOBEX)
        assert theirs["hook"]["status"] == "foreign"
        assert "another integration of this installation" in theirs["notes"][0]
        assert "aqe_" not in theirs["notes"][0]
        read(await globex.delete(f"{PATH}/{theirs['id']}"))
        assert await shop.find_hook() == before


async def test_an_older_address_of_ours_is_replaced(shop: Shop) -> None:
    url = f"{shop.receiver.url}/webhooks/vtex/aqe_{'0' * 30}"
    await shop.put_key(hook={"url": url, "headers": {}})
    async with shop.cast.client(ACME) as client:
        made = await shop.create(client)
    assert made["hook"]["status"] == "registered"
    assert await shop.find_hook() != url


async def test_a_hook_that_is_gone_is_noticed_and_set_again(shop: Shop) -> None:
    hooks = shop.cast.office.hooks
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        assert (await hooks.check_hook(ACME, 1)).status == "registered"
        await shop.put_key(hook=None)
        assert (await hooks.check_hook(ACME, 1)).status == "removed"
        assert read(await client.get(one))["data"]["hook"]["status"] == "removed"
        assert await shop.find_hook() is None, "looking sets nothing"
        await hooks.register_hooks(ACME)
        assert read(await client.get(one))["data"]["hook"]["status"] == "registered"
    assert await shop.find_hook() is not None


async def test_a_tenants_hooks_are_removed_and_set_again_with_its_status(shop: Shop) -> None:
    office = shop.cast.office
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        await suspend_tenant(office.tenant_office, ACME, "unpaid", CLI)
        assert await shop.find_hook() is None
        assert read(await client.get(one))["data"]["hook"]["status"] == "removed"
        resumed = read(await client.post(f"{one}/resume"))["data"]
        assert (resumed["hook"]["status"], await shop.find_hook()) == ("removed", None)
        assert "not active" in resumed["notes"][0]
        await activate_tenant(office.tenant_office, ACME, CLI)
        assert read(await client.get(one))["data"]["hook"]["status"] == "registered"
    assert await shop.find_hook() is not None


async def test_a_provider_that_is_down_leaves_the_state_for_the_next_try(shop: Shop, superuser: Any) -> None:
    hooks = shop.cast.office.hooks
    async with shop.cast.client(ACME) as client:
        await shop.create(client)
    await shop.put_key(offline=True)
    for ask in (hooks.remove_hooks(ACME), hooks.check_hook(ACME, 1)):
        with pytest.raises(ProviderError):
            await ask
    assert await superuser.fetchval("SELECT hook_status FROM tenant_integrations") == "registered"
    await shop.put_key(offline=False)
    await hooks.remove_hooks(ACME)
    assert await superuser.fetchval("SELECT hook_status FROM tenant_integrations") == "removed"


async def test_deleting_removes_the_hook_the_addresses_and_the_credentials(shop: Shop, superuser: Any) -> None:
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        deleted = read(await client.delete(one))["data"]
        assert (deleted["status"], deleted["hook"]["status"], deleted["notes"]) == ("deleted", "removed", [])
        for answer in (await client.get(one), await client.delete(one), await client.post(f"{one}/resume")):
            assert read(answer, 404)["code"] == "not_found"
    assert await shop.find_hook() is None
    assert await superuser.fetchval("SELECT sealed_credentials FROM tenant_integrations") is None
    assert {row["status"] for row in await superuser.fetch("SELECT status FROM endpoints")} == {"revoked"}
    assert not await shop.cast.office.queue.redis.exists("directory:endpoints")


async def test_a_provider_that_is_down_does_not_stop_a_deletion(shop: Shop, superuser: Any) -> None:
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        await shop.put_key(offline=True)
        deleted = read(await client.delete(one))["data"]
    assert (deleted["status"], deleted["hook"]["status"]) == ("deleted", "failed")
    assert "remove it there" in deleted["notes"][0]
    assert await superuser.fetchval("SELECT status FROM tenant_integrations") == "deleted"


async def test_a_hook_that_vtex_cannot_reach_is_said_so(shop: Shop) -> None:
    shop.receiver.answer_in_turn(500)
    async with shop.cast.client(ACME) as client:
        made = await shop.create(client)
    assert made["hook"]["status"] == "failed"
    assert "reachable" in made["notes"][0]
    assert await shop.find_hook(APP_KEY) is None


async def test_what_the_watchdog_knows_of_a_hook_is_shown_with_it(shop: Shop, superuser: Any) -> None:
    async with shop.cast.client(ACME) as client:
        one = f"{PATH}/{(await shop.create(client))['id']}"
        before = read(await client.get(one))["data"]["hook"]
        assert [before[name] for name in ("path_good_at", "path_problem", "silent_since")] == [None, None, None]
        moments = datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2026, 11, 21, 10, tzinfo=UTC)
        await superuser.execute(
            "UPDATE hook_watches SET path_good_at = $1, silent_since = $2, path_problem = 'The way is cut.'", *moments
        )
        [listed] = read(await client.get(PATH, params={"tenant_id": ACME}))["data"]
        shown = read(await client.get(one))["data"]["hook"]
        assert listed["hook"] == shown
        assert datetime.fromisoformat(shown["path_good_at"]) == moments[0]
        assert datetime.fromisoformat(shown["silent_since"]) == moments[1]
        assert shown["path_problem"] == "The way is cut."
        await superuser.execute("UPDATE tenant_integrations SET hook_status = 'foreign'")
        gone = read(await client.get(one))["data"]["hook"]
        assert (gone["path_problem"], gone["silent_since"]) == (None, None), "it does not stand there to be silent"

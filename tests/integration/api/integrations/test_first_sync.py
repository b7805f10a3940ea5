"""The first sync: asked for with the integration itself, while live events go on already."""

from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import ACME, GLOBEX, read
from tests.integration.api.integrations.accounts import Entering, accounts, entering
from tests.integration.api.integrations.conftest import APP_KEY, PATH, TOKEN, Shop
from tests.integration.syncs.conftest import listable

__all__ = ["accounts", "entering", "listable"]

pytestmark = pytest.mark.usefixtures("listable")
OTHER_KEY = "vtexappkey-acme-GHIJKL"


async def list_runs(client: httpx.AsyncClient) -> list[Any]:
    runs: list[Any] = read(await client.get(f"/tenants/{ACME}/sync-runs"))["data"]
    return runs


async def test_creating_an_integration_asks_for_everything_there_is(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        made = await shop.create(client)
        assert made["hook"]["status"] == "registered", "live events go on meanwhile"
        [run] = await list_runs(client)
    assert (run["integration_id"], run["sync_type"], run["trigger"], run["status"]) == (
        made["id"], "full", "creation", "queued",
    )  # fmt: skip
    assert {stream["stream"] for stream in run["streams"]} == {"orders", "customers"}


@pytest.mark.parametrize("name", ["google_ads", "facebook_ads"])
async def test_an_ad_account_begins_with_all_of_its_spend_and_can_be_asked_for_it(
    shop: Shop, entering: Entering, name: str
) -> None:
    made = await entering.create(name)
    assert [stream["name"] for stream in made["streams"]] == ["ad_spend"]
    async with shop.cast.client(ACME) as client:
        [run] = await list_runs(client)
        assert (run["integration_id"], run["sync_type"], run["trigger"]) == (made["id"], "full", "creation")
        assert [stream["stream"] for stream in run["streams"]] == ["ad_spend"]
        asked = {"integration_id": made["id"], "sync_type": "repair", "streams": ["ad_spend"]}
        [line] = read(await client.post(f"{PATH}/{ACME}/sync", json=asked), 202)["data"]
        assert (line["outcome"], line["behind"]) == ("queued", [run["run_id"]])
        wrong = {**asked, "streams": ["orders"]}
        assert read(await client.post(f"{PATH}/{ACME}/sync", json=wrong), 422)["errors"][0]["pointer"] == "/streams"
        [status] = read(await client.get(f"{PATH}/{ACME}/sync-status"))["integrations"]
        assert (status["type"], status["status"]) == (name, "active")
        assert status["next_sync"] is not None
    async with shop.cast.client(GLOBEX) as client:
        assert read(await client.get(f"/tenants/{GLOBEX}/sync-runs"))["data"] == []


async def test_without_auto_sync_nothing_is_asked_for_until_it_is_switched_on(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        made = await shop.create(client, auto_sync=False)
        assert await list_runs(client) == []
        read(await client.put(f"{PATH}/{made['id']}", json={"name": "Store"}))
        assert await list_runs(client) == []
        read(await client.put(f"{PATH}/{made['id']}", json={"auto_sync": True}))
        assert [run["trigger"] for run in await list_runs(client)] == ["creation"]


async def test_new_credentials_ask_for_what_was_never_read_and_for_nothing_twice(shop: Shop, superuser: Any) -> None:
    async with shop.cast.client(ACME) as client:
        made = await shop.create(client)
        await shop.put_key(OTHER_KEY, TOKEN)
        read(await client.put(f"{PATH}/{made['id']}", json={"config": {"app_key": OTHER_KEY, "app_token": TOKEN}}))
        assert len(await list_runs(client)) == 1, "the first one goes on"
        [run] = await list_runs(client)
        read(await client.post(f"/tenants/{ACME}/sync-runs/{run['run_id']}/cancel"))
        await superuser.execute("INSERT INTO sync_streams VALUES ($1, 1, 'orders', NULL, now())", ACME)
        await shop.put_key(APP_KEY, TOKEN)
        read(await client.put(f"{PATH}/{made['id']}", json={"config": {"app_key": APP_KEY, "app_token": TOKEN}}))
        [again, _] = await list_runs(client)
    assert [stream["stream"] for stream in again["streams"]] == ["customers"]


async def test_deleting_an_integration_ends_its_runs(shop: Shop) -> None:
    async with shop.cast.client(ACME) as client:
        made = await shop.create(client)
        read(await client.delete(f"{PATH}/{made['id']}"))
        assert [run["status"] for run in await list_runs(client)] == ["cancelled"]

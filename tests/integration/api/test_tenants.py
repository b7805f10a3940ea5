"""Tenants over the API: who sees which, how settings merge, who may raise a limit."""

import asyncio
from typing import Any

from app.services.api_keys import issue_key
from app.services.global_metrics import PROCESSING_KEY
from app.services.office import Place
from db.integrations import insert_integration
from schemas.ids import make_uuid7
from tests.integration.api.conftest import ACME, CLI, GLOBEX, ORGANIZATIONS, Cast, read


async def test_a_key_sees_its_own_tenant_and_no_other(cast: Cast) -> None:
    async with cast.client(ACME) as client:
        listed = read(await client.get("/tenants"))
        assert [tenant["id"] for tenant in listed["data"]] == [ACME]
        other, nobody = await client.get(f"/tenants/{GLOBEX}"), await client.get("/tenants/999999")
        assert read(other, 404)["detail"] == read(nobody, 404)["detail"]


async def test_the_platform_sees_all_of_them_page_by_page(cast: Cast) -> None:
    async with cast.client(0, "platform_admin") as client:
        first = read(await client.get("/tenants", params={"limit": 1}))
        second = read(await client.get("/tenants", params={"limit": 1, "cursor": first["next_cursor"]}))
    assert [first["data"][0]["id"], second["data"][0]["id"]] == [ACME, GLOBEX]
    assert second["next_cursor"] is None


async def test_a_tenant_is_created_with_keys_of_its_own(cast: Cast) -> None:
    wanted = {
        "name": "Nueva Marca",
        "slug": "nueva-marca",
        "type": "business",
        "settings": {"timezone": "America/Argentina/Buenos_Aires", "currency": "ARS", "language": "es"},
    }
    async with cast.client(0, "platform_admin") as client:
        made = await client.post("/tenants", json=wanted)
        tenant = read(made, 201)["data"]
        assert made.headers["location"] == f"/api/v2/tenants/{tenant['id']}"
        assert read(await client.post("/tenants", json=wanted), 409)["code"] == "conflict"
    assert tenant["settings"]["max_customers"] == 100_000
    assert (await cast.office.keyring.keys_of(tenant["id"])).tenant_id == tenant["id"]


async def test_settings_merge_and_a_limit_is_raised_by_the_platform_alone(cast: Cast) -> None:
    beyond = {"max_customers": 2_000_000, "max_api_calls_day": 200_000, "features": {"advanced_analytics": True}}
    async with cast.client(ACME, "owner") as owner, cast.client(0, "platform_admin") as platform:
        assert read(await owner.put(f"/tenants/{ACME}/settings", json=beyond), 403)["code"] == "forbidden"
        lowered = read(await owner.put(f"/tenants/{ACME}/settings", json={"max_customers": 500}))["data"]
        assert (lowered["settings"]["max_customers"], lowered["settings"]["max_api_calls_day"]) == (500, 10_000)
        raised = read(await platform.put(f"/tenants/{ACME}/settings", json=beyond))["data"]
        assert raised["settings"]["max_customers"] == 2_000_000
        assert raised["features"]["advanced_analytics"]
        assert not raised["features"]["rfm_analysis"]
        again = read(await owner.put(f"/tenants/{ACME}/settings", json={"max_customers": 1_999_999}))["data"]
        assert again["settings"]["max_customers"] == 1_999_999
        audit = read(await owner.get(f"/tenants/{ACME}/audit"))["data"]
    assert audit[1]["details"]["limits"] == {"max_customers": [500, 2_000_000], "max_api_calls_day": [None, 200_000]}


async def test_a_change_meant_for_an_older_state_is_refused(cast: Cast) -> None:
    async with cast.client(ACME, "owner") as client:
        etag = (await client.get(f"/tenants/{ACME}")).headers["etag"]
        first = await client.put(f"/tenants/{ACME}/settings", json={"currency": "BRL"}, headers={"If-Match": etag})
        assert read(first)["data"]["settings"]["currency"] == "BRL"
        second = await client.put(f"/tenants/{ACME}/settings", json={"currency": "USD"}, headers={"If-Match": etag})
        assert read(second, 412)["code"] == "precondition_failed"


async def test_without_if_match_the_last_change_wins(cast: Cast) -> None:
    settings = f"/tenants/{ACME}/settings"
    async with cast.client(ACME, "owner") as client:
        calls = [client.put(settings, json={"currency": currency}) for currency in ("ARS", "BRL", "USD", "CLP")]
        answers = await asyncio.gather(*calls)
    assert [answer.status_code for answer in answers] == [200] * 4


async def test_a_feature_that_the_platform_switched_off_stays_off_for_the_tenants_own_people(cast: Cast) -> None:
    settings = f"/tenants/{ACME}/settings"
    async with cast.client(ACME, "owner") as owner, cast.client(0, "platform_admin") as platform:
        assert read(await owner.put(settings, json={"features": {"api_access": True}}))["data"]["features"][
            "api_access"
        ]
        read(await platform.put(settings, json={"features": {"api_access": False}}))
        for value in (None, True):
            refused = await owner.put(settings, json={"features": {"api_access": value}})
            assert read(refused, 403)["code"] == "forbidden"
        read(await owner.get(f"/tenants/{ACME}/customers"), 403)


async def test_features_have_a_limit(cast: Cast) -> None:
    settings = f"/tenants/{ACME}/settings"
    async with cast.client(ACME, "owner") as owner:
        for turn in ("a", "b"):
            read(await owner.put(settings, json={"features": {f"{turn}{n}": False for n in range(100)}}))
        refused = await owner.put(settings, json={"features": {"one_more": False}})
        assert read(refused, 422)["errors"][0]["pointer"] == "/features"
        read(await owner.put(settings, json={"features": {"a1": None, "one_more": False}}))


async def test_another_type_takes_away_limits_of_the_tenants_own_above_it(cast: Cast) -> None:
    settings, tenant = f"/tenants/{ACME}/settings", f"/tenants/{ACME}"
    async with cast.client(ACME, "owner") as owner, cast.client(0, "platform_admin") as platform:
        read(await platform.put(settings, json={"storage_gb": 7}))
        read(await owner.put(settings, json={"max_customers": 50_000, "max_api_calls_day": 500, "storage_gb": 6}))
        changed = read(await platform.put(tenant, json={"type": "trial", "organization_id": None}))["data"]["settings"]
        audit = read(await owner.get(f"/tenants/{ACME}/audit"))["data"]
    assert changed["max_customers"] == 1_000, "it was the tenant's own, and above a trial's"
    assert changed["max_api_calls_day"] == 500, "it is below a trial's"
    assert changed["storage_gb"] == 6, "up to 7 was granted by the platform"
    assert audit[0]["details"] == {
        "fields": ["organization_id", "type"],
        "organization_id": [1, None],
        "limits": {"max_customers": [50_000, None]},
    }


async def test_limits_stay_when_the_type_stays(cast: Cast) -> None:
    async with cast.client(ACME, "owner") as owner, cast.client(0, "platform_admin") as platform:
        read(await owner.put(f"/tenants/{ACME}/settings", json={"max_customers": 50_000}))
        changed = read(await platform.put(f"/tenants/{ACME}", json={"plan": "gold", "type": "business"}))["data"]
        audit = read(await platform.get(f"/tenants/{ACME}/audit"))["data"]
    assert changed["settings"]["max_customers"] == 50_000
    assert audit[0]["details"] == {"fields": ["plan", "type"]}


async def test_erased_tenants_are_listed_to_a_platform_admin_who_asks(cast: Cast, superuser: Any) -> None:
    await superuser.execute("UPDATE tenants SET status = 'deleted', delete_after = now() WHERE tenant_id = $1", ACME)
    place = Place("organization", ORGANIZATIONS[ACME])
    key = await issue_key(cast.office, place, name="group", role="owner", actor=CLI)
    only_deleted = {"status": "deleted"}
    async with (
        cast.client(Authorization=f"Bearer {key.api_key}") as group,
        cast.client(0, "platform_admin") as platform,
    ):
        for params in ({}, only_deleted):
            assert read(await group.get("/tenants", params=params))["data"] == []
        assert [one["id"] for one in read(await platform.get("/tenants"))["data"]] == [GLOBEX]
        assert [one["id"] for one in read(await platform.get("/tenants", params=only_deleted))["data"]] == [ACME]
        read(await platform.get(f"/tenants/{ACME}"))


async def test_the_mean_sync_is_that_of_each_active_integrations_last_run(cast: Cast, superuser: Any) -> None:
    async with cast.client(0, "platform_admin") as platform:
        assert read(await platform.get("/metrics/global"))["processing_time_avg_minutes"] is None
        for tenant_id, minutes in ((ACME, (50, 2)), (GLOBEX, (4,))):
            async with cast.office.database.tenant_tx(tenant_id, "test") as connection:
                await insert_integration(connection, tenant_id, 1, connector="vtex", account=f"store{tenant_id}")
            for taken in minutes:
                await superuser.execute(
                    "INSERT INTO sync_runs (tenant_id, run_id, integration_id, kind, trigger, status, priority,"
                    " requested_by, started_at, ended_at) VALUES ($1, $2, 1, 'full', 'manual', 'succeeded', 'normal',"
                    " 'test', now() - $3 * interval '1 minute', now())",
                    tenant_id, make_uuid7(), taken,
                )  # fmt: skip
        assert read(await platform.get("/metrics/global"))["processing_time_avg_minutes"] is None, "kept for a minute"
        await cast.office.cache.delete(PROCESSING_KEY)
        assert read(await platform.get("/metrics/global"))["processing_time_avg_minutes"] == 3.0

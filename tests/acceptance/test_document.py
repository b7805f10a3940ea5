"""Every example of the client's document, sent to the running demo as it is printed, gives the printed shape.

What the document prints bare has `success` beside its members.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from scripts.stack.stack import Stack, StackOptions

pytestmark = pytest.mark.kill

NEW_ACCOUNT, NEW_KEY, NEW_TOKEN = "nueva-cuenta", "vtexappkey-nueva-cuenta-XXXXX", "token_aqui"
TENANT = {
    "id": 56,
    "name": "Chelsea",
    "slug": "chelsea",
    "type": "enterprise",
    "plan": "premium",
    "status": "active",
    "settings": {
        "timezone": "America/Argentina/Buenos_Aires",
        "currency": "ARS",
        "language": "es",
        "data_retention_days": 2555,
        "max_customers": 1000000,
        "max_api_calls_day": 100000,
    },
    "integrations": [
        {"type": "vtex", "account": "chelseaio", "environment": "vtexcommercestable", "status": "active"},
    ],
    "features": {
        "rfm_analysis": True,
        "clv_prediction": True,
        "churn_detection": True,
        "email_automation": True,
        "api_access": True,
        "custom_reports": True,
    },
}  # fmt: skip
NEW_TENANT = {
    "name": "Nueva Marca",
    "slug": "nueva-marca",
    "type": "business",
    "settings": {"timezone": "America/Argentina/Buenos_Aires", "currency": "ARS", "language": "es"},
}
SETTINGS = {"max_customers": 2000000, "max_api_calls_day": 200000, "features": {"advanced_analytics": True}}
NEW_INTEGRATION = {
    "tenant_id": 56,
    "integration_type": "vtex",
    "account_name": NEW_ACCOUNT,
    "environment": "vtexcommercestable",
    "app_key": NEW_KEY,
    "app_token": NEW_TOKEN,
    "auto_sync": True,
    "sync_frequency": "daily",
}
SYNC = {"integration_types": ["vtex", "google_ads"], "sync_type": "incremental", "priority": "high"}
SYNC_STATUS = {
    "tenant_id": 56,
    "integrations": [
        {
            "type": "vtex",
            "status": "syncing",
            "last_sync": "2024-09-16T17:30:00Z",
            "next_sync": "2024-09-16T18:30:00Z",
            "records_synced": 1250,
            "errors": 0,
            "sync_duration_minutes": 15.3,
        }
    ],
    "overall_status": "healthy",
}
VALIDATION = {
    "account_name": "chelseaio",
    "app_key": "vtexappkey-chelseaio-XXXXX",
    "app_token": "token_here",
    "environment": "vtexcommercestable",
}
OTHER_TYPES = [
    {
        "type": "mercadolibre",
        "config": {
            "client_id": "ml_client_id",
            "client_secret": "encrypted_secret",
            "refresh_token": "encrypted_token",
            "site_id": "MLA",
        },
    },
    {
        "type": "google_ads",
        "config": {
            "customer_id": "1234567890",
            "developer_token": "encrypted_token",
            "client_id": "oauth_client_id",
            "client_secret": "encrypted_secret",
        },
    },
    {
        "type": "facebook_ads",
        "config": {
            "access_token": "encrypted_token",
            "ad_account_id": "act_1234567890",
            "app_id": "facebook_app_id",
        },
    },
]


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    options = StackOptions(
        tmp_path_factory.mktemp("document") / "data", has_history=True, has_traffic=False, uses_free_ports=True,
        sandbox_arguments=("--latency-ms", "0"),
    )  # fmt: skip
    async with Stack(options) as running:
        yield running


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    async with httpx.AsyncClient(base_url=f"{stack.web_url}/api/v2", headers=headers, trust_env=False) as opened:
        yield opened


async def test_listing_tenants(client: httpx.AsyncClient) -> None:
    answer = read(await client.get("/tenants"))
    assert [tenant["id"] for tenant in answer["data"]][:5] == [56, 57, 58, 59, 60]
    first = answer["data"][0]
    printed = {"id", "name", "slug", "type", "status", "customer_count", "last_sync", "integrations"}
    assert printed <= set(first)
    assert {"type", "status", "last_sync"} <= set(first["integrations"][0])


async def test_one_tenant_is_what_the_document_prints(client: httpx.AsyncClient) -> None:
    tenant = read(await client.get("/tenants/56"))["data"]
    assert list(find_differences(TENANT, tenant)) == []


async def test_creating_a_tenant_and_changing_its_settings(client: httpx.AsyncClient) -> None:
    made = read(await client.post("/tenants", json=NEW_TENANT), 201)["data"]
    assert list(find_differences(NEW_TENANT, made)) == []
    changed = read(await client.put(f"/tenants/{made['id']}/settings", json=SETTINGS))["data"]
    assert (changed["settings"]["max_customers"], changed["settings"]["max_api_calls_day"]) == (2_000_000, 200_000)
    assert changed["features"]["advanced_analytics"]
    assert changed["settings"]["currency"] == "ARS", "what is not named stays"


async def test_integrations_of_a_tenant(client: httpx.AsyncClient) -> None:
    found = read(await client.get("/tenant-integrations", params={"tenant_id": 56}))["data"]
    assert {"type": "vtex", "account": "chelseaio"}.items() <= found[0].items()


async def test_creating_an_integration(client: httpx.AsyncClient, stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.sandbox_url, trust_env=False) as sandbox:
        store = {NEW_ACCOUNT: {"app_key": NEW_KEY, "app_token": NEW_TOKEN, "orders": 1, "customers": 1}}
        assert (await sandbox.put("/_sandbox/accounts", json=store)).status_code == 200
    answer = await client.post("/tenant-integrations", json=NEW_INTEGRATION)
    made = read(answer, 201)["data"]
    assert (made["type"], made["account"], made["sync_frequency"], made["auto_sync"]) == (
        "vtex", NEW_ACCOUNT, "daily", True,
    )  # fmt: skip
    assert made["hook"]["status"] == "registered"
    assert NEW_TOKEN not in answer.text


@pytest.mark.parametrize("body", OTHER_TYPES, ids=lambda body: str(body["type"]))
async def test_the_other_types_are_put_to_the_test(client: httpx.AsyncClient, body: Any) -> None:
    answer = await client.post("/tenant-integrations", json={"tenant_id": 56, **body})
    if body["type"] == "google_ads":  # without a refresh token: it waits for somebody's consent
        made = read(answer, 201)["data"]
        assert [one["code"] for one in made["findings"]] == ["token_missing"]
        read(await client.delete(f"/tenant-integrations/{made['id']}"))
    else:
        assert [one["code"] for one in read(answer, 422)["errors"]] == ["reconnect"]
    wrong = {**body["config"], "nonsense": "x"}
    refused = await client.post("/tenant-integrations", json={"tenant_id": 56, **body, "config": wrong})
    assert read(refused, 422)["code"] == "invalid_input"


async def test_validating_credentials(client: httpx.AsyncClient) -> None:
    found = read(await client.post("/tenant-integrations/validate/vtex", json=VALIDATION))["data"]
    assert not found["valid"]
    assert [finding["code"] for finding in found["findings"]] == ["wrong_credentials"]


async def test_sync_status_and_global_metrics_stand_at_the_top_level(client: httpx.AsyncClient) -> None:
    status = read(await client.get("/tenant-integrations/56/sync-status"))
    assert {"success", "tenant_id", "integrations", "overall_status"} <= set(status)
    printed = {"type", "status", "last_sync", "next_sync", "records_synced", "errors", "sync_duration_minutes"}
    assert printed <= set(status["integrations"][0])
    metrics = read(await client.get("/metrics/global"))
    assert {
        "total_tenants", "total_customers", "active_integrations", "total_api_calls_today", "storage_used_gb",
        "processing_time_avg_minutes",
    } <= set(metrics)  # fmt: skip
    listed = read(await client.get("/tenants"))["data"]
    assert metrics["total_tenants"] == len(listed)
    assert metrics["total_customers"] == sum(tenant["customer_count"] for tenant in listed) >= 1_286


async def test_a_sync_started_by_hand_runs_and_the_status_tells_of_it(client: httpx.AsyncClient) -> None:
    vtex, *_, ads = read(await client.post("/tenant-integrations/56/sync", json=SYNC), 202)["data"]
    assert (vtex["type"], vtex["outcome"] in {"queued", "joined"}) == ("vtex", True)
    assert (ads["type"], ads["outcome"]) == ("google_ads", "not_configured")
    name = ""
    async with client.stream("GET", f"/tenants/56/sync-runs/{vtex['run_id']}/progress", timeout=60) as progress:
        async for line in progress.aiter_lines():
            name = line.removeprefix("event: ") if line.startswith("event: ") else name
    assert name == "end"
    run = read(await client.get(f"/tenants/56/sync-runs/{vtex['run_id']}"))["data"]
    assert run["status"] == "succeeded", run
    status = read(await client.get("/tenant-integrations/56/sync-status"))
    assert list(find_other_types(SYNC_STATUS, status)) == []
    assert datetime.fromisoformat(status["integrations"][0]["next_sync"]) > datetime.now(UTC)


def read(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def find_other_types(printed: Any, found: Any, path: str = "") -> Iterator[str]:
    """Where what was answered is of another form than what is printed, whatever it says."""
    if isinstance(printed, dict):
        for name, value in printed.items():
            yield from find_other_types(value, found.get(name), f"{path}/{name}")
    elif isinstance(printed, list):
        yield from find_other_types(printed[0], found[0], f"{path}/0")
    elif type(printed) is not type(found):
        yield f"{path}: {found!r} is of another form than {printed!r}"


def find_differences(printed: Any, found: Any, path: str = "") -> Iterator[str]:
    """Where what was answered has not what is printed; more than that it may have."""
    if isinstance(printed, dict):
        for name, value in printed.items():
            if not isinstance(found, dict) or name not in found:
                yield f"{path}/{name} is missing"
            else:
                yield from find_differences(value, found[name], f"{path}/{name}")
    elif isinstance(printed, list):
        for index, value in enumerate(printed):
            yield from find_differences(value, found[index], f"{path}/{index}")
    elif printed != found:
        yield f"{path}: {found!r} instead of {printed!r}"

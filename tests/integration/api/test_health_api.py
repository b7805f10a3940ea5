"""Health over HTTP: a tenant with its integrations, all tenants for the platform, and figures over time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.services.apply import apply_batch
from app.services.office import PLATFORM_KEYS_ID
from app.services.series_keeping import keep_series
from app.services.tenant_facts import read_all_facts
from app.services.tenant_watch import save_facts
from db.integrations import insert_integration
from schemas.ids import make_uuid7
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read
from tests.integration.db.cast import make_keys, make_observation, make_order, make_settlement

HOUR = timedelta(hours=1)


@pytest.fixture
async def worker(open_database: Callable[..., Any]) -> Any:
    return await open_database()


@pytest.fixture
async def shop(cast: Cast, superuser: Any) -> Cast:
    """acme was current an hour and 30 hours ago, globex just now."""
    now = datetime.now(UTC)
    for tenant_id, ages in ((ACME, (1, 30)), (GLOBEX, (0,))):
        async with cast.office.database.tenant_tx(tenant_id, "test") as connection:
            for integration_id, age in enumerate(ages, start=1):
                await insert_integration(
                    connection, tenant_id, integration_id, connector="vtex", account=f"store{integration_id}",
                    sealed_credentials=b"sealed",
                )  # fmt: skip
                await superuser.execute(
                    "INSERT INTO integration_activity VALUES ($1, $2, 'bulk', $3)",
                    tenant_id, integration_id, now - age * HOUR,
                )  # fmt: skip
    return cast


async def watch(shop: Cast, worker: Any) -> None:
    await save_facts(worker, await read_all_facts(worker, shop.office.queue, shop.office.settings))


async def settle(worker: Any, tenant_id: int, age_s: float) -> None:
    now = datetime.now(UTC)
    stamp = now - timedelta(seconds=age_s)
    order = make_observation(make_order(make_uuid7(), source_updated_at=stamp))
    await apply_batch(worker, make_keys(tenant_id), [make_settlement(order, stamp=stamp)], now=now)


async def test_a_tenants_health_names_its_worst_integration_and_how_late_it_is(shop: Cast) -> None:
    async with shop.client(ACME, "auditor") as client:
        found = read(await client.get(f"/tenants/{ACME}/health"))["data"]
    assert (found["tenant_id"], found["health_status"], found["worst"]) == (ACME, "critical", f"int_{ACME}_2")
    first, second = found["integrations"]
    assert (first["health"], first["late_minutes"] < 61, first["rule"]) == ("healthy", True, "age")
    assert (second["health"], 28 * 60 < second["late_minutes"] <= 30 * 60) == ("critical", True)
    assert second["last_sync"] < second["due"]
    assert found["last_sync"] == second["last_sync"]


async def test_a_tenants_freshness_and_objective_are_its_own(shop: Cast, worker: Any) -> None:
    for age in (1, 1, 1, 90):
        await settle(worker, ACME, age)
    await settle(worker, GLOBEX, 2)
    await keep_series(worker, shop.office.settings, datetime.now(UTC) + timedelta(seconds=1))
    async with shop.client(ACME, "analyst") as client:
        found = read(await client.get(f"/tenants/{ACME}/health"))["data"]
        series = read(await client.get(f"/tenants/{ACME}/throughput", params={"period": "1h"}))["data"]
        nothing = read(await client.get(f"/tenants/{ACME}/throughput", params={"stream": "customers"}))["data"]
    objective = found["objective"]
    assert (objective["percent"], objective["counted"], objective["late"]) == (99.0, 4, 1)
    assert (objective["kept_percent"], objective["budget_left"], objective["burn_rates"]["1h"]) == (75.0, -24.0, 25.0)
    assert objective["burn"] is None, "one late change is no fire"
    assert found["freshness_p50_ms"] == pytest.approx(1_000, rel=0.45)
    assert found["freshness_p99_ms"] == pytest.approx(90_000, rel=0.45)
    assert (series["totals"]["events"], series["totals"]["late"], len(series["points"])) == (4, 1, 60)
    assert series["streams"]["orders"] == series["totals"]
    assert (nothing["totals"]["events"], nothing["step_s"], nothing["totals"]["latency_p50_ms"]) == (0, 600, None)


async def test_the_platform_sees_all_tenants_the_worst_first_page_by_page(shop: Cast, worker: Any) -> None:
    await watch(shop, worker)
    async with shop.client(PLATFORM_KEYS_ID, "platform_admin") as client:
        first = read(await client.get("/health/tenants", params={"limit": 1}))
        second = read(await client.get("/health/tenants", params={"limit": 1, "cursor": first["next_cursor"]}))
        healthy = read(await client.get("/health/tenants", params={"health": "healthy"}))["data"]
    assert [row["tenant_id"] for row in first["data"] + second["data"]] == [ACME, GLOBEX]
    assert (first["data"][0]["health_status"], first["data"][0]["worst"]) == ("critical", f"int_{ACME}_2")
    assert second["next_cursor"] is None
    assert [row["tenant_id"] for row in healthy] == [GLOBEX]
    async with shop.client(ACME, "owner") as client:
        assert (await client.get("/health/tenants")).status_code == 403
        assert (await client.get(f"/tenants/{GLOBEX}/health")).status_code == 404
        assert (await client.get(f"/tenants/{GLOBEX}/throughput")).status_code == 404

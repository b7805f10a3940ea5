"""The report of advertising: spend beside orders of the same days, nothing added up that must not be."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.services.tenant_settings import DEFAULTS
from db.ad_spend import SpendPlace, SpendRow, SpendWindow, replace_window
from db.integrations import insert_integration
from db.pool import Database
from schemas.records import SpendLevel
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read

ZONE = ZoneInfo(DEFAULTS["timezone"])
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 3)
DAYS = {"from": str(FIRST), "to": str(LAST)}
NOON = datetime(2026, 11, 1, 12, tzinfo=ZONE)
INSERT = """
INSERT INTO orders (tenant_id, source, account, external_id, source_updated_at, mapper_version, observed_at,
                    content_hash, status_class, currency, total_minor, source_created_at, sealed)
VALUES ($1, $2, 'store', $3, now(), 1, now(), '', $4, $5, $6, $7, 'sealed')
"""
Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def syncer(open_database: Callable[..., Awaitable[Database]]) -> Database:
    return await open_database("syncer")


@pytest.fixture
def ask(cast: Cast) -> Ask:
    """The report's data, for a tenant's admin."""

    async def ask(tenant_id: int = ACME, status: int = 200, **query: str) -> Any:
        async with cast.client(tenant_id, "admin") as client:
            path = f"/tenants/{tenant_id}/reports/ad-performance"
            found = read(await client.get(path, params=DAYS | {"group_by": "day"} | query), status)
            return found["data"] if status == 200 else found

    return ask


async def spend(
    syncer: Database,
    *costs: int,
    tenant_id: int = ACME,
    source: str = "google_ads",
    account: str = "1234567890",
    currency: str = "ARS",
    level: SpendLevel = "campaign",
    campaign_id: str = "c-1",
) -> None:
    """What the days from the first on cost; each with two and a half conversions worth three times the cost."""
    rows = [
        SpendRow(
            FIRST + timedelta(days=n), campaign_id, "" if level == "campaign" else "g-1", f"Campaign {campaign_id}",
            None, cost, 100, 10, 2_500_000, 3 * cost,
        )
        for n, cost in enumerate(costs) if cost
    ]  # fmt: skip
    window = SpendWindow(
        1, SpendPlace(source, account, level), FIRST, FIRST + timedelta(days=len(costs) - 1), currency, NOON, 1, rows,
        "America/New_York",
    )  # fmt: skip
    async with syncer.tenant_tx(tenant_id, "test") as connection:
        await replace_window(connection, tenant_id, window)


async def order(
    superuser: Any,
    external_id: str,
    total_minor: int | None = 1_000,
    at: datetime = NOON,
    *,
    tenant_id: int = ACME,
    status: str = "invoiced",
    currency: str | None = "ARS",
    source: str = "vtex",
) -> None:
    await superuser.execute(INSERT, tenant_id, source, external_id, status, currency, total_minor, at)


async def test_spend_stands_beside_the_orders_of_the_same_days(syncer: Database, superuser: Any, ask: Ask) -> None:
    await spend(syncer, 2_000, 0, 1_000)
    await order(superuser, "o-1", 5_000)
    await order(superuser, "o-2", 3_000)
    await order(superuser, "o-3", 700, status="canceled")
    await order(superuser, "o-4", 900, status="replaced")
    found = await ask()
    assert (found["time_zone"], found["first_day"], found["last_day"]) == (ZONE.key, str(FIRST), str(LAST))
    [account] = found["accounts"]
    assert (account["time_zone"], account["known_days"], account["unknown"]) == ("America/New_York", 3, [])
    first, second, third = found["rows"]
    assert first["spend"] == [
        {
            "source": "google_ads", "account": "1234567890", "currency": "ARS", "cost_minor": 2_000, "impressions": 100,
            "clicks": 10, "conversions": 2.5, "value_minor": 6_000, "reported_roas": 3.0, "reported_cpa_minor": 800,
        }
    ]  # fmt: skip
    [orders] = first["orders"]
    assert (orders["orders"], orders["revenue_minor"], orders["canceled"], orders["canceled_minor"]) == (
        2,
        8_000,
        1,
        700,
    )
    assert orders["replaced"] == 1
    assert first["blended"] == {
        "currency": "ARS", "cost_minor": 2_000, "revenue_minor": 8_000, "orders": 2, "roas": 4.0, "cpa_minor": 1_000,
        "reason": None,
    }  # fmt: skip
    assert (second["spend"][0]["cost_minor"], second["spend_known"]) == (0, "known"), (
        "a day without spend is a known one"
    )
    assert second["blended"]["reason"] == "no_spend"
    assert (third["blended"]["roas"], third["blended"]["reason"]) == (0.0, "no_orders")
    assert found["total"]["blended"]["cpa_minor"] == 1_500
    assert found["total"]["blended"]["roas"] == round(8_000 / 3_000, 4)


async def test_an_order_counts_on_the_tenants_day(superuser: Any, ask: Ask) -> None:
    midnight = datetime(2026, 11, 2, tzinfo=ZONE)
    await order(superuser, "before", at=midnight - timedelta(seconds=1))
    await order(superuser, "after", at=midnight)
    await order(superuser, "too late", at=midnight + timedelta(days=2))
    await order(superuser, "too early", at=midnight - timedelta(days=1, seconds=1))
    counts = [[one["orders"] for one in row["orders"]] for row in (await ask())["rows"]]
    assert counts == [[1], [1], []]


async def test_days_at_which_nobody_has_looked_are_unknown_and_not_zero(
    cast: Cast, syncer: Database, superuser: Any, ask: Ask
) -> None:
    async with cast.office.database.tenant_tx(ACME, "test") as connection:
        await insert_integration(connection, ACME, 1, connector="facebook_ads", account="42")
    await order(superuser, "o-1")
    found = await ask()
    assert [(one["source"], one["known_days"]) for one in found["accounts"]] == [("facebook_ads", 0)]
    assert found["accounts"][0]["unknown"] == [{"first_day": str(FIRST), "last_day": str(LAST)}]
    assert {(row["spend_known"], row["unknown_days"], row["blended"]["reason"]) for row in found["rows"]} == {
        ("unknown", 1, "spend_unknown")
    }
    assert all(row["spend"] == [] for row in found["rows"])
    await spend(syncer, 2_000, source="facebook_ads", account="42")
    found = await ask(group_by="month")
    [row] = found["rows"]
    assert (row["spend_known"], row["unknown_days"]) == ("partly", 2)
    assert (row["blended"]["reason"], row["blended"]["roas"]) == ("spend_partly_unknown", None)
    assert row["spend"][0]["cost_minor"] == 2_000
    assert found["accounts"][0]["unknown"] == [{"first_day": "2026-11-02", "last_day": str(LAST)}]


async def test_without_any_ad_account_orders_stand_alone(superuser: Any, ask: Ask) -> None:
    await order(superuser, "o-1")
    total = (await ask())["total"]
    assert (total["spend_known"], total["blended"]["reason"]) == ("no_accounts", "no_ad_accounts")
    assert total["orders"][0]["revenue_minor"] == 1_000


async def test_currencies_are_never_added_up(syncer: Database, superuser: Any, ask: Ask) -> None:
    await spend(syncer, 2_000, 2_000, 2_000)
    await spend(syncer, 30, 0, 0, source="facebook_ads", account="42", currency="USD")
    for n in range(3):
        await order(superuser, f"o-{n}", at=NOON + timedelta(days=n))
    await order(superuser, "o-brl", 77, at=NOON + timedelta(days=2), currency="BRL", source="mercadolibre")
    found = await ask()
    assert [row["blended"]["reason"] for row in found["rows"]] == ["several_currencies", None, "several_currencies"]
    assert found["rows"][0]["blended"]["roas"] is None
    total = found["total"]
    assert [(one["currency"], one["cost_minor"]) for one in total["spend"]] == [("USD", 30), ("ARS", 6_000)]
    told = {(one["source"], one["currency"], one["revenue_minor"]) for one in total["orders"]}
    assert told == {("mercadolibre", "BRL", 77), ("vtex", "ARS", 3_000)}
    await order(superuser, "o-none", at=NOON + timedelta(days=1), currency=None)
    assert (await ask())["rows"][1]["blended"]["reason"] == "currency_unknown"


async def test_an_order_without_an_amount_leaves_the_return_open(syncer: Database, superuser: Any, ask: Ask) -> None:
    await spend(syncer, 2_000)
    await order(superuser, "o-1", None)
    row = (await ask(to=str(FIRST)))["rows"][0]
    assert (row["blended"]["reason"], row["blended"]["roas"], row["blended"]["cpa_minor"]) == (
        "revenue_partly_unknown", None, 2_000,
    )  # fmt: skip
    assert row["orders"][0]["without_total"] == 1


async def test_ad_groups_are_not_added_to_campaigns(syncer: Database, ask: Ask) -> None:
    await spend(syncer, 2_000, 0, 0)
    await spend(syncer, 2_000, 0, 0, level="ad_group")
    for group_by in ("day", "campaign", "account", "source"):
        [first, *_] = (await ask(group_by=group_by))["rows"]
        assert [one["cost_minor"] for one in first["spend"]] == [2_000], group_by


async def test_by_campaign_account_and_source_orders_are_not_told_apart(
    cast: Cast, syncer: Database, superuser: Any, ask: Ask
) -> None:
    await spend(syncer, 100, 50, 0)
    await spend(syncer, 200, 0, 0, source="facebook_ads", account="42", campaign_id="c-2")
    await order(superuser, "o-1")
    found = await ask(group_by="campaign")
    assert [(row["campaign_name"], row["spend"][0]["cost_minor"]) for row in found["rows"]] == [
        ("Campaign c-2", 200), ("Campaign c-1", 150),
    ]  # fmt: skip
    assert all(row["orders"] is None for row in found["rows"])
    assert {row["blended"]["reason"] for row in found["rows"]} == {"orders_not_attributable"}
    assert "Orders do not tell which campaign brought them" in found["notes"][-1]
    assert found["total"]["blended"]["roas"] == round(1_000 / 350, 4)
    for group_by in ("account", "source"):
        rows = (await ask(group_by=group_by))["rows"]
        assert [(row["source"], row["orders"] is None) for row in rows] == [
            ("facebook_ads", True), ("google_ads", True), ("vtex", False),
        ]  # fmt: skip
        assert [row["account"] for row in rows] == (
            ["42", "1234567890", "store"] if group_by == "account" else [None] * 3
        )
    narrow = cast.under(report_rows_max=1)
    async with narrow.client(ACME, "analyst") as client:
        path = f"/tenants/{ACME}/reports/ad-performance"
        cut = read(await client.get(path, params=DAYS | {"group_by": "campaign"}))["data"]
    assert ([row["campaign_id"] for row in cut["rows"]], cut["rows_left_out"]) == (["c-2"], True)


async def test_weeks_begin_on_monday_and_are_cut_to_the_range(ask: Ask) -> None:
    periods = [(row["first_day"], row["last_day"]) for row in (await ask(group_by="week", to="2026-11-10"))["rows"]]
    assert periods == [("2026-11-01", "2026-11-01"), ("2026-11-02", "2026-11-08"), ("2026-11-09", "2026-11-10")]
    months = (await ask(group_by="month", **{"from": "2026-10-30"}))["rows"]
    assert [(row["first_day"], row["last_day"]) for row in months] == [
        ("2026-10-30", "2026-10-31"), ("2026-11-01", "2026-11-03"),
    ]  # fmt: skip


async def test_a_range_that_is_too_long_or_backwards_is_refused(ask: Ask) -> None:
    for query, why in (
        ({"to": "2026-10-31"}, "lies behind `to`"),
        ({"from": "2025-11-02"}, "more than 366 days"),
        ({"from": "0001-01-01"}, "before 1970"),
        ({"to": "9999-12-31"}, "behind 2199"),
        ({"group_by": "hour"}, "'day'"),
    ):
        refused = await ask(status=422, **query)
        assert why in refused["errors"][0]["detail"], refused
    assert len((await ask(**{"from": "2025-11-03"}))["rows"]) == 366


async def test_neither_tenant_sees_the_others_spend_or_orders(syncer: Database, superuser: Any, ask: Ask) -> None:
    await spend(syncer, 2_000)
    await order(superuser, "o-1", 5_000)
    await spend(syncer, 3_000, tenant_id=GLOBEX, account="999")
    await order(superuser, "o-1", 6_000, tenant_id=GLOBEX)
    for tenant_id, cost, revenue in ((ACME, 2_000, 5_000), (GLOBEX, 3_000, 6_000)):
        for group_by in ("day", "week", "month"):
            row = (await ask(tenant_id, to=str(FIRST), group_by=group_by))["rows"][0]
            assert (row["blended"]["cost_minor"], row["blended"]["revenue_minor"]) == (cost, revenue)
        for group_by in ("campaign", "account", "source"):
            rows = (await ask(tenant_id, to=str(FIRST), group_by=group_by))["rows"]
            assert [one["cost_minor"] for row in rows for one in row["spend"]] == [cost]

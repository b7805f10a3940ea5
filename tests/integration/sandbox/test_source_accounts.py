"""What the demo and the acceptance tests tell the sandbox of a brand's accounts, and what they take for the truth."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from app.connectors.facebook_ads.mapping import map_ad_spend as map_facebook
from app.connectors.google_ads.mapping import map_ad_spend as map_google
from schemas.records import AdSpendRecord, SpendLevel
from scripts.stack.source_accounts import (
    CONNECTORS,
    FIGURE_DAYS,
    count_figure_days,
    find_account,
    make_fields,
    tell_account,
)
from scripts.stack.source_truth import (
    FIRST,
    LAST,
    LEVELS,
    Days,
    Figures,
    find_month,
    find_week,
    read_facebook_days,
    read_google_days,
    read_orders,
    sum_windows,
)

SINCE = datetime.now(UTC) - timedelta(days=3)


@pytest.fixture
async def sandbox(sandbox_process: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=sandbox_process, trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
async def tenant_id(sandbox: httpx.AsyncClient) -> int:
    """Nobody else's, with all three accounts."""
    tenant_id = random.randrange(100, 1_000)
    for connector in CONNECTORS:
        fields = make_fields(connector, tenant_id)
        await tell_account(sandbox, connector, tenant_id, fields, since=SINCE, orders=90)
    return tenant_id


def sum_records(records: list[AdSpendRecord]) -> Days:
    days: Days = {}
    for one in records:
        figures = Figures(one.cost_minor, one.impressions, one.clicks, one.conversions_micros, one.value_minor)
        days[one.day] = days.get(one.day, Figures()).add(figures)
    return {day: figures for day, figures in days.items() if any(figures)}


@pytest.mark.parametrize("level", LEVELS)
async def test_figures_are_read_as_the_mappers_read_them(
    sandbox: httpx.AsyncClient, tenant_id: int, level: SpendLevel
) -> None:
    ends = {"first": FIRST.isoformat(), "last": LAST.isoformat()}
    account = find_account("google_ads", tenant_id)
    query = {"customer_id": account, "level": level, **ends}
    rows = (await sandbox.get("/_sandbox/google/truth", params=query)).json()
    mapped = [row for row in map_google({"results": rows}) if isinstance(row, AdSpendRecord)]
    truth = await read_google_days(sandbox, account, level)
    assert (sum_records(mapped), len(mapped)) == (truth, len(rows))
    assert len(truth) >= FIGURE_DAYS
    account = find_account("facebook_ads", tenant_id)
    named = "adset" if level == "ad_group" else level
    query = {"account_id": account.removeprefix("act_"), "level": named, **ends}
    rows = (await sandbox.get("/_sandbox/facebook/truth", params=query)).json()
    mapped = [row for row in map_facebook({"data": rows}) if isinstance(row, AdSpendRecord)]
    truth = await read_facebook_days(sandbox, account, level)
    assert (sum_records(mapped), len(mapped)) == (truth, len(rows))
    assert len(truth) >= FIGURE_DAYS


async def test_a_seller_has_the_orders_asked_for(sandbox: httpx.AsyncClient, tenant_id: int) -> None:
    found = await read_orders(sandbox, find_account("mercadolibre", tenant_id))
    assert len(found) == 90
    assert {is_canceled for _, is_canceled, _ in found.values()} == {True, False}


def test_the_first_day_of_figures_is_the_same_at_every_start() -> None:
    first_days = {day - timedelta(days=count_figure_days(SINCE, day)) for day in (date(2026, 12, 1), date(2027, 3, 1))}
    assert len(first_days) == 1


def test_secrets_are_drawn_anew_and_ids_are_the_tenants() -> None:
    for connector in CONNECTORS:
        fields = [make_fields(connector, tenant_id) for tenant_id in (56, 56, 57)]
        assert len({str(one) for one in fields}) == 3
        assert find_account(connector, 56) != find_account(connector, 57)
        assert all(len(value) < 500 for one in fields for value in one.values())


def test_days_add_up_to_weeks_and_months() -> None:
    days = {date(2026, 11, day): Figures(day) for day in range(1, 31)}
    assert sum_windows(days, find_month) == {date(2026, 11, 1): Figures(sum(range(1, 31)))}
    weeks = sum_windows(days, find_week)
    assert weeks[date(2026, 11, 2)] == Figures(sum(range(2, 9)))
    assert sum(figures.cost_minor for figures in weeks.values()) == sum(range(1, 31))

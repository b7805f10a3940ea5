"""Throughput, latency and the objective over time, as charts and as numbers."""

import re
from typing import Any

import pytest

from app.dashboard.viewer import CHOICE_COOKIE
from tests.integration.dashboard.conftest import ACME, GLOBEX, Browse

PAGE = f"/tenants/{ACME}"
MINUTES = """
    INSERT INTO event_minutes (tenant_id, minute, stream, writer, applied, superseded, duplicate, ignored, dead, synced,
                               counted, late, latency, freshness)
    SELECT $1, date_trunc('minute', now()) - n * interval '1 minute', 'orders', 'live', $2, 1, 0, 0, 1, 0, $2, 1,
           array_fill(2, ARRAY[10]), array_fill(2, ARRAY[12])
    FROM generate_series(0, 50) AS n
"""
HOURS = """
    INSERT INTO event_hours (tenant_id, hour, stream, applied, superseded, duplicate, ignored, dead, synced, counted,
                             late, latency, freshness)
    SELECT $1, date_trunc('hour', now()) - n * interval '1 hour', 'orders', $2, 1, 0, 0, 1, 0, $2, 1,
           array_fill(2::bigint, ARRAY[10]), array_fill(2::bigint, ARRAY[12])
    FROM generate_series(3, 700) AS n
"""


@pytest.fixture
async def counted(superuser: Any, cast: Any) -> None:
    del cast
    for tenant_id, applied in ((ACME, 10), (GLOBEX, 77_777)):
        await superuser.execute(MINUTES, tenant_id, applied)
        await superuser.execute(HOURS, tenant_id, applied)


@pytest.mark.parametrize(("period", "bars"), [("1h", 51), ("24h", 5), ("7d", 160), ("30d", 100)])
async def test_each_period_is_drawn_and_told_in_numbers(browse: Browse, counted: None, period: str, bars: int) -> None:
    del counted
    browser = await browse(ACME, "analyst")
    browser.cookies.set(CHOICE_COOKIE, "language=en")
    page = (await browser.get(PAGE, params={"period": period})).text
    assert len(re.findall(r'<rect class="fill-good"', page)) >= bars
    assert 'class="line tone-1"' in page
    assert 'aria-current="page">' in page
    assert page.count("<summary>As numbers</summary>") == 2
    assert "77,777" not in page
    assert len(page) < 300_000, "a month has its hours together"


async def test_a_live_look_asks_for_no_charts(browse: Browse, counted: None) -> None:
    del counted
    browser = await browse(ACME, "analyst")
    live = (await browser.get(PAGE, headers={"X-Live": "1"})).text
    assert 'class="chart"' not in live
    assert 'id="tenant-now"' in live


async def test_without_events_the_page_says_so_and_an_unknown_period_is_an_hour(browse: Browse) -> None:
    browser = await browse(ACME, "owner")
    browser.cookies.set(CHOICE_COOKIE, "language=en")
    page = (await browser.get(PAGE, params={"period": "1y"})).text
    assert "Nothing was applied in this period." in page
    assert re.search(r'period=1h#charts" aria-current="page"', page)


async def test_the_objective_of_the_type_and_what_is_left_of_its_budget(
    browse: Browse, counted: None, superuser: Any
) -> None:
    del counted
    browser = await browse(ACME, "analyst")
    browser.cookies.set(CHOICE_COOKIE, "language=en")
    page = (await browser.get(PAGE)).text
    assert "99.0 % of this month" in page
    assert "Budget left" in page
    assert "The budget is being spent fast" in page
    await superuser.execute("UPDATE tenants SET type = 'trial' WHERE tenant_id = $1", ACME)
    assert "Budget left" not in (await browser.get(PAGE)).text, "a trial has no objective"

"""Syncs on the pages: asked for, watched while they go on, paused, cancelled; schedules, findings and completeness."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from db.completeness import DayFound, Finding, VerifiedStream, add_findings, set_days
from tests.integration.api.conftest import GLOBEX
from tests.integration.dashboard.integrations.conftest import (
    ACME,
    ONE,
    SYNCS,
    Browse,
    Shop,
    Syncing,
    connect,
    connect_brand,
    read_text,
)
from tests.integration.workers.works import until

RUN = re.compile(rf"/dashboard{SYNCS}/([0-9a-f]{{8}}-[0-9a-f-]{{27}})")


async def begin(browser: Any, **form: str) -> str:
    """The address of a run that was asked for on the page."""
    answer = await browser.post(f"{SYNCS}/start", data={"sync_type": "full", "priority": "normal", **form})
    assert answer.status_code == 303, read_text(answer, 422)
    found = RUN.search(answer.headers["location"])
    assert found is not None
    return f"{SYNCS}/{found[1]}"


async def test_without_an_integration_and_without_a_run_the_next_step_is_said(browse: Browse, shop: Shop) -> None:
    browser = await browse(ACME, "admin")
    assert "Nothing to sync yet" in read_text(await browser.get(SYNCS))
    await connect(shop, auto_sync=False)
    page = await browser.get(SYNCS)
    assert "No sync yet" in read_text(page)
    assert f"{SYNCS}/start?sync_type=full" in page.text
    assert "Off: only by hand" in read_text(page)


async def test_a_sync_is_watched_while_it_goes_on_and_to_its_end(browse: Browse, shop: Shop, syncing: Syncing) -> None:
    await shop.put_key(orders=300, customers=30)
    await connect(shop, auto_sync=False)
    browser = await browse(ACME, "operator")
    run = await begin(browser, integration_id=f"int_{ACME}_1", streams="orders")
    queued = await browser.get(run)
    assert "Queued" in read_text(queued)
    assert "operator" not in read_text(queued).lower(), "who works here is not an operator's to see"
    async with syncing(vtex_calls_per_minute=600, sync_fetch_concurrency=2, sync_pages_ahead=1):

        async def goes_on() -> httpx.Response | None:
            page = await browser.get(run)
            text = read_text(page)
            return page if re.search(r"[1-9]\d* of \d+ \(", text) and "a second" in text else None

        page = await until(goes_on, 30)
        assert page is not None
        assert "Running" in read_text(page)
        assert "Time left" in read_text(page)
        assert 'id="run" data-live="1"' in page.text
        assert 'role="img" aria-label="Orders:' in page.text
    async with syncing():

        async def has_ended() -> bool:
            return "Succeeded" in read_text(await browser.get(run))

        await until(has_ended, 30)
    ended = await browser.get(run)
    assert 'id="run" data-live' not in ended.text
    assert "/pause" not in ended.text
    listed = read_text(await browser.get(SYNCS))
    assert "Succeeded" in listed
    assert "Everything by hand" in listed
    estimates = read_text(await browser.get(f"{SYNCS}/start"))
    assert "How long it took the last time" in estimates
    assert "Nothing has run to its end yet" not in estimates
    assert "Operator of 56" in read_text(await (await browse(ACME, "owner")).get(run))


async def test_a_run_is_paused_resumed_and_cancelled_with_what_stays_said(browse: Browse, shop: Shop) -> None:
    await connect(shop, auto_sync=False)
    browser = await browse(ACME, "operator")
    run = await begin(browser)
    asked = read_text(await browser.get(f"{run}/pause"))
    assert "holds up every other sync" in asked
    assert (await browser.post(f"{run}/pause")).status_code == 303
    assert "Paused" in read_text(await browser.get(run))
    assert (await browser.post(f"{run}/resume")).status_code == 303
    asked = read_text(await browser.get(f"{run}/cancel"))
    assert "What was written stays: 0 objects" in asked
    assert "cannot be undone" in asked
    assert (await browser.post(f"{run}/cancel")).status_code == 303
    assert "Cancelled" in read_text(await browser.get(run))
    assert (await browser.post(f"{run}/pause")).status_code == 409
    analyst = await browse(ACME, "analyst")
    assert "Cancelled" in read_text(await analyst.get(run))
    for what in ("pause", "resume", "cancel"):
        assert (await analyst.post(f"{run}/{what}")).status_code == 403
    assert (await analyst.get(f"{SYNCS}/start")).status_code == 403


async def test_what_is_asked_for_twice_is_joined_and_what_cannot_run_says_why(browse: Browse, shop: Shop) -> None:
    await connect(shop, auto_sync=False)
    browser = await browse(ACME, "operator")
    await connect_brand(shop)  # of which there is nothing to sync, and nothing to say
    run = await begin(browser)
    assert await begin(browser) == run
    assert "goes on already" in read_text(await browser.get(run))
    await browser.post(f"{ONE}/pause")
    answer = await browser.post(f"{SYNCS}/start", data={"sync_type": "incremental", "priority": "high"})
    assert "nothing begins" in read_text(answer)
    wrong = await browser.post(f"{SYNCS}/start", data={"sync_type": "full", "since": "2026-11-01"})
    assert "is for a repair" in read_text(wrong, 422)
    assert (await browser.post(f"{SYNCS}/start", data={"sync_type": "repair", "since": "soon"})).status_code == 422
    assert (await browser.post(f"{SYNCS}/start", data={"sync_type": "everything"})).status_code == 422


async def test_runs_are_filtered_and_paged(browse: Browse, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.dashboard.pages.syncs.RUNS_SHOWN", 2)
    await connect(shop, auto_sync=False)
    browser = await browse(ACME, "operator")
    runs = []
    for _ in range(3):
        runs.append(await begin(browser))
        await browser.post(f"{runs[-1]}/cancel")
    first = await browser.get(SYNCS)
    assert [f"{SYNCS}/{one}" for one in dict.fromkeys(RUN.findall(first.text))] == runs[:0:-1]
    further = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert further is not None
    second = await browser.get("http://acequia.test" + further[1].replace("&amp;", "&"))
    assert [f"{SYNCS}/{one}" for one in dict.fromkeys(RUN.findall(second.text))] == runs[:1]
    none = read_text(await browser.get(SYNCS, params={"status": "failed"}))
    assert "No run is so" in none
    some = await browser.get(SYNCS, params={"status": "cancelled", "integration_id": f"int_{ACME}_1"})
    assert runs[2] in some.text
    assert (await browser.get(SYNCS, params={"cursor": "nonsense"})).status_code == 422
    assert (await browser.get(SYNCS, params={"integration_id": f"int_{GLOBEX}_1", "status": "x"})).status_code == 200


async def test_the_schedule_shows_when_the_next_one_begins(browse: Browse, shop: Shop) -> None:
    await connect(shop)
    text = read_text(await (await browse(ACME, "analyst")).get(SYNCS))
    assert "Every day" in text
    assert re.search(r"Every day – in \d+ hours|Every day – in 1 day", text), text[:600]


async def test_days_are_a_calendar_with_those_that_nobody_looked_at(
    browse: Browse, shop: Shop, open_database: Any
) -> None:
    await connect(shop, auto_sync=False)
    browser = await browse(ACME, "operator")
    empty = await browser.get(f"{SYNCS}/completeness")
    assert "No day was compared yet" in read_text(empty)
    run = await begin(browser, sync_type="repair", streams="orders")
    today = datetime.now(UTC).date()
    syncer = await open_database("syncer")
    verified = VerifiedStream(ACME, run.rpartition("/")[2], "orders")
    days = [DayFound(today - timedelta(days=n), 100, missing, 0, 0) for n, missing in ((1, 0), (2, 1), (3, 50))]
    found = [Finding(f"order-{n}-01", "missing", date(2026, 11, 1)) for n in range(12)]
    async with syncer.tenant_tx(ACME, "test") as connection:
        await set_days(connection, verified, 1, days)
        await add_findings(connection, verified, found)
    page = await browser.get(f"{SYNCS}/completeness")
    for tone, count in (("good", 1), ("warn", 1), ("bad", 1)):
        assert page.text.partition('class="calendar"')[2].partition("</svg>")[0].count(f'class="cell {tone}"') == count
    text = read_text(page)
    assert re.search(r"1[678]\d days not looked at yet", text)
    assert "Days with differences: 2" in text
    shown = await browser.get(run)
    assert read_text(shown).count("order-") == 10
    everything = await browser.get(f"{run}/findings")
    assert read_text(everything).count("order-") == 12
    assert "not settled yet" in read_text(everything)


async def test_neither_brand_sees_the_others_runs(browse: Browse, shop: Shop) -> None:
    await connect(shop, name="acmecanary", auto_sync=False)
    run = (await begin(await browse(ACME, "operator"))).rpartition("/")[2]
    globex = await browse(GLOBEX, "owner")
    theirs = f"/tenants/{GLOBEX}/syncs"
    for path in ("", "/completeness", "/start"):
        assert "acmecanary" not in read_text(await globex.get(theirs + path))
    for path in (f"/{run}", f"/{run}/findings", f"/{run}/cancel", f"/{run}/pause"):
        assert (await globex.get(theirs + path)).status_code == 404
    assert (await globex.post(f"{theirs}/{run}/cancel")).status_code == 404
    assert (await globex.get(f"{theirs}?integration_id=int_{ACME}_1")).status_code == 200
    assert run in (await (await browse(ACME, "analyst")).get(SYNCS)).text
    answer = await globex.post(f"{theirs}/start", data={"integration_id": f"int_{ACME}_1"})
    assert answer.status_code == 404

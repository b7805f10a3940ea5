"""Dead letters as an operator meets them: by cause, one, many."""

import re
from typing import Any

import pytest

from db.pool import Database
from tests.integration.api.conftest import Cast
from tests.integration.api.test_bulk import bury_some, work_off
from tests.integration.dashboard.conftest import ACME, GLOBEX, Browse
from tests.integration.dashboard.reading import follow, open_in, read

LETTERS = f"/tenants/{ACME}/dead-letters"
CAUSE = {"integration": f"int_{ACME}_1", "reason": "unmappable", "kind": "order", "field": "items[].price"}


async def test_groups_say_in_words_what_is_wrong_and_what_to_do(cast: Cast, database: Database, browse: Browse) -> None:
    await bury_some(cast, database, [("unmappable", f"items[{n}].price") for n in range(3)])
    await bury_some(cast, database, [("a_new_reason", None)])
    await bury_some(cast, database, [("not_found", None)], tenant_id=GLOBEX)
    page = read(await (await open_in(browse, ACME, "analyst")).get(LETTERS))
    assert "The document cannot be understood" in page
    assert "items[].price" in page
    assert "mend it at the source" in page
    assert "a_new_reason" in page, "a reason that has no words is shown as it is"
    assert "no such object" not in page, "globex's"
    assert "Replay all" not in page, "an analyst only looks"


@pytest.mark.parametrize("language", ["en", "es", "pt"])
async def test_every_page_is_there_in_every_language(
    cast: Cast, database: Database, browse: Browse, language: Any
) -> None:
    one, other = await bury_some(cast, database, [("unmappable", "items[0].price"), ("no_answer", None)])
    browser = await open_in(browse, ACME, "operator", language)
    started = await browser.post(f"{LETTERS}/bulk", params={"action": "replay", "event_id": [other]})
    for path in (
        LETTERS, f"{LETTERS}/{one}", f"{LETTERS}/{one}/discard", f"{LETTERS}/operations",
        f"{LETTERS}/bulk?action=replay", f"{LETTERS}/bulk?action=discard&reason=unmappable",
        started.headers["location"].removeprefix("/dashboard"),
    ):  # fmt: skip
        page = read(await browser.get(path))
        assert f'<html lang="{language}' in page
    assert "price" in read(await browser.get(f"{LETTERS}/group", params=CAUSE))


async def test_nobody_yet_has_failed_and_the_page_says_where_events_are(browse: Browse) -> None:
    page = read(await (await open_in(browse, ACME, "operator")).get(LETTERS))
    assert "No dead letters" in page
    assert "All others are among the events" in page


async def test_one_is_looked_at_without_its_body_and_replayed(cast: Cast, database: Database, browse: Browse) -> None:
    [dead] = await bury_some(cast, database, [("unmappable", "items[0].price")])
    browser = await open_in(browse, ACME, "operator")
    page = read(await browser.get(f"{LETTERS}/{dead}"))
    assert "vtex · store" in page
    assert "kept sealed" in page
    shown = await follow(browser, await browser.post(f"{LETTERS}/{dead}/replay"))
    assert "It goes through the queue again." in shown
    assert "On its way again" in shown
    assert (await cast.office.queue.depth(ACME)).waiting == 1


async def test_a_discard_says_that_it_cannot_be_undone_before_it_is_done(
    cast: Cast, database: Database, browse: Browse
) -> None:
    [dead] = await bury_some(cast, database, [("unmappable", "value")])
    browser = await open_in(browse, ACME, "operator")
    asked = read(await browser.get(f"{LETTERS}/{dead}/discard"))
    assert "This cannot be undone." in asked
    assert "Discarded: its body was removed." in await follow(browser, await browser.post(f"{LETTERS}/{dead}/discard"))
    gone = await browser.post(f"{LETTERS}/{dead}/discard")
    assert gone.status_code == 404


async def test_many_are_estimated_started_followed_and_end_with_what_came_of_them(
    cast: Cast, database: Database, browse: Browse
) -> None:
    await bury_some(cast, database, [("unmappable", f"items[{n}].price") for n in range(5)])
    await bury_some(cast, database, [("unmappable", None)])
    browser = await open_in(browse, ACME, "operator")
    group = read(await browser.get(LETTERS))
    [href] = set(re.findall(r'href="/dashboard(/tenants/56/dead-letters/bulk\?action=replay&[^"]*price[^"]*)"', group))
    asked = read(await browser.get(href))
    assert "It concerns 5 dead letters." in asked
    assert "Replay 5" in asked
    started = await browser.post(href)
    running = await follow(browser, started)
    assert "Started. A worker takes it up" in running
    assert 'data-live="2"' in running
    assert "0 of 5" in running
    await work_off(cast, database)
    ended = await follow(browser, started)
    assert "5 of 5" in ended
    assert "data-live" not in ended
    without_field = read(await browser.get(LETTERS))
    assert "no_field=1" in without_field, "the letter without a field was not taken along"


async def test_some_are_chosen_by_hand_without_a_script(cast: Cast, database: Database, browse: Browse) -> None:
    ids = await bury_some(cast, database, [("unmappable", "items[0].price")] * 4)
    browser = await open_in(browse, ACME, "operator")
    page = read(await browser.get(f"{LETTERS}/group", params=CAUSE))
    assert page.count('name="event_id"') == 4
    chosen = {"chosen": "1", **CAUSE, "event_id": ids[:2], "action": "discard"}
    assert "It concerns 2 dead letters." in read(await browser.get(f"{LETTERS}/bulk", params=chosen))
    await browser.post(f"{LETTERS}/bulk", params=chosen)
    await work_off(cast, database)
    assert read(await browser.get(f"{LETTERS}/group", params=CAUSE)).count('name="event_id"') == 2
    nothing = await follow(browser, await browser.get(f"{LETTERS}/bulk", params=chosen | {"event_id": []}))
    assert "None was chosen" in nothing


async def test_an_operation_is_cancelled_from_its_page(cast: Cast, database: Database, browse: Browse) -> None:
    await bury_some(cast, database, [("unmappable", "value")] * 3)
    browser = await open_in(browse, ACME, "operator")
    started = await browser.post(f"{LETTERS}/bulk", params={"action": "replay"})
    page = started.headers["location"].removeprefix("/dashboard")
    assert "Cancelled" in await follow(browser, await browser.post(f"{page}/cancel"))
    again = await browser.post(f"{page}/cancel")
    assert again.status_code in {303, 409}


async def test_a_group_goes_on_page_by_page(
    cast: Cast, database: Database, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.dashboard.pages.dead.LETTERS_SHOWN", 2)
    ids = await bury_some(cast, database, [("unmappable", "items[0].price")] * 5)
    browser = await open_in(browse, ACME, "analyst")
    found: list[str] = []
    page = read(await browser.get(f"{LETTERS}/group", params=CAUSE))
    while True:
        found += re.findall(r"dead-letters/([0-9a-f-]{36})", page)
        following = re.search(r'rel="next" href="/dashboard([^"]+)"', page)
        if following is None:
            break
        page = read(await browser.get(following[1]))
    assert found == sorted(ids, reverse=True)


@pytest.mark.parametrize("role", ["analyst", "auditor"])
async def test_who_may_not_operate_starts_nothing(cast: Cast, database: Database, browse: Browse, role: Any) -> None:
    [dead] = await bury_some(cast, database, [("unmappable", "value")])
    browser = await open_in(browse, ACME, role)
    for path in (f"{LETTERS}/bulk", f"{LETTERS}/{dead}/replay", f"{LETTERS}/{dead}/discard"):
        assert (await browser.post(path)).status_code == 403
    assert (await cast.office.queue.depth(ACME)).waiting == 0

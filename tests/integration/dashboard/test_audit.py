"""The audit log in pages: in words, with names for who may know them, sifted and page by page."""

import re
from typing import Any

import pytest

from app.services.audit import Actor, write_audit
from tests.integration.api.conftest import CLI, Cast
from tests.integration.dashboard.conftest import ACME, GLOBEX, Browse, People
from tests.integration.dashboard.reading import open_in, read

AUDIT = f"/tenants/{ACME}/audit"


async def note(cast: Cast, actor: Actor, action: str, object_id: str, tenant_id: int = ACME) -> None:
    async with cast.office.database.tenant_tx(tenant_id, "test") as connection:
        await write_audit(connection, tenant_id, actor, action, "thing", object_id, {"letters": 7, "filter": {"a": 1}})


async def test_what_was_done_is_said_in_words_with_its_details(cast: Cast, browse: Browse) -> None:
    await note(cast, CLI, "tenant.settings_changed", "o-1")
    await note(cast, CLI, "something.nobody_has_words_for", "o-2")
    await note(cast, CLI, "key.created", "theirs", GLOBEX)
    page = read(await (await open_in(browse, ACME, "auditor")).get(AUDIT))
    assert "Changed settings" in page
    assert "something.nobody_has_words_for" in page
    assert "letters</span> 7" in page
    assert "theirs" not in page


async def test_people_are_named_to_those_who_may_see_them_and_ids_to_others(
    cast: Cast, browse: Browse, people: People
) -> None:
    await people.find_session(ACME, "admin")
    person = str(people.ids[ACME, "admin"])
    await note(cast, Actor("person", person), "key.created", "o-1")
    await note(cast, Actor("person", "0e8b6a0f-7c1e-4a55-9d2b-2f1f6a6a0001"), "key.created", "o-2")
    await note(cast, Actor("key", cast.keys[ACME, "analyst"][4:14]), "objects.enqueued", "o-3")
    owner = read(await (await open_in(browse, ACME, "owner")).get(AUDIT))
    assert "Admin of 56" in owner
    assert ">analyst</a>" in owner, "a key's name"
    assert "0e8b6a0f-7c1e-4a55-9d2b-2f1f6a6a0001</a>" in owner, "of no place that they see"
    auditor = read(await (await open_in(browse, ACME, "auditor")).get(AUDIT))
    assert "Admin of 56" not in auditor
    assert f"{person}</a>" in auditor


async def test_entries_are_sifted_and_go_on_page_by_page(
    cast: Cast, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.dashboard.pages.audit.ENTRIES_SHOWN", 2)
    for number in range(5):
        await note(cast, CLI, "test.made", f"o-{number}")
        await note(cast, CLI, "sync.paused", f"x-{number}")
    browser = await open_in(browse, ACME, "auditor")
    page, found = read(await browser.get(AUDIT, params={"action": "test."})), []
    while True:
        found += re.findall(r">(o-\d)</a>", page)
        following = re.search(r'rel="next" href="/dashboard([^"]+)"', page)
        if following is None:
            break
        page = read(await browser.get(following[1]))
    assert found == [f"o-{number}" for number in (4, 3, 2, 1, 0)]
    assert ">x-3</a>" in read(await browser.get(AUDIT, params={"object": "x-3", "from": "2026-01-01"}))
    assert "No entry fits" in read(await browser.get(AUDIT, params={"to": "2020-01-01"}))
    assert (await browser.get(AUDIT, params={"from": "yesterday"})).status_code == 422


async def test_the_platforms_log_is_the_platforms(browse: Browse) -> None:
    admin = await open_in(browse, role="platform_admin")
    page = read(await admin.get("/audit"))
    assert "Signed in" in page
    assert "Ada Admin" in page
    assert (await (await open_in(browse, ACME, "owner")).get("/audit")).status_code == 404


@pytest.mark.parametrize("language", ["en", "es", "pt"])
async def test_the_page_is_there_in_every_language(cast: Cast, browse: Browse, language: Any) -> None:
    await note(cast, CLI, "key.created", "o-1")
    browser = await open_in(browse, ACME, "auditor", language)
    for query in ({}, {"action": "key."}, {"actor": "nobody"}):
        assert f'<html lang="{language}' in read(await browser.get(AUDIT, params=query))

"""The overview: every tenant with its figures, sorted and filtered by links; a new tenant; organizations."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.services.tenant_facts import read_all_facts
from app.services.tenant_watch import save_facts
from db.integrations import insert_integration, set_integration_status
from tests.integration.api.conftest import Cast
from tests.integration.dashboard.conftest import ACME, GLOBEX, Browse
from tests.integration.dashboard.test_workers import append

ADMIN = "platform_admin"


@pytest.fixture
async def watched(cast: Cast, open_database: Callable[..., Any]) -> Callable[[], Any]:
    """`await watched()`: as the worker's job of each minute."""
    worker = await open_database("worker")

    async def watch() -> None:
        office = cast.office
        await save_facts(worker, await read_all_facts(worker, office.queue, office.settings))

    return watch


def list_names(page: httpx.Response) -> list[str]:
    assert page.status_code == 200, page.text
    return re.findall(r'<th scope="row"><a id="tenant-\d+" href="[^"]+">([^<]+)</a>', page.text)


async def test_before_the_first_figures_tenants_and_queues_are_shown_all_the_same(browse: Browse, cast: Cast) -> None:
    await append(cast.office, ACME, 4)
    page = await (await browse(role=ADMIN)).get("/overview")
    assert sorted(list_names(page)) == ["acme", "globex"]
    assert "No figures yet" in page.text
    assert "4 events wait now" in page.text


async def test_the_worst_comes_first_and_its_integration_is_named(
    browse: Browse, cast: Cast, watched: Callable[[], Any]
) -> None:
    async with cast.office.database.tenant_tx(GLOBEX, "test") as connection:
        await insert_integration(connection, GLOBEX, 1, connector="vtex", account="globexstore")
        # Critical, whatever the clock says.
        await set_integration_status(connection, GLOBEX, 1, "credentials_refused", seen_in=("active",))
    await watched()
    page = await (await browse(role=ADMIN)).get("/overview")
    assert list_names(page) == ["globex", "acme"]
    assert "globexstore" in page.text
    assert "Figures from" in page.text


async def test_heads_sort_both_ways_and_say_so(browse: Browse, cast: Cast, watched: Callable[[], Any]) -> None:
    del cast
    await watched()
    browser = await browse(role=ADMIN)
    up = await browser.get("/overview", params={"sort": "name"})
    assert list_names(up) == ["acme", "globex"]
    [head] = re.findall(r'<th scope="col" aria-sort="ascending"><a href="([^"]+)">', up.text)
    down = await browser.get(f"http://acequia.test{head.replace('&amp;', '&')}")
    assert list_names(down) == ["globex", "acme"]
    assert 'aria-sort="descending"' in down.text
    for sort in re.findall(r'<th scope="col"[^>]*><a href="([^"]+)"', up.text):
        assert len(list_names(await browser.get(f"http://acequia.test{sort.replace('&amp;', '&')}"))) == 2
    unknown = await browser.get("/overview", params={"sort": "1; DROP", "at": "x", "health": "ill"})
    assert len(list_names(unknown)) == 2


async def test_what_waits_is_sorted_by_its_figures_and_shown_as_it_is_now(
    browse: Browse, cast: Cast, watched: Callable[[], Any]
) -> None:
    await append(cast.office, GLOBEX, 5)
    await watched()
    await append(cast.office, GLOBEX, 2)
    page = await (await browse(role=ADMIN)).get("/overview", params={"sort": "backlog"})
    assert list_names(page) == ["globex", "acme"]
    assert "7 events wait now" in page.text


async def test_filters_find_by_name_number_and_health_and_can_be_cleared(
    browse: Browse, cast: Cast, watched: Callable[[], Any]
) -> None:
    del cast
    await watched()
    browser = await browse(role=ADMIN)
    assert list_names(await browser.get("/overview", params={"q": "GLO"})) == ["globex"]
    assert list_names(await browser.get("/overview", params={"q": str(ACME)})) == ["acme"]
    assert sorted(list_names(await browser.get("/overview", params={"health": "unknown"}))) == ["acme", "globex"]
    none = await browser.get("/overview", params={"q": "glo", "health": "critical"})
    assert list_names(none) == []
    assert "No brand matches" in none.text
    assert 'href="/dashboard/overview"' in none.text
    hostile = await browser.get("/overview", params={"q": "<script>'--%"})
    assert "<script>'" not in hostile.text


async def test_more_tenants_than_one_page_are_walked_through(browse: Browse, superuser: Any, cast: Cast) -> None:
    del cast
    await superuser.execute(
        "INSERT INTO tenants (tenant_id, name, slug, type, plan, settings) SELECT n, 'brand ' || n, 'brand-' || n,"
        " 'business', 'standard', '{}' FROM generate_series(1001, 1150) AS n"
    )
    browser = await browse(role=ADMIN)
    first = await browser.get("/overview", params={"sort": "name"})
    [following] = re.findall(r'rel="next" id="next" href="([^"]+)"', first.text)
    second = await browser.get(f"http://acequia.test{following.replace('&amp;', '&')}")
    names = [*list_names(first), *list_names(second)]
    assert (len(names), len(set(names))) == (152, 152)
    assert 'rel="prev"' in second.text
    assert 'rel="next"' not in second.text


async def test_somebody_of_one_tenant_is_led_there_and_sees_no_overview(browse: Browse, cast: Cast) -> None:
    del cast
    analyst = await browse(ACME, "analyst")
    home = await analyst.get("/")
    assert (home.status_code, home.headers["location"]) == (303, f"/dashboard/tenants/{ACME}")
    for path in ("/overview", "/overview/new", "/organizations"):
        assert (await analyst.get(path)).status_code == 404
    admin = await browse(role=ADMIN)
    assert (await admin.get("/")).headers["location"] == "/dashboard/overview"


async def test_a_tenant_is_created_or_told_what_is_wrong(browse: Browse, cast: Cast) -> None:
    browser = await browse(role=ADMIN)
    form = {"name": "Nueva", "slug": "nueva", "type": "trial", "plan": "", "organization_id": "", "country": "AR",
            "currency": "ARS", "language": "es", "timezone": "America/Argentina/Buenos_Aires"}  # fmt: skip
    assert "<form" in (await browser.get("/overview/new")).text
    wrong = await browser.post("/overview/new", data={**form, "slug": "No Slug", "timezone": "Mars"})
    assert wrong.status_code == 422
    assert wrong.text.count('aria-invalid="true"') == 2
    assert 'value="Nueva"' in wrong.text
    made = await browser.post("/overview/new", data=form)
    assert made.status_code == 303
    tenant_id = int(made.headers["location"].rpartition("/")[2])
    page = await browser.get(f"/tenants/{tenant_id}")
    assert "<h1>Nueva</h1>" in page.text
    assert "Conectar una" in page.text, "the tenant's own language"
    taken = await browser.post("/overview/new", data=form)
    assert taken.status_code == 409
    await cast.office.keyring.keys_of(tenant_id)


async def test_organizations_are_listed_and_created(browse: Browse) -> None:
    browser = await browse(role=ADMIN)
    page = await browser.get("/organizations")
    assert "acme group" in page.text
    assert f'href="/dashboard/tenants/{GLOBEX}"' in page.text
    assert (await browser.post("/organizations", data={"name": ""})).status_code == 422
    assert (await browser.post("/organizations", data={"name": "Third group"})).status_code == 303
    assert "Third group" in (await browser.get("/organizations")).text


@pytest.mark.parametrize(("language", "word"), [("es", "Frescura"), ("pt", "Atualidade"), ("en", "Freshness")])
async def test_it_speaks_the_viewers_language(browse: Browse, language: str, word: str) -> None:
    browser = await browse(role=ADMIN, language=language)
    for path in ("/overview", "/overview/new", "/organizations"):
        page = await browser.get(path)
        assert page.status_code == 200
        assert f'<html lang="{ {"pt": "pt-BR"}.get(language, language) }"' in page.text
    assert word in (await browser.get("/overview")).text

"""What holds for every page: who may look, how it speaks, what no page ever does."""

import re
from typing import Any

import httpx
import pytest

from app.core.cookies import SESSION_COOKIE
from app.dashboard.page import Page, View
from app.dashboard.pages import PAGES
from app.dashboard.visit import Visit
from app.services.office import Place
from app.services.people import remove_person
from app.services.permissions import PERMISSIONS, ROLE_PERMISSIONS
from tests.integration.api.conftest import CLI, TENANT_ROLES
from tests.integration.dashboard.conftest import ACME, GLOBEX, PASSWORD, Browse, People


async def test_nobody_is_sent_to_sign_in_and_back_to_where_they_wanted(browse: Browse) -> None:
    nobody = await browse()
    answer = await nobody.get("/choice?x=1")
    assert answer.status_code == 303  # public, and goes home
    answer = await nobody.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/sign-in")


async def test_a_person_signs_in_and_out(browse: Browse, people: People) -> None:
    await people.find_session(ACME, "admin")
    browser = await browse()
    page = await browser.get("/sign-in", params={"next": "/dashboard/?from=mail"})
    assert 'value="/dashboard/?from=mail"' in page.text
    form = {"email": f"admin.{ACME}@example.com", "password": PASSWORD, "next": "/dashboard/?from=mail"}
    answer = await browser.post("/sign-in", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/?from=mail")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=Lax" in answer.headers["set-cookie"]
    session_id = browser.cookies[SESSION_COOKIE]
    home = await browser.get("/", follow_redirects=True)
    assert f"Admin of {ACME}" in home.text
    left = await browser.post("/sign-out")
    assert left.headers["location"] == "/dashboard/sign-in"
    browser.cookies.set(SESSION_COOKIE, session_id)
    assert (await browser.get("/")).status_code == 303


async def test_a_wrong_password_says_no_more_than_that_it_is_wrong(browse: Browse) -> None:
    browser = await browse()
    answer = await browser.post("/sign-in", data={"email": "who@example.com", "password": "guess"})
    assert answer.status_code == 401
    assert "do not go together" in answer.text
    assert 'value="who@example.com"' in answer.text
    assert "guess" not in answer.text


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/dashboard/\\evil", "/api/v2/me"])
async def test_signing_in_leads_to_no_page_of_somebody_else(browse: Browse, people: People, wanted: str) -> None:
    await people.find_session(ACME, "admin")
    form = {"email": f"admin.{ACME}@example.com", "password": PASSWORD, "next": wanted}
    answer = await (await browse()).post("/sign-in", data=form)
    assert answer.headers["location"] == "/dashboard/"


async def test_what_another_site_posts_is_refused(browse: Browse) -> None:
    browser = await browse(ACME, "admin")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        answer = await browser.post("/choice", data={"theme": "dark"}, headers=headers)
        assert answer.status_code == 403
    browser.headers.pop("Sec-Fetch-Site")
    foreign = await browser.post("/choice", data={"theme": "dark"}, headers={"Origin": "http://evil.test"})
    assert foreign.status_code == 403
    own = await browser.post("/choice", data={"theme": "dark"}, headers={"Origin": "http://acequia.test"})
    assert own.status_code == 303


async def test_every_answer_carries_the_policy_and_is_kept_by_nobody(browse: Browse) -> None:
    browser = await browse(ACME, "admin")
    for answer in (await browser.get("/"), await browser.get("/nowhere"), await (await browse()).get("/sign-in")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["server-timing"].startswith("app;dur=")


async def test_an_address_that_is_not_there_is_a_page_that_says_so(browse: Browse) -> None:
    answer = await (await browse(ACME, "admin")).get("/nowhere/at/all")
    assert answer.status_code == 404
    assert "Nothing here" in answer.text
    assert answer.headers["x-request-id"] in answer.text


@pytest.mark.parametrize("number", ["9" * 5_000, "9" * 19, "2147483648", "0"])
async def test_a_number_that_nobody_has_is_not_there(browse: Browse, number: str) -> None:
    """Python reads no number of thousands of digits, and Postgres none of more than four bytes."""
    assert (await (await browse()).get(f"/tenants/{number}")).status_code == 303
    admin = await browse(role="platform_admin")
    for path in (f"/tenants/{number}", f"/organizations/{number}/people", f"/workers/queues/{number}/pause"):
        assert (await admin.get(path)).status_code == 404


async def test_a_key_of_the_api_opens_no_page(browse: Browse, cast: Any) -> None:
    answer = await (await browse()).get("/", headers={"Authorization": f"Bearer {cast.keys[ACME, 'admin']}"})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("language", "title"), [("es-AR,es;q=0.9", "Iniciar sesión"), ("pt-BR", "Entrar"), ("de, en", "Sign in")]
)
async def test_the_sign_in_page_speaks_the_browsers_language(browse: Browse, language: str, title: str) -> None:
    answer = await (await browse()).get("/sign-in", headers={"Accept-Language": language})
    assert f"<h1>{title}</h1>" in answer.text


async def test_a_persons_own_language_comes_before_the_browsers(browse: Browse) -> None:
    browser = await browse(ACME, "admin")
    assert '<html lang="en"' in (await browser.get("/nowhere")).text
    assert (await browser.post("/choice", data={"language": "pt", "next": "/dashboard/x"})).status_code == 303
    browser.cookies.delete("acequia_view")
    assert '<html lang="pt-BR"' in (await browser.get("/nowhere")).text


async def test_theme_and_zone_stay_in_the_browser(browse: Browse) -> None:
    browser = await browse(ACME, "admin")
    await browser.post("/choice", data={"theme": "dark", "zone": "America/Sao_Paulo"})
    page = (await browser.get("/nowhere")).text
    assert 'data-theme="dark"' in page
    assert '<option value="America/Sao_Paulo" selected>' in page
    wrong = await browser.post("/choice", data={"zone": "Mars/Olympus"})
    assert wrong.status_code == 422
    broken = await browser.get("/nowhere", headers={"Cookie": "acequia_view=theme=neon&zone=../../etc"})
    assert broken.status_code == 404


async def test_the_style_is_kept_for_ever_under_its_own_name(browse: Browse) -> None:
    browser = await browse()
    page = (await browser.get("/sign-in")).text
    href = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    answer = await browser.get(f"http://acequia.test{href}")
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]


async def test_the_first_address_leads_browsers_to_the_dashboard_and_programs_to_the_api(browse: Browse) -> None:
    browser = await browse()
    html = await browser.get("http://acequia.test/", headers={"Accept": "text/html"})
    assert html.headers["location"] == "/dashboard/"
    assert (await browser.get("http://acequia.test/")).json()["dashboard"] == "/dashboard/"


@pytest.mark.parametrize("page", [one for one in PAGES if one.subject == "platform"], ids=lambda one: one.name)
async def test_a_page_of_the_platform_is_not_there_for_a_tenants_people(browse: Browse, page: Page) -> None:
    assert (await (await browse(ACME, "owner")).get(_fill(page.path, ACME))).status_code == 404


@pytest.mark.parametrize("page", [one for one in PAGES if one.subject == "tenant"], ids=lambda one: one.name)
async def test_a_page_of_another_tenant_is_not_there(browse: Browse, page: Page) -> None:
    browser = await browse(ACME, "owner")
    path = _fill(page.path, GLOBEX)
    assert (await browser.get(path)).status_code == 404
    if page.act is not None:
        assert (await browser.post(path, data={})).status_code == 404


@pytest.mark.parametrize("page", [one for one in PAGES if one.subject == "tenant"], ids=lambda one: one.name)
async def test_a_page_asks_for_its_permission(browse: Browse, page: Page) -> None:
    assert page.permission is not None
    without = [role for role in TENANT_ROLES if page.permission not in ROLE_PERMISSIONS[role]]
    if not without:
        pytest.skip("every role may look at it")
    browser = await browse(ACME, without[0])
    assert (await browser.get(_fill(page.path, ACME))).status_code == 403
    if page.act is not None and (page.act_permission or page.permission) not in ROLE_PERMISSIONS[without[0]]:
        assert (await browser.post(_fill(page.path, ACME), data={})).status_code == 403


async def test_a_form_that_is_too_large_or_no_form_is_refused(browse: Browse) -> None:
    browser = await browse(ACME, "admin")
    large = await browser.post("/choice", data={"theme": "x" * 300_000})
    assert large.status_code == 413
    nul = await browser.post("/choice", content=b"theme=%00")
    assert nul.status_code == 400


async def test_what_breaks_in_a_page_is_told_with_its_id_and_nothing_else(
    cast: Any, people: People, caplog: pytest.LogCaptureFixture
) -> None:
    from starlette.applications import Starlette

    from app.dashboard.app import build_dashboard
    from app.services.authentication import Authenticator

    async def show_broken(visit: Visit) -> View:
        raise RuntimeError("with a secret inside")

    page = Page("home", "/", "caller", None, show_broken)
    session = Page("session.choice", "/choice", "public", None, show_broken)
    out = Page("session.sign_out", "/sign-out", "public", None, show_broken)
    routes = build_dashboard(cast.office, Authenticator(cast.office), pages=(page, session, out))
    transport = httpx.ASGITransport(app=Starlette(routes=routes))
    cookies = {SESSION_COOKIE: await people.find_session(ACME, "admin")}
    async with httpx.AsyncClient(transport=transport, base_url="http://acequia.test", cookies=cookies) as client:
        answer = await client.get("/dashboard/")
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.text
    assert "secret" not in answer.text


def _fill(path: str, tenant_id: int) -> str:
    path = path.replace("{tenant_id:int}", str(tenant_id))
    path = re.sub(r"\{\w+:int\}", "1", path)
    return re.sub(r"\{\w+\}", "018f0000-0000-7000-8000-000000000000", path)


@pytest.mark.parametrize(
    ("language", "told"), [("es", "Tiene menos de"), ("pt", "Tem menos de"), ("en", "has fewer than")]
)
async def test_what_is_wrong_with_a_field_is_told_in_the_viewers_language(
    browse: Browse, language: str, told: str
) -> None:
    browser = await browse(ACME, "admin")
    await browser.post("/choice", data={"language": language})
    form = {"what": "password", "current_password": PASSWORD, "new_password": "short", "again": "short"}
    answer = await browser.post("/me", data=form)
    assert answer.status_code == 422
    assert told in answer.text


async def test_somebody_who_works_for_no_brand_is_told_what_to_do(browse: Browse, people: People, cast: Any) -> None:
    await people.find_session(ACME, "analyst")
    place, who = Place("tenant", ACME), people.ids[ACME, "analyst"]
    await remove_person(cast.office, place, who, actor=CLI, held=PERMISSIONS)
    home = await (await browse(ACME, "analyst")).get("/")
    assert home.status_code == 200
    assert "No brand yet" in home.text

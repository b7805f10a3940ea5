"""Settings in pages: a brand's by role, the installation's without secrets, and a person's own."""

import re
from typing import Any

import pytest

from app.services.installation_facts import list_settings
from tests.integration.api.conftest import Cast
from tests.integration.dashboard.conftest import ACME, PASSWORD, Browse
from tests.integration.dashboard.reading import follow, open_in, read

SETTINGS = f"/tenants/{ACME}/settings"


def fill(page: str, **changes: str) -> dict[str, Any]:
    """The page's form as a browser would send it, with some fields typed anew."""
    form: dict[str, Any] = {}
    body = page[page.index("<main") :]
    for tag in re.findall(r"<input[^>]*>", body):
        told = dict(re.findall(r'(\w[\w-]*)="([^"]*)"', tag))
        if "name" not in told or (told.get("type") == "checkbox" and "checked" not in tag):
            continue
        if told.get("type") == "checkbox":
            form.setdefault(told["name"], []).append(told["value"])
        else:
            form[told["name"]] = told.get("value", "")
    for name, options in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', body, re.DOTALL):
        form[name] = re.findall(r'value="([^"]*)" selected', options)[0]
    return form | changes


async def test_an_admin_changes_what_a_brand_may(browse: Browse) -> None:
    admin = await open_in(browse, ACME, "admin")
    page = read(await admin.get(SETTINGS))
    assert "100,000" in page, "the type's limit"
    changed = fill(page, timezone="America/Sao_Paulo", currency="BRL", max_customers="500")
    assert "Saved." in await follow(admin, await admin.post(SETTINGS, data=changed))
    again = read(await admin.get(SETTINGS))
    assert 'value="America/Sao_Paulo"' in again
    assert "this brand" in again
    assert "Nothing was different" in await follow(admin, await admin.post(SETTINGS, data=fill(again)))
    back = await admin.post(SETTINGS, data=fill(again, max_customers=""))
    assert "Saved." in await follow(admin, back)
    assert "this brand" not in read(await admin.get(SETTINGS))


async def test_what_was_typed_stays_and_what_is_wrong_is_said(browse: Browse) -> None:
    admin = await open_in(browse, ACME, "admin")
    form = fill(read(await admin.get(SETTINGS)))
    for changed, error in (
        ({"timezone": "Mars/Olympus"}, "is no time zone"), ({"storage_gb": "lots"}, "is no whole number"),
        ({"currency": "pesos"}, "String should match"), ({"data_retention_days": "0"}, "greater than or equal to 1"),
    ):  # fmt: skip
        page = read(await admin.post(SETTINGS, data=form | changed), 422)
        assert error in page
        assert f'value="{next(iter(changed.values()))}"' in page
    beyond = read(await admin.post(SETTINGS, data=form | {"max_customers": "999999999"}), 403)
    assert 'value="999999999"' in beyond


async def test_two_at_once_do_not_undo_each_other(browse: Browse) -> None:
    admin = await open_in(browse, ACME, "admin")
    page = read(await admin.get(SETTINGS))
    await follow(admin, await admin.post(SETTINGS, data=fill(page, currency="BRL")))
    assert (await admin.post(SETTINGS, data=fill(page, currency="USD"))).status_code == 412


async def test_only_the_platform_switches_on_and_raises(browse: Browse) -> None:
    admin, platform = await open_in(browse, ACME, "admin"), await open_in(browse, role="platform_admin")
    theirs = read(await platform.get(SETTINGS))
    granted = fill(theirs, max_customers="200000") | {"feature": ["api_access", "rfm_analysis"]}
    await follow(platform, await platform.post(SETTINGS, data=granted))
    page = read(await admin.get(SETTINGS))
    assert 'value="rfm_analysis" checked' in page
    assert "worker_group" not in page
    off = fill(page) | {"feature": ["api_access"]}
    await follow(admin, await admin.post(SETTINGS, data=off))
    assert 'value="rfm_analysis"' not in read(await admin.get(SETTINGS))
    on_again = fill(read(await admin.get(SETTINGS))) | {"feature": ["api_access", "rfm_analysis"]}
    assert (await admin.post(SETTINGS, data=on_again)).status_code == 403


async def test_others_look_and_change_nothing(browse: Browse) -> None:
    analyst = await open_in(browse, ACME, "analyst")
    page = read(await analyst.get(SETTINGS))
    assert "America/Argentina/Buenos_Aires" in page
    assert "<fieldset" not in page
    assert (await analyst.post(SETTINGS, data={"currency": "BRL"})).status_code == 403


async def test_the_installation_is_shown_without_a_secret(cast: Cast, browse: Browse) -> None:
    page = read(await (await open_in(browse, role="platform_admin")).get("/settings"))
    assert "PostgreSQL" in page
    assert "DRAIN_LOOPS" in page
    settings = cast.office.settings
    secrets = [
        getattr(settings, one.name.lower()).get_secret_value()
        for one in list_settings(settings) if one.is_secret and one.is_set
    ]  # fmt: skip
    assert len(secrets) > 3
    assert not [secret for secret in secrets if secret in page]
    assert (await (await open_in(browse, ACME, "owner")).get("/settings")).status_code == 404


async def test_a_person_changes_their_password_and_signs_in_anew(browse: Browse) -> None:
    browser = await open_in(browse, ACME, "operator")
    assert "Operator of 56" in read(await browser.get("/me"))
    new = "another phrase of several words"
    form = {"current_password": PASSWORD, "new_password": new, "again": new}
    assert "not the same" in read(await browser.post("/me", data=form | {"again": "else"}), 422)
    assert "has fewer than" in read(await browser.post("/me", data=form | {"new_password": "x", "again": "x"}), 422)
    assert "another one" in read(await browser.post("/me", data=form | {"current_password": "guess"}), 401)
    assert "sign in with the new one" in await follow(browser, await browser.post("/me", data=form))
    assert (await browser.get("/me")).status_code == 303
    signed = await browser.post("/sign-in", data={"email": f"operator.{ACME}@example.com", "password": new})
    assert signed.headers["location"] == "/dashboard/"


@pytest.mark.parametrize("language", ["en", "es", "pt"])
async def test_the_pages_are_there_in_every_language(browse: Browse, language: Any) -> None:
    admin = await open_in(browse, ACME, "admin", language)
    for path in (SETTINGS, "/me"):
        assert f'<html lang="{language}' in read(await admin.get(path))
    platform = await open_in(browse, role="platform_admin", language=language)
    for path in ("/settings", SETTINGS):
        assert f'<html lang="{language}' in read(await platform.get(path))

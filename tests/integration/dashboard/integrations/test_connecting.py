"""An account connected on the pages: what is asked, what the provider says of it, and what comes next."""

from typing import Any

import pytest

from tests.integration.api.integrations.accounts import Accounts, accounts
from tests.integration.api.integrations.conftest import FOREIGN
from tests.integration.dashboard.integrations.conftest import (
    ACME,
    INTEGRATIONS,
    TOKEN,
    Browse,
    Shop,
    read_text,
)

__all__ = ["accounts"]

NEW = f"{INTEGRATIONS}/new/vtex"


def make_form(shop: Shop, **changes: str) -> dict[str, str]:
    return {
        "account": shop.account, "environment": "vtexcommercestable", "sync_frequency": "daily", "sync_cron": "",
        "app_key": str(shop.form["app_key"]), "app_token": TOKEN, "auto_sync": "1", "do": "save", **changes,
    }  # fmt: skip


async def test_without_an_integration_the_page_says_how_to_connect_one(browse: Browse, shop: Shop) -> None:
    del shop
    page = await (await browse(ACME, "admin")).get(INTEGRATIONS)
    text = read_text(page)
    assert "No account connected yet" in text
    for label in ("VTEX", "MercadoLibre", "Google Ads", "Facebook Ads", "Your own systems"):
        assert f"{label} :" in text or f"{label}:" in text
    assert f'href="/dashboard{NEW}"' in page.text
    analyst = await (await browse(ACME, "analyst")).get(INTEGRATIONS)
    assert "administrator connects one" in read_text(analyst)
    assert NEW not in analyst.text


async def test_every_type_can_be_chosen_and_no_other(browse: Browse, shop: Shop) -> None:
    del shop
    browser = await browse(ACME, "admin")
    page = await browser.get(f"{INTEGRATIONS}/new")
    assert f'href="/dashboard{NEW}"' in page.text
    for label, name in (
        ("MercadoLibre", "mercadolibre"),
        ("Google Ads", "google_ads"),
        ("Facebook Ads", "facebook_ads"),
    ):
        assert f"/new/{name}" in page.text
        form = await browser.get(f"{INTEGRATIONS}/new/{name}")
        assert f"Connect {label}" in read_text(form)
        assert "hook" not in read_text(form)
    assert (await browser.get(f"{INTEGRATIONS}/new/nobody")).status_code == 404
    assert (await browser.post(f"{INTEGRATIONS}/new/nobody", data={"account": "x"})).status_code == 404


@pytest.mark.parametrize(("name", "fields"), [("google_ads", "customer_id"), ("facebook_ads", "ad_account_id")])
async def test_an_ad_account_is_connected_and_its_pages_speak_of_its_spend(
    browse: Browse, shop: Shop, accounts: Accounts, name: str, fields: str
) -> None:
    del shop
    browser = await browse(ACME, "admin")
    form = await browser.get(f"{INTEGRATIONS}/new/{name}")
    assert f'name="{fields}"' in form.text
    entered = {**accounts.fill(name), "auto_sync": "on", "sync_frequency": "hourly"}
    answer = await browser.post(f"{INTEGRATIONS}/new/{name}", data=entered)
    assert answer.status_code == 303, read_text(answer, 422)
    for path, words in (
        (f"{INTEGRATIONS}/int_{ACME}_1", "is connected"),
        (f"/tenants/{ACME}/syncs", "Everything"),
        (f"/tenants/{ACME}/syncs/start", "Ad spend"),
        (f"/tenants/{ACME}/syncs/completeness", "Reports are not compared"),
    ):
        page = await browser.get(path)
        assert page.status_code == 200, path
        assert words in read_text(page), path
        assert "canary" not in page.text


async def test_an_account_is_connected_and_what_comes_next_is_said(browse: Browse, shop: Shop) -> None:
    browser = await browse(ACME, "admin")
    form = await browser.get(NEW)
    assert 'name="app_token" type="password"' in form.text
    answer = await browser.post(NEW, data=make_form(shop, sync_frequency="cron", sync_cron="30  */6 * * 1-5"))
    assert answer.status_code == 303, read_text(answer, 422)
    assert answer.headers["location"] == f"/dashboard{INTEGRATIONS}/int_{ACME}_1/next"
    page = await browser.get(f"http://acequia.test{answer.headers['location']}")
    text = read_text(page)
    assert "is connected" in text
    assert "Registered" in text
    assert "Master Data trigger" in text
    assert "It has begun" in text
    assert "Send a test event" in text
    assert await shop.find_hook() is not None
    async with shop.cast.client(ACME) as client:
        made = (await client.get("/tenant-integrations/int_56_1")).json()["data"]
    assert (made["sync_frequency"], made["auto_sync"]) == ("30 */6 * * 1-5", True)
    assert TOKEN not in page.text


@pytest.mark.parametrize("do", ["save", "try"])
@pytest.mark.parametrize("wrong", ["token", "account", "permission"])
async def test_each_finding_stands_beside_its_field_and_nothing_is_stored(
    browse: Browse, shop: Shop, wrong: str, do: str
) -> None:
    browser = await browse(ACME, "admin")
    changes = {"do": do}
    if wrong == "token":
        changes["app_token"] = "wrongcanary"
    elif wrong == "account":
        changes["account"] = "nobody-is-here"
    else:
        await shop.put_key(permissions=["List Orders", "Read only documents", "Feed v3 and Hook Admin"])
    answer = await browser.post(NEW, data=make_form(shop, **changes))
    text = read_text(answer, 422 if do == "save" else 200)
    field, words = {
        "token": ("app_token", "does not accept this app key and token"),
        "account": ("account", "VTEX has no such account"),
        "permission": ("app_key", "lacks the resource “OMS / View order”"),
    }[wrong]
    assert words in text
    beside = answer.text.partition(f'id="field-{field}-says"')[2].partition("</div>")[0]
    assert 'class="wrong"' in beside
    assert "stored" in text
    assert "wrongcanary" not in answer.text
    assert TOKEN not in answer.text
    assert "No account connected yet" in read_text(await browser.get(INTEGRATIONS))
    assert await shop.find_hook() is None


async def test_only_testing_tells_that_all_is_fine_and_stores_nothing(browse: Browse, shop: Shop) -> None:
    browser = await browse(ACME, "admin")
    answer = await browser.post(NEW, data=make_form(shop, do="try"))
    text = read_text(answer)
    assert "Key and token are right" in text
    assert "enter them again" in text
    assert shop.account in answer.text, "what is no secret is kept"
    assert "No account connected yet" in read_text(await browser.get(INTEGRATIONS))


async def test_a_form_that_is_not_filled_in_asks_nobody(browse: Browse, shop: Shop) -> None:
    browser = await browse(ACME, "admin")
    answer = await browser.post(NEW, data=make_form(shop, app_token="", account="Not A Name"))
    text = read_text(answer, 422)
    assert "has not the expected form" in text
    assert (
        await browser.post(NEW, data=make_form(shop, sync_frequency="cron", sync_cron="at noon"))
    ).status_code == 422
    assert shop.receiver.calls == []


async def test_a_permission_that_is_only_useful_stops_nothing_and_is_said(browse: Browse, shop: Shop) -> None:
    await shop.put_key(permissions=["List Orders", "View order", "Read only documents"])
    browser = await browse(ACME, "admin")
    answer = await browser.post(NEW, data=make_form(shop))
    page = await browser.get(f"http://acequia.test{answer.headers['location']}")
    text = read_text(page)
    assert "The key lacks a permission" in text
    assert "The hook could not be set" in text


async def test_somebody_elses_hook_is_left_alone_until_it_is_said(browse: Browse, shop: Shop) -> None:
    await shop.put_key(hook=FOREIGN)
    browser = await browse(ACME, "admin")
    answer = await browser.post(NEW, data=make_form(shop))
    one = f"{INTEGRATIONS}/int_{ACME}_1"
    assert "belongs to somebody else" in read_text(
        await browser.get(f"http://acequia.test{answer.headers['location']}")
    )
    page = await browser.get(one)
    assert "rivalcanary" not in page.text
    assert f"{one}/replace-hook" in page.text
    asked = read_text(await browser.get(f"{one}/replace-hook"))
    assert "the other system is told of no order any more" in asked
    assert "cannot be undone" in asked
    assert await shop.find_hook() == FOREIGN["url"]
    assert (await browser.post(f"{one}/replace-hook")).status_code == 303
    assert str(await shop.find_hook()).startswith(shop.receiver.url)


async def test_own_systems_are_shown_where_to_send_to(browse: Browse, shop: Shop) -> None:
    del shop
    browser = await browse(ACME, "admin")
    answer = await browser.post(f"{INTEGRATIONS}/new/brand", data={"account": "erp", "name": "The ERP"})
    text = read_text(await browser.get(f"http://acequia.test{answer.headers['location']}"))
    assert "Signed documents" in text
    assert "your systems send what there is" in text
    hidden = await browser.get(f"{INTEGRATIONS}/int_{ACME}_1/addresses")
    assert "whsec_" not in hidden.text
    shown = await browser.post(f"{INTEGRATIONS}/int_{ACME}_1/addresses")
    assert "whsec_" in shown.text


@pytest.mark.parametrize(
    ("language", "words"),
    [("es", "VTEX no acepta esta clave"), ("pt", "A VTEX não aceita esta chave"), ("en", "VTEX does not accept")],
)
async def test_findings_and_fields_are_said_in_the_visitors_language(
    browse: Browse, shop: Shop, language: str, words: str
) -> None:
    browser = await browse(ACME, "admin")
    await browser.post("/choice", data={"language": language})
    answer = await browser.post(NEW, data=make_form(shop, app_token="wrong"))
    assert words in read_text(answer, 422)
    declared: Any = "Account name" in read_text(answer, 422)
    assert declared is (language == "en")

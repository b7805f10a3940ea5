"""MercadoLibre, Google Ads and Facebook Ads on the pages: connected by the form, what is wrong beside its field in
three languages, and what to do when an authorisation counts no more."""

from typing import Any

import httpx
import pytest

from tests.integration.api.integrations.accounts import Accounts, accounts
from tests.integration.dashboard.integrations.conftest import ACME, INTEGRATIONS, ONE, Browse, Shop, read_text

__all__ = ["accounts"]

TYPES = ("mercadolibre", "google_ads", "facebook_ads")
LABELS = {"mercadolibre": "MercadoLibre", "google_ads": "Google Ads", "facebook_ads": "Facebook Ads"}
# What is wrong with credentials of nobody, in each language.
RECONNECT = {
    "en": {
        "mercadolibre": "The refresh token does not count any more",
        "google_ads": "The authorisation is not valid any more",
        "facebook_ads": "Meta does not take this access token any more",
    },
    "es": {
        "mercadolibre": "El refresh token ya no vale",
        "google_ads": "La autorización ya no es válida",
        "facebook_ads": "Meta ya no acepta este token",
    },
    "pt": {
        "mercadolibre": "O refresh token não vale mais",
        "google_ads": "A autorização não é mais válida",
        "facebook_ads": "A Meta não aceita mais este token",
    },
}
WRONG = {"mercadolibre": "refresh_token", "google_ads": "refresh_token", "facebook_ads": "access_token"}


def speak(browser: httpx.AsyncClient, language: str) -> None:
    browser.cookies.delete("acequia_view")
    browser.cookies.set("acequia_view", f"language={language}")


def find_beside(page: str, field: str) -> str:
    """The part of a form that one field takes, with what is said beside it."""
    return page.partition(f'name="{field}"')[2].partition('<div class="field')[0]


async def connect(browser: httpx.AsyncClient, accounts: Accounts, name: str, **changes: str | None) -> httpx.Response:
    entered = {**accounts.fill(name, **changes), "auto_sync": "on"}
    return await browser.post(f"{INTEGRATIONS}/new/{name}", data=entered)


@pytest.mark.parametrize("name", TYPES)
async def test_what_is_wrong_stands_beside_its_field_in_three_languages(
    browse: Browse, shop: Shop, accounts: Accounts, name: str
) -> None:
    del shop
    browser = await browse(ACME, "admin")
    for language, says in RECONNECT.items():
        speak(browser, language)
        wrong = {WRONG[name]: "of-nobody-canary"}
        for do in ("save", "try"):
            answer = await browser.post(
                f"{INTEGRATIONS}/new/{name}", data={**accounts.fill(name, **wrong), "do": do, "auto_sync": "on"}
            )
            assert answer.status_code == (422 if do == "save" else 200)
            assert says[name] in find_beside(answer.text, WRONG[name]), (language, do)
            assert "canary" not in answer.text
    assert "No account connected yet" in read_text(await (await browse(ACME, "admin")).get(INTEGRATIONS))


@pytest.mark.parametrize("name", TYPES)
async def test_each_is_connected_by_the_form_and_its_pages_speak_of_no_hook(
    browse: Browse, shop: Shop, accounts: Accounts, name: str
) -> None:
    del shop
    browser = await browse(ACME, "admin")
    form = read_text(await browser.get(f"{INTEGRATIONS}/new/{name}"))
    assert "Three steps" in form
    tried = await browser.post(f"{INTEGRATIONS}/new/{name}", data={**accounts.fill(name), "do": "try"})
    assert "nothing was stored" in read_text(tried)
    answer = await connect(browser, accounts, name)
    assert answer.status_code == 303, read_text(answer, 422)
    for path in (INTEGRATIONS, ONE, f"{ONE}/next", f"{ONE}/change", f"{ONE}/delete", f"/tenants/{ACME}"):
        page = await browser.get(path)
        text = read_text(page)
        assert LABELS[name] in text, path
        for word in ("vtex", "hook", "app key", "trigger", "store"):
            assert word not in text.lower().replace("stored", "").replace("webhook", ""), (path, word)
        assert "canary" not in page.text
    tried = await browser.post(f"{ONE}/try")
    assert "The provider takes these credentials" in read_text(tried)


@pytest.mark.parametrize(("name", "language"), [(name, language) for name in TYPES for language in RECONNECT])
@pytest.mark.usefixtures("shop")
async def test_a_refused_one_says_what_to_do_and_takes_a_new_authorisation(
    browse: Browse, accounts: Accounts, superuser: Any, name: str, language: str
) -> None:
    browser = await browse(ACME, "admin")
    await connect(browser, accounts, name)
    await superuser.execute("UPDATE tenant_integrations SET status = 'credentials_refused'")
    speak(browser, language)
    titles = {"en": "Reconnect needed", "es": "Hay que reconectar", "pt": "É preciso reconectar"}
    assert titles[language] in read_text(await browser.get(INTEGRATIONS))
    page = await browser.get(ONE)
    text = read_text(page)
    assert titles[language] in text
    assert RECONNECT[language][name] in text
    assert f'name="{WRONG[name]}"' in page.text
    entered = {field: value for field, value in accounts.fill(name).items() if "secret" in field or "token" in field}
    wrong = await browser.post(f"{ONE}/change", data={"part": "credentials", **entered, WRONG[name]: "nobody-canary"})
    assert RECONNECT[language][name] in find_beside(wrong.text, WRONG[name])
    again = await browser.post(f"{ONE}/change", data={"part": "credentials", **entered})
    assert again.status_code == 303, read_text(again, 422)
    assert titles[language] not in read_text(await browser.get(ONE))


async def test_a_manager_is_told_which_accounts_there_are(browse: Browse, shop: Shop, accounts: Accounts) -> None:
    del shop
    google, browser = accounts.google, await browse(ACME, "admin")
    await google.put_grant([google.manager])
    for language, says in (
        ("en", "manager account"),
        ("es", "cuenta de administrador"),
        ("pt", "conta de administrador"),
    ):
        speak(browser, language)
        answer = await connect(browser, accounts, "google_ads", customer_id=google.manager)
        beside = find_beside(answer.text, "customer_id")
        assert says in beside
        assert f"{google.account[:3]}-{google.account[3:6]}-{google.account[6:]}" in beside


async def test_what_concerns_no_field_stands_above_and_whose_account_it_is_beside_it(
    browse: Browse, shop: Shop, accounts: Accounts
) -> None:
    del shop
    browser = await browse(ACME, "admin")
    await accounts.meli.tell("search", {"status": 400, "body": {"error": "odd_request", "status": 400}})
    refused = await connect(browser, accounts, "mercadolibre")
    assert "MercadoLibre refuses it: odd_request." in read_text(refused, 422)
    away = {"status": 503, "body": {"error": "unavailable", "status": 503}}
    await accounts.meli.tell("me", away)
    made = await connect(browser, accounts, "mercadolibre")
    assert made.status_code == 303, "whose it is was told by the refresh"


async def test_while_nobody_knows_whose_account_it_is_nothing_is_stored(
    browse: Browse, shop: Shop, accounts: Accounts
) -> None:
    del shop
    browser = await browse(ACME, "admin")
    away = {"status": 503, "body": {"error": "unavailable", "status": 503}}
    await accounts.meli.tell("token", away, away)
    refused = await connect(browser, accounts, "mercadolibre")
    assert "try again in some minutes" in find_beside(refused.text, "user_id")
    assert "No account connected yet" in read_text(await browser.get(INTEGRATIONS))


async def test_what_was_found_and_stood_in_nobodys_way_is_said_next(
    browse: Browse, shop: Shop, accounts: Accounts
) -> None:
    del shop
    browser = await browse(ACME, "admin")
    answer = await connect(browser, accounts, "facebook_ads", app_secret=None)
    page = await browser.get(f"http://acequia.test{answer.headers['location']}")
    assert "nobody can say when the token ends" in read_text(page)


async def test_orders_of_a_seller_can_be_fetched_and_ad_spend_cannot(
    browse: Browse, shop: Shop, accounts: Accounts
) -> None:
    del shop
    browser = await browse(ACME, "admin")
    await connect(browser, accounts, "mercadolibre")
    page = await browser.get(f"{ONE}/fetch")
    assert 'value="orders"' in page.text
    assert 'value="customers"' not in page.text
    await connect(browser, accounts, "google_ads")
    assert "/fetch" not in (await browser.get(f"{INTEGRATIONS}/int_{ACME}_2")).text

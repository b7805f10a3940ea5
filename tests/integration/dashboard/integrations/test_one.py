"""One integration: how it is, what it waits for, and what each role may do about it."""

import re
from typing import Any

import pytest

from app.core.queue import AppendBatch, NewEntry
from schemas.ids import make_uuid7
from tests.integration.api.conftest import GLOBEX, read
from tests.integration.api.integrations.conftest import PATH
from tests.integration.dashboard.integrations.conftest import (
    ACME,
    INTEGRATIONS,
    ONE,
    SYNCS,
    TOKEN,
    Browse,
    Shop,
    connect,
    connect_brand,
    read_text,
)

SECRETS = re.compile(r"aqe_[0-9A-Za-z]|whsec_|/webhooks/|" + re.escape(TOKEN))


async def test_it_shows_how_it_is_and_no_secret(browse: Browse, shop: Shop, capfd: Any) -> None:
    await connect(shop)
    browser = await browse(ACME, "owner")
    for path in (INTEGRATIONS, ONE, f"{ONE}/next", f"{ONE}/change", f"{ONE}/fetch", f"{ONE}/addresses", SYNCS):
        page = await browser.get(path)
        assert page.status_code == 200, path
        assert not SECRETS.search(page.text), path
    text = read_text(await browser.get(ONE))
    for words in (
        "Active",
        "Registered",
        "VTEX",
        "Set, and not refused",
        "Every day",
        "One secret is valid",
        "calls a minute",
    ):
        assert words in text, words
    assert not SECRETS.search("".join(capfd.readouterr()))


@pytest.mark.parametrize("language", ["es", "pt", "en"])
async def test_every_page_speaks_the_visitors_language(browse: Browse, shop: Shop, language: str) -> None:
    await connect(shop)
    await connect_brand(shop)
    browser = await browse(ACME, "owner")
    await browser.post("/choice", data={"language": language})
    pages = [
        INTEGRATIONS, f"{INTEGRATIONS}/new", f"{INTEGRATIONS}/new/vtex", f"{INTEGRATIONS}/new/brand", ONE,
        f"{INTEGRATIONS}/int_{ACME}_2", SYNCS, f"{SYNCS}/start", f"{SYNCS}/completeness",
        *(f"{ONE}/{what}" for what in ("next", "change", "pause", "replace-hook", "fetch", "rotate-secret",
                                       "retire-secret", "delete", "addresses")),
    ]  # fmt: skip
    for path in pages:
        page = await browser.get(path)
        assert page.status_code == 200, path
        assert f'<html lang="{"pt-BR" if language == "pt" else language}"' in page.text
    assert (await browser.post(f"{ONE}/addresses")).status_code == 200


async def test_each_role_is_offered_what_it_may_do(browse: Browse, shop: Shop) -> None:
    await connect(shop)
    offered = {
        "analyst": set(),
        "operator": {"pause", "try", "test-event", "fetch"},
        "admin": {"pause", "try", "test-event", "fetch", "change", "rotate-secret", "addresses", "delete"},
    }
    for role, expected in offered.items():
        page = await (await browse(ACME, role)).get(ONE)
        found = set(re.findall(rf"/dashboard{ONE}/([a-z-]+)", page.text))
        assert found == expected, role


async def test_an_operator_pauses_and_sees_no_address(browse: Browse, shop: Shop) -> None:
    await connect(shop)
    browser = await browse(ACME, "operator")
    asked = read_text(await browser.get(f"{ONE}/pause"))
    assert "go on arriving and wait" in asked
    assert "can be undone" in asked
    assert (await browser.post(f"{ONE}/pause")).status_code == 303
    text = read_text(await browser.get(ONE))
    assert "This integration is paused" in text
    assert (await browser.post(f"{ONE}/resume")).status_code == 303
    assert "goes on" in read_text(await browser.get(ONE))
    for what in ("addresses", "change", "delete", "rotate-secret", "retire-secret"):
        assert (await browser.get(f"{ONE}/{what}")).status_code == 403
        assert (await browser.post(f"{ONE}/{what}")).status_code == 403
    analyst = await browse(ACME, "analyst")
    for what in ("pause", "resume", "try", "test-event", "fetch", "replace-hook"):
        assert (await analyst.post(f"{ONE}/{what}")).status_code == 403


async def test_refused_credentials_say_that_events_wait_and_are_mended_there(
    browse: Browse, shop: Shop, superuser: Any
) -> None:
    await connect(shop)
    await superuser.execute("UPDATE tenant_integrations SET status = 'credentials_refused'")
    entries = [NewEntry(make_uuid7(), b"{}") for _ in range(3)]
    await shop.cast.office.queue.append([AppendBatch(ACME, "normal", entries)], confirm=None)
    await shop.put_key(token="another-token")
    browser = await browse(ACME, "admin")
    assert "3 events wait, and nothing is lost" in read_text(await browser.get(INTEGRATIONS))
    page = await browser.get(ONE)
    assert "3 events wait, and nothing is lost" in read_text(page)
    assert 'name="app_token" type="password"' in page.text
    form = {"part": "credentials", "app_key": str(shop.form["app_key"]), "app_token": "wrongcanary"}
    wrong = await browser.post(f"{ONE}/change", data=form)
    assert "does not accept this app key and token" in read_text(wrong, 422)
    assert "wrongcanary" not in wrong.text
    assert (await browser.post(f"{ONE}/change", data={**form, "app_token": "another-token"})).status_code == 303
    text = read_text(await browser.get(ONE))
    assert "has new credentials" in text
    assert "3 events wait" not in text
    operator = read_text(await (await browse(ACME, "operator")).get(ONE))
    assert "Active" in operator


async def test_schedule_and_name_are_changed_and_the_rest_stays(browse: Browse, shop: Shop) -> None:
    await connect(shop)
    browser = await browse(ACME, "admin")
    form = {"name": "The store", "environment": "vtexcommercestable", "sync_frequency": "cron",
            "sync_cron": "0 4 * * *", "accepted_accounts": "franchise-one, franchise-two"}  # fmt: skip
    assert (await browser.post(f"{ONE}/change", data=form)).status_code == 303
    async with shop.cast.client(ACME) as client:
        made = read(await client.get(f"{PATH}/int_{ACME}_1"))["data"]
    assert (made["name"], made["sync_frequency"], made["auto_sync"]) == ("The store", "0 4 * * *", False)
    assert made["accepted_accounts"] == [shop.account, "franchise-one", "franchise-two"]
    assert made["credentials"]["app_token"]["is_set"]
    again = await browser.get(f"{ONE}/change")
    assert 'value="0 4 * * *"' in again.text
    assert '<option value="cron" selected>' in again.text
    wrong = await browser.post(f"{ONE}/change", data={**form, "sync_cron": "61 * * * *"})
    assert "has not the expected form" in read_text(wrong, 422)


async def test_credentials_are_tried_on_the_page(browse: Browse, shop: Shop) -> None:
    await connect(shop)
    browser = await browse(ACME, "operator")
    assert "Key and token are right" in read_text(await browser.post(f"{ONE}/try"))
    await shop.put_key(token="another")
    text = read_text(await browser.post(f"{ONE}/try"))
    assert "this was found" in text
    assert "does not accept this app key" in text


async def test_a_test_event_leads_to_what_became_of_it_or_says_what_is_in_the_way(
    browse: Browse, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.test_events.WAIT_S", 0.05)
    await connect(shop)
    browser = await browse(ACME, "operator")
    answer = await browser.post(f"{ONE}/test-event")
    assert answer.status_code == 303
    assert [one for one in shop.receiver.calls if b"acequia-probe" in one.body]
    shop.receiver.answer_in_turn(503)
    failed = await browser.post(f"{ONE}/test-event")
    assert "did not arrive" in read_text(failed)
    assert "readyz" in read_text(failed)
    assert not SECRETS.search(failed.text)


async def test_objects_are_fetched_by_their_ids(browse: Browse, shop: Shop) -> None:
    await connect(shop)
    browser = await browse(ACME, "operator")
    answer = await browser.post(f"{ONE}/fetch", data={"stream": "orders", "external_ids": "123-01\n 124-01 \n\n"})
    text = read_text(answer)
    assert "2 objects are being fetched" in text
    assert "123-01" in text
    wrong = await browser.post(f"{ONE}/fetch", data={"stream": "customers", "external_ids": "ana@example.org"})
    assert wrong.status_code == 422
    assert (await browser.post(f"{ONE}/fetch", data={"stream": "orders", "external_ids": " "})).status_code == 422


async def test_a_rotation_is_said_and_its_end_can_be_now(browse: Browse, shop: Shop) -> None:
    await connect_brand(shop)
    browser = await browse(ACME, "admin")
    assert "stays valid until" in read_text(await browser.get(f"{ONE}/rotate-secret"))
    rotated = await browser.post(f"{ONE}/rotate-secret")
    assert "whsec_" in rotated.text
    page = await browser.get(ONE)
    assert "The one before is still valid" in read_text(page)
    assert "whsec_" not in page.text
    assert (await browser.post(f"{ONE}/retire-secret")).status_code == 303
    assert "One secret is valid" in read_text(await browser.get(ONE))
    assert (await browser.post(f"{ONE}/retire-secret")).status_code in {303, 409}


async def test_a_deletion_says_what_stays_and_what_goes(browse: Browse, shop: Shop) -> None:
    await connect(shop)
    browser = await browse(ACME, "admin")
    asked = read_text(await browser.get(f"{ONE}/delete"))
    for words in ("our hook at the provider", "every order and customer that it brought", "cannot be undone"):
        assert words in asked
    assert await shop.find_hook() is not None
    assert (await browser.post(f"{ONE}/delete")).headers["location"] == f"/dashboard{INTEGRATIONS}"
    assert "was deleted" in read_text(await browser.get(INTEGRATIONS))
    assert await shop.find_hook() is None
    assert (await browser.get(ONE)).status_code == 404


async def test_neither_brand_sees_the_others(browse: Browse, shop: Shop) -> None:
    await connect(shop, name="acmecanary")
    globex = await browse(GLOBEX, "owner")
    theirs = f"/tenants/{GLOBEX}/integrations"
    assert "acmecanary" not in (await globex.get(theirs)).text
    for what in ("", "/next", "/change", "/pause", "/fetch", "/rotate-secret", "/delete", "/addresses"):
        for integration in (f"int_{ACME}_1", f"int_{GLOBEX}_1", "1", "int_x"):
            answer = await globex.get(f"{theirs}/{integration}{what}")
            assert answer.status_code == 404, (what, integration)
            assert "acmecanary" not in answer.text
    assert (await globex.post(f"{theirs}/int_{ACME}_1/pause")).status_code == 404
    assert (await globex.post(f"{theirs}/int_{ACME}_1/delete")).status_code == 404
    assert "acmecanary" in (await (await browse(ACME, "analyst")).get(INTEGRATIONS)).text

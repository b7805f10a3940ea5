"""Customers and orders: listed, seen masked, revealed once and audited, fetched again, found by what is personal."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.services.audit import list_audit
from app.services.ids import write_record_id
from app.services.integrations import seal_credentials
from db.integrations import set_credentials
from db.versions import Key
from tests.integration.api.conftest import Cast
from tests.integration.api.seeds import CANARY, EMAIL, Seeds, plant
from tests.integration.dashboard.conftest import ACME, GLOBEX, Browse
from tests.integration.dashboard.test_events_pages import enter, list_rows

ORDERS, CUSTOMERS = f"/tenants/{ACME}/orders", f"/tenants/{ACME}/customers"
ORDER = f"{ORDERS}/{write_record_id(Key('vtex', 'store1', 'o-0'))}"
CUSTOMER = f"{CUSTOMERS}/{write_record_id(Key('vtex', 'store1', 'c-0'))}"
PHONE = "5551234"


@pytest.fixture(autouse=True)
async def seeds(cast: Cast, open_database: Callable[..., Any]) -> Seeds:
    writer = await open_database("worker")
    await plant(cast.office, writer, GLOBEX, is_theirs=True)
    return await plant(cast.office, writer, ACME, is_theirs=False)


async def read_page(client: httpx.AsyncClient, path: str, **params: str) -> str:
    answer = await client.get(path, params=params or None)
    assert answer.status_code == 200, answer.text
    for secret in (CANARY, EMAIL, PHONE):
        assert secret not in answer.text
    return answer.text


async def test_orders_and_customers_are_listed_masked_and_found_by_their_ids(browse: Browse) -> None:
    client = await enter(browse, ACME, "analyst")
    for path, known in ((ORDERS, "o-1"), (CUSTOMERS, "c-1")):
        page = await read_page(client, path)
        assert len(list_rows(page)) == 3
        assert "a…@e….org" in page
        assert len(list_rows(await read_page(client, path, q=known))) == 1
        nothing = await read_page(client, path, q="o-999")
        assert not list_rows(nothing)
        assert "Clear filters" in nothing
    assert len(list_rows(await read_page(client, ORDERS, status="invoiced"))) == 3
    assert not list_rows(await read_page(client, ORDERS, status="canceled"))
    globex = await enter(browse, GLOBEX, "owner")
    assert (await globex.get(ORDERS)).status_code == 404
    assert CANARY in (await globex.get(f"/tenants/{GLOBEX}/orders/{ORDER.rpartition('/')[2]}")).text


async def test_an_order_shows_its_lines_money_source_times_and_events(browse: Browse, seeds: Seeds) -> None:
    page = await read_page(await enter(browse, ACME, "analyst"), ORDER)
    for told in ("ARS", "a…@e….org", "invoiced", "s-1", "Source and freshness", "revision", "by this event."):
        assert told in page, told
    assert seeds.event_ids[0] in page
    assert "Show personal data" not in page, "an analyst may not"
    assert "Fetch again" not in page


async def test_a_customer_shows_who_shares_an_identity_to_who_may_reveal(browse: Browse) -> None:
    analyst = await read_page(await enter(browse, ACME, "analyst"), CUSTOMER)
    assert "Customer profiles" not in analyst
    assert "o-2" in analyst, "orders that share it"
    admin = await read_page(await enter(browse, ACME, "admin"), CUSTOMER)
    for told in ("Customer profiles", "c-1", "c-2", "o-0"):
        assert told in admin, told


@pytest.mark.parametrize("path", [ORDER, CUSTOMER])
async def test_personal_data_is_shown_once_by_post_and_that_is_audited(browse: Browse, cast: Cast, path: str) -> None:
    client = await enter(browse, ACME, "admin")
    assert "Show personal data" in await read_page(client, path)
    answer = await client.post(f"{path}/reveal")
    assert answer.status_code == 200
    assert EMAIL in answer.text
    assert CANARY not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert EMAIL not in str(answer.url)
    entries = (await list_audit(cast.office.database, ACME, limit=5)).data
    assert [entry.action for entry in entries].count("records.revealed") == 1
    await read_page(client, path)
    looked = await client.get(f"{path}/reveal")
    assert (looked.status_code, looked.headers["location"]) == (303, f"/dashboard{path}")


@pytest.mark.parametrize("role", ["operator", "analyst"])
async def test_who_may_not_reveal_is_refused(browse: Browse, cast: Cast, role: Any) -> None:
    client = await enter(browse, ACME, role)
    assert (await client.post(f"{ORDER}/reveal")).status_code == 403
    assert (await client.post(ORDERS, data={"by": "email", "value": EMAIL})).status_code == 403
    actions = [entry.action for entry in (await list_audit(cast.office.database, ACME, limit=9)).data]
    assert not {"records.revealed", "records.searched"} & set(actions)
    auditor = await enter(browse, ACME, "auditor")
    for path in (ORDERS, CUSTOMERS, ORDER, CUSTOMER):
        assert (await auditor.get(path)).status_code == 403


async def test_somebody_is_found_by_phone_or_email_and_no_address_tells_it(browse: Browse) -> None:
    client = await enter(browse, ACME, "admin")
    for path, by, value, rows in ((CUSTOMERS, "email", EMAIL, 3), (ORDERS, "phone", "011 15 5555-1234", 3)):
        answer = await client.post(path, data={"by": by, "value": value})
        assert answer.status_code == 303, answer.text
        where = answer.headers["location"].removeprefix("/dashboard")
        assert "@" not in where
        assert "5555" not in where
        page = await read_page(client, where)
        assert len(list_rows(page)) == rows
    assert (await client.get(CUSTOMERS, params={"found": "x"})).status_code == 303


async def test_a_record_is_fetched_again_and_followed(browse: Browse, cast: Cast) -> None:
    client = await enter(browse, ACME, "operator")
    assert "Fetch again" not in await read_page(client, ORDER), "nobody can ask without credentials"
    assert (await client.post(f"{ORDER}/fetch")).status_code == 409
    keys = await cast.office.keyring.keys_of(ACME)
    sealed = seal_credentials(keys, "vtex", "store1", {"app_key": "k", "app_token": "t"})
    async with cast.office.database.tenant_tx(ACME, "test") as connection:
        await set_credentials(connection, ACME, 1, sealed)
    assert "Fetch again" in await read_page(client, ORDER)
    answer = await client.post(f"{ORDER}/fetch")
    assert answer.status_code == 303
    assert f"/tenants/{ACME}/events/" in answer.headers["location"]
    page = await client.get(answer.headers["location"].removeprefix("/dashboard"))
    assert "o-0" in page.text
    assert "Asked for" in page.text
    assert "its turn" in page.text
    assert "Waiting in the queue" in await read_page(client, ORDER)
    assert (await (await enter(browse, ACME, "analyst")).post(f"{ORDER}/fetch")).status_code == 403


async def test_what_is_not_there_is_not_there(browse: Browse) -> None:
    client = await enter(browse, ACME, "admin")
    for path in (f"{ORDERS}/x", f"{ORDERS}/{write_record_id(Key('vtex', 'store1', 'none'))}", f"{CUSTOMERS}/WyJhIl0"):
        for call in (client.get(path), client.post(f"{path}/reveal"), client.post(f"{path}/fetch")):
            assert (await call).status_code == 404, path


@pytest.mark.parametrize("language", ["es", "pt"])
async def test_the_pages_speak_the_viewers_language(browse: Browse, language: str) -> None:
    client = await enter(browse, ACME, "admin", language)
    assert {"es": "Origen y actualidad", "pt": "Origem e atualidade"}[language] in await read_page(client, ORDER)
    assert {"es": "Perfiles de cliente", "pt": "Perfis de cliente"}[language] in await read_page(client, CUSTOMER)


async def test_where_nothing_is_held_yet_it_says_where_it_comes_from(browse: Browse, superuser: Any) -> None:
    await superuser.execute("DELETE FROM orders WHERE tenant_id = $1", ACME)
    page = await read_page(await enter(browse, ACME, "analyst"), ORDERS)
    assert "No orders yet" in page

"""The events pages: newest first, found by what they tell of or by whom they concern, and what was refused."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.core.queue import AppendBatch, NewEntry
from app.receiver.refusals import Refusals
from app.services.permissions import Role
from db import event_pages
from schemas.events import Event, encode_event
from schemas.ids import make_uuid7
from tests.integration.api.conftest import Cast
from tests.integration.api.seeds import CANARY, EMAIL, Seeds, plant
from tests.integration.dashboard.conftest import ACME, GLOBEX, Browse

PATH = f"/tenants/{ACME}/events"


@pytest.fixture
async def seeds(cast: Cast, open_database: Callable[..., Any]) -> Seeds:
    writer = await open_database("worker")
    await plant(cast.office, writer, GLOBEX, is_theirs=True)
    return await plant(cast.office, writer, ACME, is_theirs=False)


async def enter(browse: Browse, tenant_id: int, role: Role, language: str = "en") -> httpx.AsyncClient:
    """A browser of that person, who has chosen a language."""
    client = await browse(tenant_id, role)
    assert (await client.post("/choice", data={"language": language})).status_code == 303
    return client


async def append(cast: Cast, object_id: str, tenant_id: int = ACME) -> str:
    event = Event(make_uuid7(), "vtex", "store1", 1, "hint", "order", "upsert", object_id, "handling")
    batch = AppendBatch(tenant_id, "normal", [NewEntry(event.event_id, encode_event(event))])
    assert await cast.office.queue.append([batch], confirm=None) == ["ok"]
    return event.event_id


async def read_page(client: httpx.AsyncClient, path: str = PATH, status: int = 200, **params: str) -> str:
    answer = await client.get(path, params=params or None)
    assert answer.status_code == status, answer.text
    assert CANARY not in answer.text
    assert EMAIL not in answer.text
    return answer.text


def list_rows(page: str) -> list[str]:
    return re.findall(r'data-row="([^"]+)"', page)


async def test_events_come_newest_first_with_their_outcomes_and_nothing_of_others(browse: Browse, seeds: Seeds) -> None:
    page = await read_page(await enter(browse, ACME, "analyst"))
    assert set(list_rows(page)) == {*seeds.event_ids, *seeds.dead_ids}
    assert list_rows(page) == sorted(list_rows(page), reverse=True)
    assert 'data-live="2"' in page
    assert f"/dashboard/tenants/{ACME}/events/{seeds.event_ids[0]}" in page
    foreign = await (await enter(browse, GLOBEX, "owner")).get(PATH)
    assert foreign.status_code == 404


async def test_filters_stand_in_the_address_and_views_are_a_click_away(browse: Browse, seeds: Seeds) -> None:
    client = await enter(browse, ACME, "analyst")
    assert set(list_rows(await read_page(client, view="failed"))) == set(seeds.dead_ids)
    assert len(list_rows(await read_page(client, q="o-1"))) == 1
    assert len(list_rows(await read_page(client, kind="customer"))) == 3
    assert len(list_rows(await read_page(client, outcome="dead", state="invoiced"))) == 3
    nothing = await read_page(client, q="no such order", view="ignored")
    assert not list_rows(nothing)
    assert "Clear filters" in nothing
    assert list_rows(await read_page(client, since="2020-01-01T00:00", until="2199-12-31T23:59"))
    assert not list_rows(await read_page(client, until="2020-01-01T00:00"))
    odd = await read_page(client, since="soon", outcome="'; --", view="x", kind="9", integration="int_57_1", cursor="")
    assert len(list_rows(odd)) == 9, "what can be no filter is none"
    assert 'data-live="2"' not in await read_page(client, live="off")


async def test_a_page_that_found_nothing_yet_says_how_far_it_looked_and_goes_on(
    browse: Browse, seeds: Seeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_pages, "ROWS_SEEN_MAX", 2)
    monkeypatch.setattr("app.dashboard.pages.events.LOOKED_S", 0)
    page = await read_page(await enter(browse, ACME, "analyst"), state="nowhere")
    assert "Look further back" in page
    assert "cursor=" in page
    assert seeds


async def test_somebody_is_found_by_email_without_a_trace_of_it(
    browse: Browse, seeds: Seeds, capfd: pytest.CaptureFixture[str]
) -> None:
    client = await enter(browse, ACME, "admin")
    answer = await client.post(PATH, data={"by": "email", "value": EMAIL})
    assert answer.status_code == 303
    where = answer.headers["location"]
    assert "found=" in where
    assert "example" not in where
    page = await read_page(client, where.removeprefix("/dashboard"))
    assert set(list_rows(page)) == set(seeds.event_ids)
    assert "3 customers have it." in page
    gone = await client.get(PATH, params={"found": "A" * 22})
    assert gone.status_code == 303
    other = await enter(browse, ACME, "owner")
    assert (await other.get(where.removeprefix("/dashboard"))).status_code == 303, "for whoever asked alone"
    assert EMAIL not in "".join(capfd.readouterr())


async def test_who_may_not_reveal_can_not_search_by_what_is_personal(browse: Browse, seeds: Seeds) -> None:
    client = await enter(browse, ACME, "operator")
    assert "Find by e-mail" not in await read_page(client)
    assert (await client.post(PATH, data={"by": "email", "value": EMAIL})).status_code == 403
    assert seeds
    auditor = await enter(browse, ACME, "auditor")
    assert (await auditor.get(PATH)).status_code == 403


async def test_a_value_that_can_be_nobodys_is_refused_and_not_shown_again(browse: Browse) -> None:
    answer = await (await enter(browse, ACME, "admin")).post(PATH, data={"by": "email", "value": "nobody-at-all"})
    assert answer.status_code == 422
    assert "nobody-at-all" not in answer.text


async def test_what_waits_is_listed_with_what_it_waits_for(browse: Browse, cast: Cast, seeds: Seeds) -> None:
    client = await enter(browse, ACME, "analyst")
    assert "Nothing waits" in await read_page(client, view="waiting")
    event_id = await append(cast, "o-9")
    await append(cast, f"{CANARY}-1", GLOBEX)
    page = await read_page(client, view="waiting")
    assert list_rows(page) == [event_id]
    assert "its turn" in page
    shown = await read_page(client, f"{PATH}/{event_id}")
    assert "o-9" in shown
    assert 'data-live="2"' in shown
    assert seeds


async def test_an_events_page_tells_its_life_and_only_its_own_tenant(browse: Browse, seeds: Seeds) -> None:
    client = await enter(browse, ACME, "analyst")
    page = await read_page(client, f"{PATH}/{seeds.event_ids[0]}")
    assert "Applied" in page
    assert "orders hook" in page
    assert "data-live" not in page
    dead = await read_page(client, f"{PATH}/{seeds.dead_ids[0]}")
    assert "It waits: replay it" in dead
    assert "7 earlier failed attempts" in dead
    for other in (make_uuid7(), "x"):
        assert (await client.get(f"{PATH}/{other}")).status_code == 404
    globex = await enter(browse, GLOBEX, "owner")
    assert (await globex.get(f"/tenants/{GLOBEX}/events/{seeds.event_ids[0]}")).status_code == 404


async def test_refused_calls_are_shown_with_reasons_and_those_to_nobody_to_the_platform(
    browse: Browse, cast: Cast
) -> None:
    refusals = Refusals(cast.office.queue.redis, kept=50)
    refusals.note(ACME, "order_hook", "wrong_secret", client=("198.51.100.77", 1))
    refusals.note(GLOBEX, "order_hook", "queue_full", client=("203.0.113.5", 1))
    refusals.note(0, "unknown", "unknown_token", client=("192.0.2.1", 1))
    await refusals.flush()
    client = await enter(browse, ACME, "analyst")
    page = await read_page(client, f"/tenants/{ACME}/refused-calls")
    assert "Wrong secret or signature" in page
    assert "198.51.100.0/24" in page
    for other in ("198.51.100.77", "203.0.113", "192.0.2"):
        assert other not in page
    admin = await enter(browse, 0, "platform_admin")
    assert "192.0.2.0/24" in await read_page(admin, "/refused-calls")
    assert (await client.get("/refused-calls")).status_code == 404


async def test_where_nothing_came_in_yet_it_says_what_to_do(browse: Browse, cast: Cast) -> None:
    page = await read_page(await enter(browse, ACME, "admin"))
    assert "No events yet" in page
    assert "No account is connected" in page
    refusals = Refusals(cast.office.queue.redis, kept=50)
    refusals.note(ACME, "order_hook", "malformed_json")
    await refusals.flush()
    assert "The body is not JSON" in await read_page(await enter(browse, ACME, "admin"))


async def test_the_page_is_a_table_for_spreadsheets_too(browse: Browse, cast: Cast, seeds: Seeds) -> None:
    client = await enter(browse, ACME, "analyst")
    answer = await client.get(f"/tenants/{ACME}/events-export", params={"view": "failed"})
    assert answer.headers["content-type"].startswith("text/csv")
    lines = answer.text.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("received_at,event_id,kind")
    assert CANARY not in answer.text
    assert EMAIL not in answer.text
    assert seeds.dead_ids[0] in answer.text
    assert cast


@pytest.mark.parametrize("language", ["es", "pt"])
async def test_the_pages_speak_the_viewers_language(browse: Browse, seeds: Seeds, language: str) -> None:
    client = await enter(browse, ACME, "analyst", language)
    page = await read_page(client, f"{PATH}/{seeds.dead_ids[0]}")
    assert {"es": "Evento fallido", "pt": "Evento com falha"}[language] in page
    assert {"es": "En la cola", "pt": "Na fila"}[language] in await read_page(client)

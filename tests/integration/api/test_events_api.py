"""The ledger, dead letters and gaps over the API."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.queue import AppendBatch, Deferral, NewEntry
from app.services.apply import Settlement, apply_batch
from app.services.customer_room import DEAD_LETTER_PURPOSE
from app.services.event_ids import is_own_event_id, make_own_event_id
from db import event_pages
from db.gaps import GapMark, set_gaps
from db.pool import Database
from schemas.events import Event, encode_event
from schemas.ids import find_first_id, make_uuid7, read_uuid7_ms
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read
from tests.integration.api.stock import walk

EVENTS, LETTERS = f"/tenants/{ACME}/events", f"/tenants/{ACME}/dead-letters"
NOW = datetime.now(UTC)


def at_ms(seconds_ago: float) -> int:
    return int((NOW - timedelta(seconds=seconds_ago)).timestamp() * 1000)


def make_event(object_id: str = "o-1", *, seconds_ago: float = 0, **fields: Any) -> Event:
    told: dict[str, Any] = {"source": "vtex", "account": "store", "integration_id": 1, "kind": "order"} | fields
    return Event(make_uuid7(at_ms(seconds_ago)), form="hint", action="upsert", object_id=object_id, **told)


async def settle(cast: Cast, worker: Database, *settlements: Settlement, tenant_id: int = ACME) -> None:
    keys = await cast.office.keyring.keys_of(tenant_id)
    await apply_batch(worker, keys, settlements, now=datetime.now(UTC))


def ignore(event: Event) -> Settlement:
    return Settlement(event, 1, None, "ignored", "nothing_held")


async def bury(cast: Cast, worker: Database, event: Event, *, tenant_id: int = ACME) -> str:
    keys = await cast.office.keyring.keys_of(tenant_id)
    sealed = keys.seal(DEAD_LETTER_PURPOSE, event.event_id, encode_event(event))
    dead = Settlement(event, 3, None, "dead", "unmappable", "items[0].price", sealed)
    await settle(cast, worker, dead, tenant_id=tenant_id)
    return event.event_id


def list_event_ids(pages: Sequence[Any]) -> list[str]:
    return [row["event_id"] for page in pages for row in page["data"]]


async def test_events_come_newest_first_page_by_page_over_days(cast: Cast, database: Database) -> None:
    events = [make_event(f"o-{number}", seconds_ago=number * 30_000) for number in range(7)]
    await settle(cast, database, *map(ignore, reversed(events)))
    await settle(cast, database, ignore(make_event()), tenant_id=GLOBEX)
    wanted = [event.event_id for event in events]
    async with cast.client(ACME, "analyst") as client:
        for limit in (1, 3, 50):
            assert list_event_ids(await walk(client, EVENTS, limit=limit)) == wanted
        since, until = NOW - timedelta(seconds=100_000), NOW - timedelta(seconds=20_000)
        between = await walk(client, EVENTS, since=since.isoformat(), until=until.isoformat())
        assert list_event_ids(between) == wanted[1:4]
        shown = between[0]["data"][0]
    assert shown["integration_id"] == f"int_{ACME}_1"
    assert (shown["status"], shown["outcome"], shown["reason"]) == ("settled", "ignored", "nothing_held")
    assert datetime.fromisoformat(shown["received_at"]).timestamp() * 1000 == pytest.approx(at_ms(30_000), abs=1)


async def test_events_are_sifted_and_a_rare_one_is_found_behind_many(
    cast: Cast, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_pages, "ROWS_SEEN_MAX", 5)
    rare = make_event("c-7", seconds_ago=1_000, kind="customer", integration_id=2, state="invoiced")
    await settle(cast, database, ignore(rare), *(ignore(make_event(seconds_ago=number)) for number in range(23)))
    dead = await bury(cast, database, make_event("o-2", seconds_ago=2_000))
    filters: list[dict[str, str]] = [
        {"kind": "customer"}, {"state": "invoiced"}, {"integration_id": f"int_{ACME}_2"}, {"object_id": "c-7"},
        {"kind": "customer", "outcome": "ignored", "object_id": "c-7"},
    ]  # fmt: skip
    async with cast.client(ACME, "analyst") as client:
        for params in filters:
            pages = await walk(client, EVENTS, **params)
            assert list_event_ids(pages) == [rare.event_id], params
            assert len(pages) == (1 if "object_id" in params else 6)
        assert list_event_ids(await walk(client, EVENTS, outcome="dead")) == [dead]
        assert len(list_event_ids(await walk(client, EVENTS, object_id="o-1", limit=2))) == 23
        foreign = await client.get(EVENTS, params={"integration_id": f"int_{GLOBEX}_1"})
        assert read(foreign, 404)["code"] == "not_found"


async def test_a_dead_letter_is_seen_with_its_event_and_without_its_body(cast: Cast, database: Database) -> None:
    dead = await bury(cast, database, make_event())
    theirs = await bury(cast, database, make_event(), tenant_id=GLOBEX)
    async with cast.client(ACME, "analyst") as client:
        event = read(await client.get(f"{EVENTS}/{dead}"))["data"]
        listed = read(await client.get(LETTERS, params={"status": "waiting", "reason": "unmappable"}))["data"]
        one = read(await client.get(f"{LETTERS}/{dead}"))["data"]
        assert read(await client.get(LETTERS, params={"kind": "customer"}))["data"] == []
        for path in (f"{LETTERS}/{theirs}", f"{LETTERS}/{make_uuid7()}", f"{EVENTS}/{theirs}", f"{LETTERS}/x"):
            assert read(await client.get(path), 404)["success"] is False
    assert event["outcome"] == "dead"
    assert event["dead_letter"] == listed[0] == one
    assert (one["field"], one["status"], one["attempts"]) == ("items[0].price", "waiting", 3)
    assert "body" not in "".join(one)


async def test_dead_letters_of_one_moment_are_all_delivered(cast: Cast, database: Database) -> None:
    keys = await cast.office.keyring.keys_of(ACME)
    events = [make_event(f"o-{number}") for number in range(9)]
    sealed = [keys.seal(DEAD_LETTER_PURPOSE, event.event_id, encode_event(event)) for event in events]
    await settle(
        cast, database,
        *(Settlement(event, 1, None, "dead", "unmappable", None, body)
          for event, body in zip(events, sealed, strict=True)),
    )  # fmt: skip
    async with cast.client(ACME, "analyst") as client:
        found = list_event_ids(await walk(client, LETTERS, limit=2))
    assert found == sorted((event.event_id for event in events), reverse=True)


async def test_a_replay_is_followed_and_a_discard_is_the_end(cast: Cast, database: Database) -> None:
    first, second = [await bury(cast, database, make_event(object_id)) for object_id in ("o-1", "o-2")]
    async with cast.client(ACME, "operator") as operator, cast.client(ACME, "analyst") as analyst:
        assert read(await analyst.post(f"{LETTERS}/{first}/replay"), 403)["code"] == "forbidden"
        answer = await operator.post(f"{LETTERS}/{first}/replay")
        fresh = read(answer, 202)["data"]["replay_event_id"]
        assert answer.headers["location"] == f"/api/v2{EVENTS}/{fresh}"
        again = read(await operator.post(f"{LETTERS}/{first}/replay"), 202)["data"]["replay_event_id"]
        assert again == fresh
        assert read(await operator.get(f"{EVENTS}/{fresh}"))["data"]["status"] == "waiting"
        async with cast.client(GLOBEX, "admin") as other:
            assert read(await other.get(f"/tenants/{GLOBEX}/events/{fresh}"), 404)["code"] == "not_found"
            foreign = await other.post(f"/tenants/{GLOBEX}/dead-letters/{second}/discard")
            assert read(foreign, 404)["code"] == "dead_letter_not_found"
        assert read(await operator.post(f"{LETTERS}/{second}/discard"))["data"]["status"] == "discarded"
        assert read(await operator.post(f"{LETTERS}/{second}/discard"), 404)["code"] == "dead_letter_not_found"
        assert read(await operator.post(f"{LETTERS}/{second}/replay"), 404)["code"] == "dead_letter_not_found"
    async with cast.client(ACME, "owner") as owner:
        entries = read(await owner.get(f"/tenants/{ACME}/audit"))["data"]
    told = [(entry["action"], entry["object_id"]) for entry in entries if entry["object_kind"] == "event"]
    assert told == [
        ("dead_letter.discarded", second), ("dead_letter.replayed", first), ("dead_letter.replayed", first),
    ]  # fmt: skip
    assert (await cast.office.queue.depth(ACME)).waiting == 2  # one event under one id, appended twice


async def test_a_dead_letter_whose_keys_are_destroyed_is_gone(cast: Cast, database: Database) -> None:
    dead = await bury(cast, database, make_event())
    await cast.office.keyring.destroy(ACME)
    async with cast.client(ACME, "operator") as client:
        assert read(await client.post(f"{LETTERS}/{dead}/replay"), 410)["code"] == "dead_letter_gone"
        assert read(await client.get(f"{EVENTS}/{dead}"))["data"]["outcome"] == "dead"
        assert read(await client.get(f"{EVENTS}/{make_uuid7()}"), 404)["code"] == "not_found"


async def test_an_event_that_is_tried_again_says_when(cast: Cast) -> None:
    event, queue = make_event(), cast.office.queue
    await queue.append([AppendBatch(ACME, "normal", [NewEntry(event.event_id, encode_event(event))])], confirm=None)
    claim = await queue.claim()
    assert claim is not None
    [entry] = (await queue.read(claim, 10)).entries
    await queue.defer(claim, [Deferral(entry.event_id, entry.entry_id, 60_000)])
    async with cast.client(ACME, "analyst") as acme, cast.client(GLOBEX, "analyst") as globex:
        shown = read(await acme.get(f"{EVENTS}/{event.event_id}"))["data"]
        assert read(await globex.get(f"/tenants/{GLOBEX}/events/{event.event_id}"), 404)["code"] == "not_found"
    assert shown["status"] == "retrying"
    wait_s = (datetime.fromisoformat(shown["retry_at"]) - datetime.now(UTC)).total_seconds()
    assert 50 < wait_s <= 61


@pytest.mark.parametrize(
    "event_id",
    [
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "c3e0a2f6-6d3f-4b7e-9b0f-1d2c3b4a5968",
        "nothing",
    ],
)
async def test_an_id_that_is_nobodys_is_not_there(cast: Cast, event_id: str) -> None:
    async with cast.client(ACME, "admin") as client:
        for path in (EVENTS, LETTERS):
            assert read(await client.get(f"{path}/{event_id}"), 404)["success"] is False
        for verb in ("replay", "discard"):
            assert read(await client.post(f"{LETTERS}/{event_id}/{verb}"), 404)["success"] is False


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_times_at_the_edges_are_times(cast: Cast, moment: str) -> None:
    async with cast.client(ACME, "admin") as client:
        for name in ("since", "until"):
            assert read(await client.get(EVENTS, params={name: moment}))["data"] == []


async def test_gaps_are_listed(cast: Cast, database: Database) -> None:
    async with database.tenant_tx(ACME, "test") as connection:
        await set_gaps(connection, ACME, [GapMark(1, "orders", NOW, "refused_calls")])
    async with cast.client(ACME, "auditor") as acme, cast.client(GLOBEX, "auditor") as globex:
        [gap] = read(await acme.get(f"/tenants/{ACME}/gaps"))["data"]
        assert read(await globex.get(f"/tenants/{GLOBEX}/gaps"))["data"] == []
    assert (gap["integration_id"], gap["stream"], gap["reason"]) == (f"int_{ACME}_1", "orders", "refused_calls")
    assert datetime.fromisoformat(gap["since"]) == NOW


async def test_ids_of_ours_are_a_tenants_own_and_no_two_are_alike(cast: Cast) -> None:
    acme, globex = [await cast.office.keyring.keys_of(tenant_id) for tenant_id in (ACME, GLOBEX)]
    ids = {make_own_event_id(acme) for _ in range(5_000)}
    assert len(ids) == 5_000
    assert all(is_own_event_id(acme, one) for one in ids)
    assert not any(is_own_event_id(globex, one) for one in ids)
    assert not any(is_own_event_id(acme, make_uuid7()) for _ in range(5_000))
    rotated = await cast.office.keyring.rotate(ACME, "index")
    assert all(is_own_event_id(rotated, one) for one in ids)


def test_the_first_id_of_a_moment_is_not_after_any_other() -> None:
    moment = datetime(2026, 11, 1, 12, 0, 0, 123_456, tzinfo=UTC)
    first = find_first_id(moment)
    assert read_uuid7_ms(first) == int(moment.timestamp() * 1000)
    assert first < make_uuid7(read_uuid7_ms(first))

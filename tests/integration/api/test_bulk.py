"""Dead letters by cause, and operations on many of them, over the API: asked for, and worked off as a worker does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.services.apply import Settlement
from app.services.bulk_steps import BulkOffice, work_step
from app.services.customer_room import DEAD_LETTER_PURPOSE
from db.pool import Database
from schemas.events import encode_event
from schemas.ids import make_uuid7
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read
from tests.integration.api.stock import walk
from tests.integration.api.test_events_api import make_event, settle

LETTERS = f"/tenants/{ACME}/dead-letters"
GROUPS, BULK = f"{LETTERS}/groups", f"{LETTERS}/bulk"


async def bury_some(
    cast: Cast, worker: Database, reasons: list[tuple[str, str | None]], *, tenant_id: int = ACME, **fields: Any
) -> list[str]:
    """A dead letter for each reason and field; their ids."""
    keys = await cast.office.keyring.keys_of(tenant_id)
    events = [make_event(f"o-{number}", **fields) for number in range(len(reasons))]
    dead = [
        Settlement(event, 3, None, "dead", reason, field,
                   keys.seal(DEAD_LETTER_PURPOSE, event.event_id, encode_event(event)))
        for event, (reason, field) in zip(events, reasons, strict=True)
    ]  # fmt: skip
    await settle(cast, worker, *dead, tenant_id=tenant_id)
    return [event.event_id for event in events]


async def work_off(cast: Cast, worker: Database, **settings: Any) -> int:
    """Steps until nothing goes on; how many."""
    office = cast.office
    changed = office.settings.model_copy(update=settings)
    steps = 0
    while await work_step(BulkOffice(worker, office.keyring, office.queue, changed)):
        steps += 1
    return steps


async def test_letters_of_one_cause_are_one_group_wherever_in_a_list_the_fault_lies(
    cast: Cast, database: Database
) -> None:
    prices = await bury_some(cast, database, [("unmappable", f"items[{n}].price") for n in range(3)])
    await bury_some(cast, database, [("not_found", None), ("unmappable", "value")])
    await bury_some(cast, database, [("not_found", None)] * 4, tenant_id=GLOBEX)
    async with cast.client(ACME, "analyst") as client:
        groups = read(await client.get(GROUPS))["data"]
        told = {(group["reason"], group["field"]): group["letters"] for group in groups}
        assert told == {("unmappable", "items[].price"): 3, ("unmappable", "value"): 1, ("not_found", None): 1}
        assert groups[0]["example_id"] == max(prices)
        assert (groups[0]["integration_id"], groups[0]["is_at_least"]) == (f"int_{ACME}_1", False)
        listed = await walk(client, LETTERS, field="items[2].price", integration_id=f"int_{ACME}_1")
    assert sorted(letter["event_id"] for page in listed for letter in page["data"]) == sorted(prices)


async def test_a_large_group_is_counted_up_to_a_limit(cast: Cast, database: Database) -> None:
    await bury_some(cast, database, [("unmappable", "value")] * 5)
    async with cast.under(dead_group_counted_max=3, bulk_counted_max=4).client(ACME, "analyst") as client:
        [group] = read(await client.get(GROUPS))["data"]
        estimate = read(await client.post(f"{BULK}/estimate", json={"filter": {}}))["data"]
    assert (group["letters"], group["is_at_least"]) == (3, True)
    assert (estimate["letters"], estimate["is_at_least"]) == (4, True)


async def test_an_operation_takes_what_its_filter_says_and_nothing_else(cast: Cast, database: Database) -> None:
    prices = await bury_some(cast, database, [("unmappable", f"items[{n}].price") for n in range(5)])
    others = await bury_some(cast, database, [("not_found", None)])
    theirs = await bury_some(cast, database, [("unmappable", "items[0].price")], tenant_id=GLOBEX)
    chosen = {"filter": {"reason": "unmappable", "field": "items[].price"}}
    async with cast.client(ACME, "operator") as client:
        assert read(await client.post(f"{BULK}/estimate", json=chosen))["data"]["letters"] == 5
        answer = await client.post(BULK, json=chosen | {"action": "replay"})
        started = read(answer, 202)["data"]
        assert answer.headers["location"] == f"/api/v2{BULK}/{started['operation_id']}"
        assert (started["state"], started["total"], started["done"]) == ("running", 5, 0)
        assert await work_off(cast, database, bulk_letters_per_step=2) == 4, (
            "three slices, and a look that finds no more"
        )
        ended = read(await client.get(f"{BULK}/{started['operation_id']}"))["data"]
        assert (ended["state"], ended["done"], ended["failed"], ended["failures"]) == ("done", 5, 0, {})
        assert ended["filter"]["field"] == "items[].price"
        status = {one: read(await client.get(f"{LETTERS}/{one}"))["data"]["status"] for one in (*prices, *others)}
        assert status == dict.fromkeys(prices, "replaying") | dict.fromkeys(others, "waiting")
        [shown] = read(await client.get(BULK))["data"]
        assert shown == ended
    assert (await cast.office.queue.depth(ACME)).waiting == 5
    async with cast.client(GLOBEX, "operator") as other:
        assert read(await other.get(f"/tenants/{GLOBEX}/dead-letters/{theirs[0]}"))["data"]["status"] == "waiting"
        assert read(await other.get(f"/tenants/{GLOBEX}/dead-letters/bulk"))["data"] == []
        foreign = f"/tenants/{GLOBEX}/dead-letters/bulk/{started['operation_id']}"
        assert read(await other.get(foreign), 404)["code"] == "not_found"
        assert read(await other.post(f"{foreign}/cancel"), 404)["code"] == "not_found"


async def test_the_audit_tells_of_the_operation_and_not_of_each_letter(cast: Cast, database: Database) -> None:
    await bury_some(cast, database, [("unmappable", "value")] * 3)
    async with cast.client(ACME, "owner") as client:
        body = {"action": "discard", "filter": {"kind": "order"}}
        operation_id = read(await client.post(BULK, json=body), 202)["data"]["operation_id"]
        await work_off(cast, database)
        entries = read(await client.get(f"/tenants/{ACME}/audit"))["data"]
    told = [(one["action"], one["details"]) for one in entries if one["object_id"] == operation_id]
    assert told == [
        ("dead_letters.discarded", {"status": "done", "done": 3, "failed": 0, "failures": {}}),
        ("dead_letters.discard_started", {"letters": 3, "filter": {"kind": "order"}}),
    ]
    assert {one["actor_id"] for one in entries if one["object_id"] == operation_id} == {entries[0]["actor_id"]}


async def test_a_discard_removes_bodies_and_what_died_later_stays(
    cast: Cast, database: Database, superuser: Any
) -> None:
    await bury_some(cast, database, [("unmappable", "value")] * 3)
    async with cast.client(ACME, "operator") as client:
        read(await client.post(BULK, json={"action": "discard", "filter": {}}), 202)
        later = await bury_some(cast, database, [("unmappable", "value")])
        await work_off(cast, database)
        [group] = read(await client.get(GROUPS))["data"]
    assert (group["letters"], group["example_id"]) == (1, later[0])
    rows = await superuser.fetch(
        "SELECT status, sealed_body IS NULL AS is_empty, count(*) FROM dead_letters GROUP BY 1, 2"
    )
    assert {tuple(row) for row in rows} == {("discarded", True, 3), ("waiting", False, 1)}


async def test_what_cannot_be_replayed_is_counted_with_its_reason_and_left_as_it_was(
    cast: Cast, database: Database, superuser: Any
) -> None:
    gone, broken, good = await bury_some(cast, database, [("unmappable", "value")] * 3)
    await superuser.execute("UPDATE dead_letters SET sealed_body = NULL WHERE event_id = $1", gone)
    await superuser.execute("UPDATE dead_letters SET sealed_body = 'x' WHERE event_id = $1", broken)
    async with cast.client(ACME, "operator") as client:
        body = {"action": "replay", "filter": {"event_ids": [gone, broken, good, make_uuid7()]}}
        operation_id = read(await client.post(BULK, json=body), 202)["data"]["operation_id"]
        await work_off(cast, database)
        ended = read(await client.get(f"{BULK}/{operation_id}"))["data"]
        assert read(await client.get(f"{LETTERS}/{gone}"))["data"]["status"] == "waiting"
    assert (ended["state"], ended["total"], ended["done"], ended["failed"]) == ("done", 3, 1, 2)
    assert ended["failures"] == {"dead_letter_gone": 1, "sealing": 1}


async def test_a_replay_adds_no_more_than_there_is_room_before_live_events(cast: Cast, database: Database) -> None:
    await bury_some(cast, database, [("unmappable", "value")] * 5)
    async with cast.client(ACME, "operator") as client:
        operation_id = read(await client.post(BULK, json={"action": "replay", "filter": {}}), 202)["data"][
            "operation_id"
        ]
        await work_off(cast, database, bulk_queue_events_max=2)
        waits = read(await client.get(f"{BULK}/{operation_id}"))["data"]
        assert (waits["state"], waits["done"], waits["waits_for"]) == ("running", 2, "queue")
        assert (await cast.office.queue.depth(ACME)).waiting == 2


async def test_a_cancelled_operation_stops_within_its_step(cast: Cast, database: Database) -> None:
    await bury_some(cast, database, [("unmappable", "value")] * 5)
    office = BulkOffice(
        database, cast.office.keyring, cast.office.queue,
        cast.office.settings.model_copy(update={"bulk_letters_per_step": 2}),
    )  # fmt: skip
    async with cast.client(ACME, "operator") as client:
        operation_id = read(await client.post(BULK, json={"action": "discard", "filter": {}}), 202)["data"][
            "operation_id"
        ]
        assert await work_step(office)
        cancelled = read(await client.post(f"{BULK}/{operation_id}/cancel"))["data"]
        assert (cancelled["state"], cancelled["done"]) == ("cancelled", 2)
        assert not await work_step(office)
        assert read(await client.post(f"{BULK}/{operation_id}/cancel"), 409)["code"] == "conflict"
        [group] = read(await client.get(GROUPS))["data"]
    assert group["letters"] == 3


async def test_what_was_tied_and_not_appended_is_appended_by_the_next_step_under_the_same_ids(
    cast: Cast, database: Database, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bury_some(cast, database, [("unmappable", "value")] * 3)
    queue = cast.office.queue

    async def lose(*_: object, **__: object) -> None:
        raise ConnectionError("the append never left")

    async with cast.client(ACME, "operator") as client:
        operation_id = read(await client.post(BULK, json={"action": "replay", "filter": {}}), 202)["data"][
            "operation_id"
        ]
        with monkeypatch.context() as patch:
            patch.setattr(queue, "append", lose)
            await work_off(cast, database, bulk_retry_s=0.01)
        waits = read(await client.get(f"{BULK}/{operation_id}"))["data"]
        assert (waits["done"], waits["waits_for"], (await queue.depth(ACME)).waiting) == (3, "server", 0)
        # Also for one who has lost patience: what is tied must not be left without its event.
        assert read(await client.post(f"{BULK}/{operation_id}/cancel"))["data"]["state"] == "running"
        await work_off(cast, database)
        assert read(await client.get(f"{BULK}/{operation_id}"))["data"]["state"] == "cancelled"
    tied = {str(row[0]) for row in await superuser.fetch("SELECT replay_event_id FROM dead_letters")}
    claim = await queue.claim()
    assert claim is not None
    assert {entry.event_id for entry in (await queue.read(claim, 10)).entries} == tied


async def test_what_makes_no_sense_is_refused(cast: Cast, database: Database, superuser: Any) -> None:
    await bury_some(cast, database, [("unmappable", "value")])
    now = datetime.now(UTC)
    async with cast.under(bulk_operations_max=1).client(ACME, "operator") as client:
        for wanted in (
            {"action": "replay"},
            {"action": "forget", "filter": {}},
            {"action": "replay", "filter": {"x": 1}},
        ):
            assert read(await client.post(BULK, json=wanted), 422)["code"] == "invalid_input"
        backwards = {"since": now.isoformat(), "until": (now - timedelta(days=1)).isoformat()}
        refused = read(await client.post(BULK, json={"action": "replay", "filter": backwards}), 422)
        assert refused["errors"][0]["pointer"] == "/filter/until"
        for chosen, status in (({"reason": "not_found"}, 409), ({"integration_id": f"int_{GLOBEX}_1"}, 404)):
            read(await client.post(BULK, json={"action": "replay", "filter": chosen}), status)
        read(await client.post(BULK, json={"action": "discard", "filter": {}}), 202)
        assert "go on" in read(await client.post(BULK, json={"action": "discard", "filter": {}}), 409)["detail"]
        await superuser.execute("UPDATE tenants SET status = 'suspended' WHERE tenant_id = $1", ACME)
        assert "suspended" in read(await client.post(BULK, json={"action": "replay", "filter": {}}), 409)["detail"]
    async with cast.client(ACME, "analyst") as analyst:
        assert read(await analyst.post(BULK, json={"action": "discard", "filter": {}}), 403)["code"] == "forbidden"

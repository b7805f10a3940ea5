"""Objects put into the queue over the API: checked, durable, in the tenant's own queue, and audited."""

from typing import Any

import pytest

from app.core.errors import DurabilityError, QueueUnavailableError
from app.core.queue import Queue, QueueLimits
from db.integrations import insert_integration, set_integration_status
from schemas.events import decode_event
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read

ENQUEUE = f"/tenant-integrations/int_{ACME}_1/enqueue"
IDS = ["1172452900788-01", "v5195004lux/01 ñ"]


@pytest.fixture
async def connected(cast: Cast) -> Cast:
    """Both brands with a VTEX store (1) and a middleware (2)."""
    for tenant_id in (ACME, GLOBEX):
        async with cast.office.database.tenant_tx(tenant_id, "test") as connection:
            await insert_integration(connection, tenant_id, 1, connector="vtex", account="store")
            await insert_integration(connection, tenant_id, 2, connector="brand", account="own")
    return cast


async def test_each_object_gets_an_event_of_its_own_that_waits(connected: Cast) -> None:
    async with connected.client(ACME, "operator") as client, connected.client(GLOBEX, "admin") as other:
        body = {"stream": "orders", "external_ids": [*IDS, IDS[0]], "priority": "high"}
        pointers = read(await client.post(ENQUEUE, json=body), 202)["data"]
        assert [pointer["external_id"] for pointer in pointers] == IDS
        for pointer in pointers:
            event = read(await client.get(f"/tenants/{ACME}/events/{pointer['event_id']}"))["data"]
            assert (event["status"], event["outcome"]) == ("waiting", None)
            foreign = await other.get(f"/tenants/{GLOBEX}/events/{pointer['event_id']}")
            assert read(foreign, 404)["code"] == "not_found"
    queue = connected.office.queue
    claim = await queue.claim()
    assert claim is not None
    assert claim.tenant_id == ACME
    events = [decode_event(entry.event_id, entry.body) for entry in (await queue.read(claim, 10)).entries]
    assert [(event.object_id, event.account, event.kind, event.form, event.integration_id) for event in events] == [
        (one, "store", "order", "hint", 1) for one in IDS
    ]
    assert [event.event_id for event in events] == [pointer["event_id"] for pointer in pointers]
    async with connected.client(ACME, "owner") as owner:
        entry = read(await owner.get(f"/tenants/{ACME}/audit"))["data"][0]
    assert (entry["action"], entry["object_id"]) == ("objects.enqueued", f"int_{ACME}_1")
    assert entry["details"] == {"stream": "orders", "objects": 2, "priority": "high"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"stream": "orders", "external_ids": []}, "/external_ids"),
        ({"stream": "orders", "external_ids": ["1"] * 101}, "/external_ids"),
        ({"stream": "orders", "external_ids": ["1", "ana@example.org"]}, "/external_ids/1"),
        ({"stream": "orders", "external_ids": [" "]}, "/external_ids/0"),
        ({"stream": "orders", "external_ids": [".."]}, "/external_ids/0"),
        ({"stream": "orders", "external_ids": ["x" * 201]}, "/external_ids/0"),
        ({"stream": "orders", "external_ids": ["a\nb"]}, "/external_ids/0"),
        ({"stream": "orders", "external_ids": [1]}, "/external_ids/0"),
        ({"stream": "products", "external_ids": ["1"]}, "/stream"),
        ({"stream": "orders", "external_ids": ["1"], "priority": "now"}, "/priority"),
        ({"stream": "orders", "external_ids": ["1"], "account": "elsewhere"}, "/account"),
    ],
)
async def test_what_cannot_be_enqueued_is_named(connected: Cast, body: dict[str, Any], pointer: str) -> None:
    async with connected.client(ACME, "admin") as client:
        answer = await client.post(ENQUEUE, json=body)
    assert read(answer, 422)["errors"][0]["pointer"] == pointer
    assert "ana@" not in answer.text
    assert (await connected.office.queue.depth(ACME)).accepted == 0


async def test_an_account_that_the_integration_accepts_is_taken(connected: Cast, superuser: Any) -> None:
    await superuser.execute("UPDATE tenant_integrations SET accepted_accounts = '{franchise}' WHERE tenant_id = 56")
    body = {"stream": "customers", "external_ids": ["abc"], "account": "franchise"}
    async with connected.client(ACME, "admin") as client:
        read(await client.post(ENQUEUE, json=body), 202)
    claim = await connected.office.queue.claim()
    assert claim is not None
    [entry] = (await connected.office.queue.read(claim, 10)).entries
    assert decode_event(entry.event_id, entry.body).account == "franchise"


async def test_nothing_is_fetched_from_who_only_sends(connected: Cast) -> None:
    async with connected.client(ACME, "admin") as client:
        answer = await client.post(
            f"/tenant-integrations/int_{ACME}_2/enqueue", json={"stream": "orders", "external_ids": ["1"]}
        )
    assert read(answer, 422)["errors"][0]["pointer"] == "/stream"


async def test_nothing_is_enqueued_for_who_is_paused_or_suspended(connected: Cast, superuser: Any) -> None:
    body = {"stream": "orders", "external_ids": ["1"]}
    async with connected.client(ACME, "admin") as client:
        async with connected.office.database.tenant_tx(ACME, "test") as connection:
            await set_integration_status(connection, ACME, 1, "paused", seen_in=["active"])
        paused = read(await client.post(ENQUEUE, json=body), 409)
        await superuser.execute("UPDATE tenants SET status = 'suspended' WHERE tenant_id = 56")
        suspended = read(await client.post(ENQUEUE, json=body), 409)
    assert "paused" in paused["detail"]
    assert "suspended" in suspended["detail"]
    assert (await connected.office.queue.depth(ACME)).accepted == 0


async def test_anothers_integration_and_none_are_the_same(connected: Cast) -> None:
    body = {"stream": "orders", "external_ids": ["1"]}
    async with connected.client(ACME, "admin") as client, connected.client(ACME, "analyst") as analyst:
        answers = [
            read(await client.post(f"/tenant-integrations/{one}/enqueue", json=body), 404)
            for one in (f"int_{GLOBEX}_1", "int_999999_1", f"int_{ACME}_9", "int_0_0", "1")
        ]
        assert read(await analyst.post(ENQUEUE, json=body), 403)["code"] == "forbidden"
    assert {answer["code"] for answer in answers} == {"not_found"}
    assert answers[0]["detail"] == answers[1]["detail"]
    assert (await connected.office.queue.depth(GLOBEX)).accepted == 0


async def test_a_full_queue_says_when_to_come_back(connected: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    office = connected.office
    small = Queue(office.queue.redis, limits=QueueLimits(events_max=1))
    monkeypatch.setattr(office.queue, "append", small.append)
    async with connected.client(ACME, "admin") as client:
        answer = await client.post(ENQUEUE, json={"stream": "orders", "external_ids": ["1", "2"]})
    assert read(answer, 429)["code"] == "queue_full"
    assert int(answer.headers["retry-after"]) == 30
    await small.close()


@pytest.mark.parametrize("error", [DurabilityError("no fsync"), QueueUnavailableError("away")])
async def test_what_is_not_on_disk_is_not_accepted(
    connected: Cast, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(connected.office.queue, "append", fail)
    async with connected.client(ACME, "admin", **{"Idempotency-Key": "one"}) as client:
        answer = await client.post(ENQUEUE, json={"stream": "orders", "external_ids": ["1"]})
        assert read(answer, 503)["success"] is False
        assert "retry-after" in answer.headers
        monkeypatch.undo()
        # It may be on disk all the same: an object that is fetched twice does no harm.
        read(await client.post(ENQUEUE, json={"stream": "orders", "external_ids": ["1"]}), 202)

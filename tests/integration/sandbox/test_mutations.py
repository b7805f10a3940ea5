"""Changes that nobody hears of, deliveries that never arrive, and the truth to compare with."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.sandbox.remote import Receiver, Sandbox

CHANGES = [
    ("order", "advance"),
    ("order", "status"),
    ("order", "total"),
    ("order", "edit"),
    ("customer", "update"),
    ("customer", "delete"),
]


async def read_fingerprints(sandbox: Sandbox, kind: str, limit: int = 1_000) -> dict[str, Any]:
    found: dict[str, Any] = {}
    after: int | None = 0
    while after is not None:
        path = f"fingerprints?account={sandbox.acme}&kind={kind}&after={after}&limit={limit}"
        page = await sandbox.control("GET", path)
        assert len(page["rows"]) <= limit
        found |= {row["external_id"]: row for row in page["rows"]}
        after = page["next"]
    assert len(found) == page["total"]
    return found


async def mutate(sandbox: Sandbox, kind: str, action: str, count: int, **more: Any) -> list[str]:
    body = {"account": sandbox.acme, "kind": kind, "action": action, "count": count, **more}
    return list((await sandbox.control("POST", "mutate", body))["ids"])


@pytest.mark.parametrize(("kind", "action"), CHANGES)
async def test_exactly_the_objects_named_change_and_no_hook_tells(
    sandbox: Sandbox, receiver: Receiver, kind: str, action: str
) -> None:
    await sandbox.put_account(sandbox.acme, customers=120, orders=120)
    for _ in range(10):
        await sandbox.change("order", deliver=False)
    before = await read_fingerprints(sandbox, kind)
    ids = await mutate(sandbox, kind, action, 10, seed=3)
    after = await read_fingerprints(sandbox, kind, limit=37)
    assert len(set(ids)) == 10
    assert {one for one in after if after[one] != before[one]} == set(ids)
    assert all(after[one]["source_updated_at"] > before[one]["source_updated_at"] for one in ids)
    assert all(after[one]["deleted"] == (action == "delete") for one in ids)
    if kind == "order":
        listed = {"advance": "status", "status": "status", "total": "total_minor", "edit": "external_id"}[action]
        assert all((after[one][listed] != before[one][listed]) == (action != "edit") for one in ids)
    assert receiver.calls == []


@pytest.mark.parametrize("kind", ["order", "customer"])
async def test_new_objects_are_made_unheard(sandbox: Sandbox, receiver: Receiver, kind: str) -> None:
    before = await read_fingerprints(sandbox, kind)
    ids = await mutate(sandbox, kind, "create", 4)
    assert set(await read_fingerprints(sandbox, kind)) - set(before) >= set(ids)
    assert receiver.calls == []


async def test_they_can_be_chosen_by_age(sandbox: Sandbox) -> None:
    await sandbox.put_account(sandbox.acme, orders=400)
    month_ago = datetime.now(UTC) - timedelta(days=30)
    ends = {"created_after": (month_ago - timedelta(days=60)).isoformat(), "created_before": month_ago.isoformat()}
    ids = await mutate(sandbox, "order", "status", 5, status="replaced", **ends)
    found = await read_fingerprints(sandbox, "order")
    for one in ids:
        assert ends["created_after"] <= found[one]["created_at"] <= ends["created_before"]
        assert found[one]["status"] == "replaced"


@pytest.mark.parametrize(
    "body", [{"count": 21}, {"kind": "cat"}, {"action": "fly"}, {"kind": "order", "action": "delete"}]
)
async def test_what_cannot_be_done_changes_nothing(sandbox: Sandbox, body: dict[str, Any]) -> None:
    before = await read_fingerprints(sandbox, "customer")
    whole = {"account": sandbox.acme, "kind": "customer", "action": "delete", "count": 1, **body}
    async with sandbox.session.post(f"{sandbox.url}/_sandbox/mutate", json=whole) as response:
        assert response.status == 400
    assert await read_fingerprints(sandbox, "customer") == before


async def test_fingerprints_say_what_the_documents_say(sandbox: Sandbox) -> None:
    await mutate(sandbox, "order", "total", 3)
    await mutate(sandbox, "customer", "update", 3)
    for one in (await read_fingerprints(sandbox, "order")).values():
        _, document = await sandbox.call(sandbox.acme, "GET", f"/api/oms/pvt/orders/{one['external_id']}")
        assert (document["status"], document["value"]) == (one["status"], one["total_minor"])
        assert datetime.fromisoformat(document["lastChange"]) == datetime.fromisoformat(one["source_updated_at"])
        assert datetime.fromisoformat(document["creationDate"]) == datetime.fromisoformat(one["created_at"])
    for one in (await read_fingerprints(sandbox, "customer")).values():
        path = f"/api/dataentities/CL/documents/{one['external_id']}?_fields=_all"
        _, document = await sandbox.call(sandbox.acme, "GET", path)
        dates = (document["createdIn"], document["updatedIn"] or "", document["lastInteractionIn"])
        assert datetime.fromisoformat(max(dates)) == datetime.fromisoformat(one["source_updated_at"])


async def test_lost_notices_never_arrive_and_are_named(sandbox: Sandbox, receiver: Receiver) -> None:
    mix = {"orders": 0.6, "customers": 0.4, "lost": 0.3, "duplicates": 0.2}
    run = await sandbox.run(events=400, mix=mix)
    assert 60 < run["lost"] < 180
    assert run["sent"] + run["lost"] == 400
    assert run["sent"] == len(receiver.calls)
    lost = await sandbox.control("GET", f"traffic/{run['id']}/lost")
    assert len(lost) == run["lost"]
    assert {one["account"] for one in lost} == {sandbox.acme, sandbox.globex}
    path = f"expected?account={sandbox.acme}&kind=order&run={run['id']}&limit=1000"
    told = {one["external_id"] for one in await sandbox.control("GET", path)}
    assert told
    assert told.isdisjoint(one["object_id"] for one in lost)

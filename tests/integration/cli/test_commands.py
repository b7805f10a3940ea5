"""The command line against a running stack."""

import asyncio
import json
import time

import httpx

from scripts.stack.demo_tenants import BRANDS
from scripts.stack.stack import Stack
from tests.integration.cli.conftest import RunCommand

ACME = BRANDS[0]


async def make_dead_letter(stack: Stack, acequia: RunCommand, price: object = "not a number") -> str:
    """An order that no mapper can read; the id of its dead letter."""
    async with httpx.AsyncClient(base_url=stack.sandbox_url, trust_env=False) as sandbox:
        body = {"account": ACME.account, "kind": "order", "patch": {"value": price}}
        answer = (await sandbox.post("/_sandbox/changes", json=body)).raise_for_status().json()
    event_id: str = answer["deliveries"][0]["answer"]["event_id"]
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        rows = json.loads((await acequia("dead-letters", "list", str(ACME.tenant_id), "--json")).out)
        if any(row["event_id"] == event_id for row in rows):
            return event_id
        await asyncio.sleep(0.1)
    raise AssertionError("no dead letter appeared")


async def test_a_test_event_goes_the_whole_way(acequia: RunCommand) -> None:
    ran = await acequia("events", "send-test", str(ACME.tenant_id), "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["outcome"] == "applied"
    tail = await acequia("events", "tail", str(ACME.tenant_id), "--json")
    rows = [json.loads(line) for line in tail.out.splitlines()]
    assert json.loads(ran.out)["event_id"] in {row["event_id"] for row in rows}


async def test_the_tail_shows_one_tenants_events_alone(acequia: RunCommand) -> None:
    globex = BRANDS[1]
    ran = await acequia("events", "send-test", str(globex.tenant_id), "--json")
    event_id = json.loads(ran.out)["event_id"]
    assert event_id in (await acequia("events", "tail", str(globex.tenant_id))).out
    assert event_id not in (await acequia("events", "tail", str(ACME.tenant_id))).out


async def test_status_counts_what_happened(acequia: RunCommand) -> None:
    await acequia("events", "send-test", str(ACME.tenant_id))
    status = json.loads((await acequia("status", "--json")).out)
    assert [tenant["tenant_id"] for tenant in status["tenants"]] == [brand.tenant_id for brand in BRANDS]
    assert status["tenants"][0]["outcomes"]["applied"] >= 1
    assert status["latency_ms"]["events"] >= 1
    shown = await acequia("status")
    assert all(brand.name in shown.out for brand in BRANDS)


async def test_health_names_each_tenants_worst_integration(acequia: RunCommand) -> None:
    lines = json.loads((await acequia("health", "--json")).out)
    assert {line["tenant_id"] for line in lines} == {brand.tenant_id for brand in BRANDS}
    places = ["critical", "warning", "unknown", "healthy", "paused"]
    found = [places.index(line["health_status"]) for line in lines]
    assert found == sorted(found)
    one = json.loads((await acequia("health", str(ACME.tenant_id), "--json")).out)
    assert one["worst"] in {integration["id"] for integration in one["integrations"]}
    shown = (await acequia("health", str(ACME.tenant_id))).out
    assert all(word in shown for word in (ACME.name, one["worst"], "objective"))
    assert (await acequia("health", "999999")).code == 1
    assert (await acequia("health", "--only", "splendid")).code == 1


async def test_a_dead_letter_is_shown_with_its_field_and_replayed(stack: Stack, acequia: RunCommand) -> None:
    event_id = await make_dead_letter(stack, acequia)
    shown = json.loads((await acequia("dead-letters", "show", str(ACME.tenant_id), event_id, "--json")).out)
    assert shown["reason"] == "unmappable"
    assert shown["field"] == "value"
    assert shown["event"]["object_id"] == shown["object_id"]
    replayed = await acequia("dead-letters", "replay", str(ACME.tenant_id), event_id, "--json")
    assert replayed.code == 0, replayed.err
    assert json.loads(replayed.out)["replay_event_id"] != event_id


async def test_a_discarded_dead_letter_cannot_be_replayed(stack: Stack, acequia: RunCommand) -> None:
    event_id = await make_dead_letter(stack, acequia)
    assert (await acequia("dead-letters", "discard", str(ACME.tenant_id), event_id)).code == 0
    refused = await acequia("dead-letters", "replay", str(ACME.tenant_id), event_id)
    assert refused.code == 1
    assert "no dead letter" in refused.err


async def test_one_tenants_dead_letter_is_not_anothers(stack: Stack, acequia: RunCommand) -> None:
    event_id = await make_dead_letter(stack, acequia)
    other = str(BRANDS[1].tenant_id)
    assert (await acequia("dead-letters", "show", other, event_id)).code == 1
    assert (await acequia("dead-letters", "replay", other, event_id)).code == 1
    assert event_id not in (await acequia("dead-letters", "list", other)).out


async def test_many_dead_letters_are_grouped_estimated_and_replayed_by_a_worker(
    stack: Stack, acequia: RunCommand
) -> None:
    tenant = str(ACME.tenant_id)
    made = {await make_dead_letter(stack, acequia, price=f"no price {n}") for n in range(2)}
    [group] = [one for one in json.loads((await acequia("dead-letters", "groups", tenant, "--json")).out)
               if one["field"] == "value"]  # fmt: skip
    assert group["letters"] >= len(made)
    assert "unmappable" in (await acequia("dead-letters", "groups", tenant)).out
    chosen = ("--reason", "unmappable", "--field", "value")
    estimate = await acequia("dead-letters", "replay", tenant, *chosen, "--dry-run", "--json")
    assert json.loads(estimate.out)["letters"] == group["letters"]
    unsure = await acequia("dead-letters", "discard", tenant, *chosen)
    assert unsure.code == 1
    assert "cannot be undone" in unsure.err
    ran = await acequia("dead-letters", "replay", tenant, *chosen, "--yes", "--watch", "--json")
    assert ran.code == 0, ran.err
    ended = json.loads(ran.out.splitlines()[-1])
    assert (ended["state"], ended["done"]) == ("done", group["letters"])
    listed = json.loads((await acequia("dead-letters", "list", tenant, "--json")).out)
    assert not made & {row["event_id"] for row in listed if row["status"] == "waiting"}


async def test_a_replay_of_nothing_in_particular_is_refused(acequia: RunCommand) -> None:
    tenant = str(ACME.tenant_id)
    assert "--reason" in (await acequia("dead-letters", "replay", tenant)).err
    assert "filter" in (await acequia("dead-letters", "replay", tenant, "x", "--kind", "order")).err
    nothing = await acequia("dead-letters", "replay", tenant, "--reason", "never", "--yes")
    assert nothing.code == 1
    assert "nothing to do" in nothing.err


async def test_refusals_are_shown_with_their_reason(stack: Stack, acequia: RunCommand) -> None:
    hook = next(one for one in stack.tenants[0]["endpoints"] if one["kind"] == "order_hook")
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(hook["url"], json={}, headers={str(hook["header_name"]): "wrong"})
    assert answer.status_code == 401
    for _ in range(20):  # receivers write what they counted once a second
        shown = (await acequia("status")).out
        if "wrong_secret" in shown:
            return
    raise AssertionError(shown)


async def test_what_cannot_be_done_is_one_sentence(acequia: RunCommand) -> None:
    ran = await acequia("events", "send-test", str(ACME.tenant_id), "--kind", "order_hook")
    assert ran.code == 1
    assert ran.out == ""
    assert "--object-id" in ran.err
    assert "Traceback" not in ran.err


async def test_a_database_that_is_away_is_one_sentence(acequia: RunCommand) -> None:
    ran = await acequia("status", DATABASE_URL="postgresql://acequia_operator:x@127.0.0.1:9/acequia")
    assert ran.code == 1
    assert "does not answer" in ran.err
    assert "Traceback" not in ran.err


async def test_migrations_are_all_applied(stack: Stack, acequia: RunCommand) -> None:
    assert json.loads((await acequia("db", "status", "--json")).out) == {"pending": []}
    owner_url = stack.database_urls["acequia_owner"]
    migrated = await acequia("db", "migrate", "--json", MIGRATION_DATABASE_URL=owner_url)
    assert json.loads(migrated.out) == {"applied": []}


async def test_migrating_needs_the_owners_address(acequia: RunCommand) -> None:
    ran = await acequia("db", "migrate")
    assert ran.code == 1
    assert "MIGRATION_DATABASE_URL is not set" in ran.err

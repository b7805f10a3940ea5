"""Asking for a sync: one line per integration says what will happen."""

from typing import Any

import httpx
import pytest

from app.services.audit import list_audit
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read
from tests.integration.api.syncs.conftest import RUNS, SYNC, ask
from tests.integration.syncs.driving import HandSyncer


async def test_the_documents_call_answers_a_line_per_type(client: httpx.AsyncClient, shop: Cast) -> None:
    body = {"integration_types": ["vtex", "google_ads"], "sync_type": "incremental", "priority": "high"}
    answer = await client.post(SYNC, json=body)
    vtex, ads = read(answer, 202)["data"]
    assert (vtex["type"], vtex["integration_id"], vtex["outcome"]) == ("vtex", f"int_{ACME}_1", "queued")
    assert (ads["type"], ads["integration_id"], ads["outcome"], ads["run_id"]) == (
        "google_ads", None, "not_configured", None,
    )  # fmt: skip
    run = read(await client.get(f"{RUNS}/{vtex['run_id']}"))["data"]
    assert (run["sync_type"], run["trigger"], run["priority"], run["status"]) == (
        "incremental", "manual", "high", "queued",
    )  # fmt: skip
    assert {stream["stream"] for stream in run["streams"]} == {"orders", "customers"}
    assert run["requested_by"].startswith("key:")
    [entry] = [one for one in (await list_audit(shop.office.database, ACME, limit=50)).data
               if one.object_kind == "sync_run"]  # fmt: skip
    assert (entry.action, entry.object_id, entry.details["kind"]) == ("sync.queued", vtex["run_id"], "incremental")


async def test_without_types_every_integration_has_its_line(client: httpx.AsyncClient) -> None:
    for answer in (await client.post(SYNC), await client.post(SYNC, json={})):
        lines = read(answer, 202)["data"]
        assert [line["type"] for line in lines] == ["vtex", "brand"]
        assert lines[1]["outcome"] == "not_configured", "what is only sent to us cannot be listed"
        assert lines[1]["note"]


async def test_the_same_kind_joins_and_another_queues_behind(client: httpx.AsyncClient, syncer: HandSyncer) -> None:
    [first] = await ask(client)
    [again] = await ask(client, priority="high")
    assert (again["outcome"], again["run_id"]) == ("joined", first["run_id"])
    assert read(await client.get(f"{RUNS}/{first['run_id']}"))["data"]["priority"] == "high"
    [other] = await ask(client, sync_type="full")
    assert (other["outcome"], other["behind"]) == ("queued", [first["run_id"]])
    claims = [await syncer.claim(), await syncer.claim()]
    assert {claim.run_id for claim in claims} == {first["run_id"]}, "what was asked for first goes first"


async def test_a_run_that_is_about_to_end_is_joined_by_nobody(client: httpx.AsyncClient, syncer: HandSyncer) -> None:
    [dying] = await ask(client)
    claim = await syncer.claim()
    assert read(await client.post(f"{RUNS}/{dying['run_id']}/cancel"))["data"]["is_ending"]
    for verb in ("pause", "resume"):
        read(await client.post(f"{RUNS}/{dying['run_id']}/{verb}"), 409)
    [line] = await ask(client)
    assert (line["outcome"], line["behind"], line["note"]) == ("queued", [dying["run_id"]], None)
    await syncer.end(claim, "cancelled")
    assert {(await syncer.claim()).run_id for _ in range(2)} == {line["run_id"]}


async def test_who_waits_for_a_run_that_somebody_paused_is_told_so(client: httpx.AsyncClient) -> None:
    [paused] = await ask(client)
    read(await client.post(f"{RUNS}/{paused['run_id']}/pause"))
    for kind, outcome in (("incremental", "joined"), ("full", "queued")):
        [line] = await ask(client, sync_type=kind)
        assert line["outcome"] == outcome
        assert f"paused: {paused['run_id']}; resume or cancel it" in line["note"]
    assert read(await client.get(f"{RUNS}/{paused['run_id']}"))["data"]["is_paused"], "it stays as the person left it"


async def test_a_repair_of_some_days_is_not_joined_by_one_of_all(client: httpx.AsyncClient) -> None:
    [some] = await ask(client, sync_type="repair", since="2026-11-01T00:00:00Z")
    [whole] = await ask(client, sync_type="repair")
    assert (whole["outcome"], whole["behind"]) == ("queued", [some["run_id"]])
    assert (await ask(client, sync_type="repair"))[0]["run_id"] == whole["run_id"]


async def test_runs_that_do_it_together_are_all_joined_and_named(client: httpx.AsyncClient) -> None:
    [orders], [customers] = [await ask(client, streams=[stream]) for stream in ("orders", "customers")]
    [both] = await ask(client, priority="high")
    assert (both["outcome"], both["run_id"], both["behind"]) == ("joined", customers["run_id"], [orders["run_id"]])
    runs = read(await client.get(RUNS))["data"]
    assert [run["priority"] for run in runs] == ["high", "high"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"integration_types": ["vtex", "shopify"]}, "/integration_types/1"),
        ({"integration_types": []}, "/integration_types"),
        ({"integration_types": ["Not a type"]}, "/integration_types/0"),
        ({"sync_type": "everything"}, "/sync_type"),
        ({"priority": "urgent"}, "/priority"),
        ({"since": "2026-11-01T00:00:00Z"}, "/since"),
        ({"sync_type": "repair", "since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"}, "/until"),
        ({"sync_type": "repair", "since": "2026-11-01T00:00:00"}, "/since"),
        ({"sync_type": "repair", "since": "2190-01-01T00:00:00Z"}, "/since"),
        ({"sync_type": "repair", "since": "0001-01-01T00:00:00+14:00"}, "/since"),
        ({"sync_type": "repair", "until": "0001-01-01T00:00:00Z"}, "/until"),
        ({"sync_type": "repair", "until": "9999-12-31T23:59:59-14:00"}, "/until"),
        ({"integration_types": ["vtex"], "integration_id": f"int_{ACME}_1"}, "/integration_id"),
        ({"streams": ["invoices"]}, "/streams/0"),
        ({"sync": "now"}, "/sync"),
    ],
)
async def test_what_cannot_be_meant_is_said_with_its_place(
    client: httpx.AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    problem = read(await client.post(SYNC, json=body), 422)
    assert problem["errors"][0]["pointer"] == pointer
    assert read(await client.get(RUNS))["data"] == []


async def test_one_integration_one_stream_and_some_days_may_be_named(client: httpx.AsyncClient) -> None:
    body = {
        "integration_id": f"int_{ACME}_1", "sync_type": "repair", "streams": ["orders"],
        "since": "2026-11-01T00:00:00Z", "until": "2026-11-02T00:00:00Z",
    }  # fmt: skip
    [line] = read(await client.post(SYNC, json=body), 202)["data"]
    run = read(await client.get(f"{RUNS}/{line['run_id']}"))["data"]
    assert [stream["stream"] for stream in run["streams"]] == ["orders"]
    assert (run["since"], run["until"]) == ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")
    for stranger in (f"int_{GLOBEX}_1", f"int_{ACME}_9"):
        read(await client.post(SYNC, json={"integration_id": stranger}), 404)


async def test_nothing_is_queued_for_what_is_paused_or_not_served(client: httpx.AsyncClient, superuser: Any) -> None:
    await superuser.execute("UPDATE tenant_integrations SET status = 'paused', status_reason = 'by hand'")
    [line] = await ask(client)
    assert (line["outcome"], line["run_id"], line["note"]) == ("paused", None, "by hand")
    await superuser.execute(
        "UPDATE tenant_integrations SET status = 'credentials_refused', status_reason = 'the provider answered 401'"
    )
    [line] = await ask(client)
    assert (line["outcome"], line["note"]) == ("paused", "the provider refuses the credentials: enter new ones")
    await superuser.execute("UPDATE tenant_integrations SET status = 'active', sealed_credentials = NULL")
    [line] = await ask(client)
    assert line["outcome"] == "not_configured"
    await superuser.execute("UPDATE tenant_integrations SET sealed_credentials = 'sealed'")
    await superuser.execute("UPDATE tenants SET status = 'suspended'")
    [line] = await ask(client)
    assert (line["outcome"], line["note"]) == ("paused", "the tenant is suspended")
    assert read(await client.get(RUNS))["data"] == []


async def test_no_more_runs_wait_than_may(shop: Cast) -> None:
    body = {"sync_type": "repair", "integration_types": ["vtex"], "since": "2026-11-01T00:00:00Z"}
    async with shop.under(sync_waiting_max=2).client(ACME, "operator") as client:
        for _ in range(3):
            read(await client.post(SYNC, json=body), 202)
        assert read(await client.post(SYNC, json=body), 409)["code"] == "conflict"
        assert len(read(await client.get(RUNS))["data"]) == 3


async def test_the_same_call_under_one_key_is_one_run(client: httpx.AsyncClient) -> None:
    body = {"sync_type": "repair", "integration_types": ["vtex"], "since": "2026-11-01T00:00:00Z"}
    answers = [await client.post(SYNC, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert read(answers[0], 202) == read(answers[1], 202)
    assert len(read(await client.get(RUNS))["data"]) == 1

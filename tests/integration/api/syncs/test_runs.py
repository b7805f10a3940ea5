"""Sync runs over the API: listed, shown with rate and ETA, paused, cancelled; what repairs found; the sync status."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from db.completeness import DayFound, Finding, VerifiedStream, add_findings, set_days, settle_findings
from db.sync_claims import renew_lease
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read
from tests.integration.api.stock import walk
from tests.integration.api.syncs.conftest import RUNS, ask
from tests.integration.syncs.driving import LEASE_MS, HandSyncer

STATUS = f"/tenant-integrations/{ACME}/sync-status"


async def get_run(client: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    run: dict[str, Any] = read(await client.get(f"{RUNS}/{run_id}"))["data"]
    return run


async def get_status(client: httpx.AsyncClient) -> dict[str, Any]:
    status: dict[str, Any] = read(await client.get(STATUS))["integrations"][0]
    return status


async def test_rate_and_eta_are_what_was_measured_and_unknown_until_then(
    client: httpx.AsyncClient, syncer: HandSyncer, superuser: Any
) -> None:
    [line] = await ask(client, streams=["orders"], sync_type="full")
    run_id = line["run_id"]
    run = await get_run(client, run_id)
    assert (run["status"], run["eta_s"], run["streams"][0]["eta_s"]) == ("queued", None, None)
    claim = await syncer.claim()
    await syncer.save(claim, None, listed=100)
    assert (await get_run(client, run_id))["eta_s"] is None, "how much there is was not told yet"
    await syncer.save(
        claim, 1_000, listed=100, fetched=150, created=120, updated=30, unchanged=50, read_bytes=4_096,
        provider_calls=7, errors=1, error_code="throttled", error_example="orders: answered 429",
    )  # fmt: skip
    await syncer.release(claim, worked_ms=4_000)
    run = await get_run(client, run_id)
    [stream] = run["streams"]
    assert (stream["expected"], stream["listed"], stream["worked_s"]) == (1_000, 200, 4.0)
    assert (stream["rate_per_s"], stream["eta_s"], run["eta_s"]) == (50.0, 16.0, 16.0)
    assert (stream["created"], stream["updated"], stream["unchanged"], stream["fetched"]) == (120, 30, 50, 150)
    assert (stream["read_bytes"], stream["provider_calls"], stream["steps"]) == (4_096, 7, 1)
    assert (stream["errors"], stream["error_code"], stream["error_example"]) == (
        1, "throttled", "orders: answered 429",
    )  # fmt: skip
    # The step that goes on is counted as far as it has come.
    claim = await syncer.claim()
    await syncer.save(claim, 1_000, listed=200)
    await superuser.execute("UPDATE sync_run_streams SET stepped_at = now() - interval '4 seconds'")
    [stream] = (await get_run(client, run_id))["streams"]
    assert stream["worked_s"] == pytest.approx(8.0, abs=1.5)
    assert stream["eta_s"] == pytest.approx(600 / 400 * 8, rel=0.2)
    await syncer.end(claim)
    run = await get_run(client, run_id)
    assert (run["status"], run["eta_s"], run["streams"][0]["eta_s"]) == ("succeeded", None, None)


async def test_the_run_takes_as_long_as_its_longest_stream_and_nobody_knows_until_each_is_known(
    client: httpx.AsyncClient, syncer: HandSyncer
) -> None:
    [line] = await ask(client)
    for expected, eta in ((1_000, None), (5_000, 49.0)):
        claim = await syncer.claim()
        await syncer.save(claim, expected, listed=100)
        await syncer.release(claim, worked_ms=1_000)
        assert (await get_run(client, line["run_id"]))["eta_s"] == eta


async def test_a_run_is_paused_resumed_and_cancelled_and_each_is_audited(
    client: httpx.AsyncClient, syncer: HandSyncer, shop: Cast
) -> None:
    [line] = await ask(client, streams=["orders"])
    one = f"{RUNS}/{line['run_id']}"
    claim = await syncer.claim()
    await syncer.save(claim, 100, listed=10)
    paused = read(await client.post(f"{one}/pause"))["data"]
    assert (paused["is_paused"], paused["eta_s"]) == (True, None)
    renewal = await renew_lease(syncer.database, claim, LEASE_MS)
    assert renewal is not None
    assert renewal.is_paused
    assert not read(await client.post(f"{one}/resume"))["data"]["is_paused"]
    ending = read(await client.post(f"{one}/cancel"))["data"]
    assert (ending["status"], ending["is_ending"]) == ("running", True), "it ends within its step"
    await syncer.end(claim, "cancelled")
    assert (await get_run(client, line["run_id"]))["status"] == "cancelled"
    for verb in ("cancel", "pause", "resume"):
        assert read(await client.post(f"{one}/{verb}"), 409)["code"] == "conflict"
    async with shop.client(ACME, "owner") as owner:
        entries = read(await owner.get(f"/tenants/{ACME}/audit"))["data"]
    told = [entry["action"] for entry in entries if entry["object_id"] == line["run_id"]]
    assert told == ["sync.cancelled", "sync.resumed", "sync.paused", "sync.queued"]


async def test_a_stream_that_is_worked_on_says_no_longer_why_it_waited(
    client: httpx.AsyncClient, syncer: HandSyncer, superuser: Any
) -> None:
    [line] = await ask(client, streams=["orders"])
    await syncer.release(await syncer.claim(), worked_ms=1)
    await superuser.execute("UPDATE sync_run_streams SET reason = 'paused'")
    assert (await get_run(client, line["run_id"]))["streams"][0]["reason"] == "paused"
    await syncer.claim()
    assert (await get_run(client, line["run_id"]))["streams"][0]["reason"] is None


async def test_a_run_that_nobody_works_on_is_cancelled_at_once(client: httpx.AsyncClient) -> None:
    [line] = await ask(client)
    cancelled = read(await client.post(f"{RUNS}/{line['run_id']}/cancel"))["data"]
    assert (cancelled["status"], cancelled["is_ending"]) == ("cancelled", False)
    assert {stream["status"] for stream in cancelled["streams"]} == {"cancelled"}


async def test_runs_are_paged_and_found_by_status_and_integration(client: httpx.AsyncClient, shop: Cast) -> None:
    made = []
    for _ in range(5):
        [line] = await ask(client)
        made.append(line["run_id"])
        read(await client.post(f"{RUNS}/{line['run_id']}/cancel"))
    [line] = await ask(client)
    found = [run["run_id"] for page in await walk(client, RUNS, limit=2) for run in page["data"]]
    assert found == [line["run_id"], *reversed(made)]
    queued = read(await client.get(RUNS, params={"status": "queued", "integration_id": f"int_{ACME}_1"}))["data"]
    assert [run["run_id"] for run in queued] == [line["run_id"]]
    assert read(await client.get(RUNS, params={"integration_id": f"int_{ACME}_2"}))["data"] == []
    read(await client.get(RUNS, params={"integration_id": f"int_{GLOBEX}_1"}), 404)
    read(await client.get(RUNS, params={"cursor": "nonsense"}), 422)
    async with shop.client(GLOBEX, "owner") as stranger:
        assert read(await stranger.get(f"/tenants/{GLOBEX}/sync-runs"))["data"] == []
        read(await stranger.get(f"/tenants/{GLOBEX}/sync-runs/{line['run_id']}"), 404)


async def test_the_status_is_true_before_while_and_after_a_run(
    client: httpx.AsyncClient, syncer: HandSyncer, superuser: Any
) -> None:
    before = await get_status(client)
    assert (before["status"], before["records_synced"], before["sync_duration_minutes"]) == ("active", 0, None)
    following = datetime.fromisoformat(before["next_sync"])
    assert timedelta(0) < following - datetime.now(UTC) < timedelta(hours=1, minutes=30)
    [line] = await ask(client, streams=["orders"])
    assert (await get_status(client))["status"] == "active", "it waits for its turn"
    claim = await syncer.claim()
    assert (await get_status(client))["status"] == "syncing"
    await syncer.save(claim, 100, created=1_000, updated=200, deleted=50, unchanged=70, errors=2)
    await syncer.end(claim, "partial")
    await superuser.execute("UPDATE sync_runs SET started_at = ended_at - interval '918 seconds'")
    after = await get_status(client)
    assert (after["status"], after["records_synced"], after["errors"], after["sync_duration_minutes"]) == (
        "active", 1_250, 2, 15.3,
    )  # fmt: skip
    [other] = await ask(client)
    read(await client.post(f"{RUNS}/{other['run_id']}/cancel"))
    assert (await get_status(client))["sync_duration_minutes"] == 15.3, "a cancelled run says nothing"
    for change in ("status = 'paused'", "status = 'active', auto_sync = false"):
        await superuser.execute(f"UPDATE tenant_integrations SET {change}")
        assert (await get_status(client))["next_sync"] is None
    assert (await get_run(client, line["run_id"]))["status"] == "partial"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ("tenant_integrations SET status = 'credentials_refused'", "credentials_refused"),
        ("tenant_integrations SET status = 'paused'", "paused"),
        ("tenants SET status = 'suspended'", "active"),
    ],
)
async def test_a_run_that_waits_is_not_said_to_sync(
    client: httpx.AsyncClient, syncer: HandSyncer, superuser: Any, change: str, status: str
) -> None:
    await ask(client, streams=["orders"])
    await syncer.release(await syncer.claim(), worked_ms=1)
    assert (await get_status(client))["status"] == "syncing"
    await superuser.execute(f"UPDATE {change}")
    assert (await get_status(client))["status"] == status


async def test_the_next_sync_is_the_syncers_own(client: httpx.AsyncClient, superuser: Any) -> None:
    at = datetime(2026, 11, 24, 12, 34, 56, tzinfo=UTC)
    zone = "America/Argentina/Buenos_Aires"
    await superuser.execute("INSERT INTO sync_schedules VALUES ($1, 1, $2, 'hourly', $3)", ACME, at, zone)
    assert datetime.fromisoformat((await get_status(client))["next_sync"]) == at, "overdue, and told as it is"
    await superuser.execute("UPDATE tenant_integrations SET sync_frequency = 'weekly'")
    assert datetime.fromisoformat((await get_status(client))["next_sync"]) > datetime.now(UTC), "reckoned anew"


async def test_days_and_findings_of_a_repair_are_paged(
    client: httpx.AsyncClient, syncer: HandSyncer, shop: Cast
) -> None:
    [line] = await ask(client, sync_type="repair")
    run = VerifiedStream(ACME, line["run_id"], "orders")
    days = [date(2026, 11, 1) + timedelta(days=number) for number in range(5)]
    async with syncer.database.tenant_tx(ACME, "test") as connection:
        await set_days(connection, run, 1, [DayFound(day, 100, 1, 0, 0) for day in days])
        await add_findings(connection, run, [Finding(f"o-{number}", "missing", days[0]) for number in range(5)])
        await settle_findings(connection, run, [("o-1", "repaired")])
    path = f"/tenants/{ACME}/completeness"
    asked = {"integration_id": f"int_{ACME}_1", "from": "2026-11-02", "to": "2026-11-04"}
    found = read(await client.get(path, params=asked))["data"]
    assert [day["day"] for day in found] == ["2026-11-02", "2026-11-03", "2026-11-04"]
    assert (found[0]["listed"], found[0]["missing"], found[0]["run_id"]) == (100, 1, line["run_id"])
    pages = await walk(client, path, limit=2, **{"from": "2026-01-01"})
    assert [day["day"] for page in pages for day in page["data"]] == [day.isoformat() for day in days]
    read(await client.get(path, params={"integration_id": f"int_{GLOBEX}_1"}), 404)
    read(await client.get(path, params={"from": "yesterday"}), 422)
    turned = read(await client.get(path, params={"from": "2026-11-04", "to": "2026-11-02"}), 422)
    assert turned["errors"][0]["pointer"] == "/to"
    pages = await walk(client, f"{RUNS}/{line['run_id']}/findings", limit=2)
    findings = [one for page in pages for one in page["data"]]
    assert [one["external_id"] for one in findings] == [f"o-{number}" for number in range(5)]
    assert [one["outcome"] for one in findings] == [None, "repaired", None, None, None]
    async with shop.client(GLOBEX, "owner") as stranger:
        read(await stranger.get(f"/tenants/{GLOBEX}/sync-runs/{line['run_id']}/findings"), 404)
        assert read(await stranger.get(f"/tenants/{GLOBEX}/completeness"))["data"] == []

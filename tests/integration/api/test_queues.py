"""Processes, groups and queues over the API: what waits, who nobody drains, and a pause that loses nothing."""

from typing import Any

from app.core.processes import Heartbeat, WorkLog
from app.core.queue import AppendBatch, NewEntry
from app.services.office import Office
from schemas.ids import make_uuid7
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read


async def append(office: Office, tenant_id: int, count: int = 1) -> None:
    entries = tuple(NewEntry(make_uuid7(), b"{}") for _ in range(count))
    await office.queue.append([AppendBatch(tenant_id, "normal", entries)], confirm=None)


async def start_worker(office: Office, group: str = "shared", work: WorkLog | None = None) -> Heartbeat:
    """As a worker process of that group would say that it is there."""
    settings = office.settings.model_copy(update={"worker_group": group})
    heartbeat = Heartbeat(office.cache, settings, "worker", work=work)
    await heartbeat.beat()
    return heartbeat


async def test_a_paused_queue_takes_events_gives_no_turn_and_goes_on_with_all_of_them(cast: Cast) -> None:
    office = cast.office
    await append(office, ACME, 3)
    await append(office, GLOBEX)
    async with cast.client(0, "platform_admin") as platform, cast.client(ACME, "owner") as owner:
        paused = read(await platform.post(f"/tenants/{ACME}/queue/pause"))["data"]
        assert (paused["is_paused"], paused["place"], paused["waiting"]) == (True, "paused", 3)
        await append(office, ACME, 2)
        claim = await office.queue.claim()
        assert claim is not None
        assert claim.tenant_id == GLOBEX, "the neighbour's turns go on"
        assert await office.queue.claim() is None
        own = read(await owner.get(f"/tenants/{ACME}/queue"))["data"]
        assert (own["is_paused"], own["waiting"]) == (True, 5)
        resumed = read(await platform.post(f"/tenants/{ACME}/queue/resume"))["data"]
        assert (resumed["is_paused"], resumed["place"], resumed["waiting"]) == (False, "ready", 5)
        claim = await office.queue.claim()
        assert claim is not None
        assert (claim.tenant_id, len((await office.queue.read(claim, 10)).entries)) == (ACME, 5)


async def test_each_pause_and_resume_is_audited_once_with_what_waited(cast: Cast) -> None:
    await append(cast.office, ACME, 2)
    async with cast.client(0, "platform_admin") as platform:
        for verb in ("pause", "pause", "resume", "resume"):
            read(await platform.post(f"/tenants/{ACME}/queue/{verb}"))
        entries = read(await platform.get(f"/tenants/{ACME}/audit"))["data"]
        told = [(one["action"], one["details"]) for one in entries if one["object_kind"] == "queue"]
        assert told == [("queue.resumed", {"waiting": 2}), ("queue.paused", {"waiting": 2})]
        assert read(await platform.post("/tenants/999/queue/pause"), 404)["code"] == "not_found"


async def test_a_group_with_work_and_no_process_is_named(cast: Cast) -> None:
    office = cast.office
    await start_worker(office)
    await append(office, ACME)
    async with cast.client(0, "platform_admin") as platform:
        served = read(await platform.get("/platform/queues"))
        assert (served["warnings"], served["waiting"], served["quiet"]) == ([], 1, 1)
        read(await platform.put(f"/tenants/{ACME}/settings", json={"worker_group": "vip"}))
        found = read(await platform.get("/platform/queues"))
        assert [(one["name"], one["is_unserved"], one["tenants"]) for one in found["groups"]] == [
            ("shared", False, 1), ("vip", True, 1),
        ]  # fmt: skip
        [warning] = found["warnings"]
        assert "worker group vip" in warning
        assert "WORKER_GROUP=vip" in warning
        assert [(one["tenant_id"], one["is_served"]) for one in found["data"]] == [(ACME, False)]
        # What is paused on purpose is no alarm; and a worker of that group ends it.
        read(await platform.post(f"/tenants/{ACME}/queue/pause"))
        assert read(await platform.get("/platform/queues"))["warnings"] == []
        read(await platform.post(f"/tenants/{ACME}/queue/resume"))
        await start_worker(office, "vip")
        assert read(await platform.get("/platform/queues"))["warnings"] == []


async def test_those_come_first_whose_oldest_event_waits_longest(cast: Cast) -> None:
    await append(cast.office, GLOBEX)
    await append(cast.office, ACME, 5)
    async with cast.client(0, "platform_admin") as platform:
        found = read(await platform.get("/platform/queues", params={"limit": 1}))
    assert ([one["tenant_id"] for one in found["data"]], found["more"]) == ([GLOBEX], 1)
    assert found["oldest_s"] >= 0


async def test_who_drains_a_tenant_since_when_is_shown_to_it_and_not_to_its_neighbour(cast: Cast) -> None:
    work = WorkLog()
    with work.track(ACME):
        worker = await start_worker(cast.office, work=work)
    async with cast.client(ACME, "analyst") as acme, cast.client(GLOBEX, "analyst") as globex:
        own = read(await acme.get(f"/tenants/{ACME}/queue"))["data"]["drained_by"]
        assert [(one["process_id"], one["kind"], one["is_now"]) for one in own] == [(worker.process_id, "worker", True)]
        assert read(await globex.get(f"/tenants/{GLOBEX}/queue"))["data"]["drained_by"] == []
        read(await globex.get(f"/tenants/{ACME}/queue"), 404)
        read(await acme.post(f"/tenants/{ACME}/queue/pause"), 403)
    async with cast.client(0, "platform_admin") as platform:
        listed = read(await platform.get("/platform/processes"))["data"]
        assert [(one["process_id"], one["group"], len(one["work"])) for one in listed] == [
            (worker.process_id, "shared", 1)
        ]
        await worker.leave()
        assert read(await platform.get("/platform/processes"))["data"] == []


async def test_a_tenant_created_into_a_group_is_drained_by_it(cast: Cast) -> None:
    wanted: dict[str, Any] = {"name": "n", "slug": "brand-n", "type": "business", "settings": {"worker_group": "vip"}}
    async with cast.client(0, "platform_admin") as platform:
        tenant_id = read(await platform.post("/tenants", json=wanted), 201)["data"]["id"]
        assert read(await platform.get(f"/tenants/{tenant_id}/queue"))["data"]["group"] == "vip"

"""Workers and queues in the browser: who drains whom, what nobody drains, and a pause with its confirmation."""

import pytest

from app.core.processes import Heartbeat, WorkLog
from app.core.queue import AppendBatch, NewEntry
from app.services.office import Office
from schemas.ids import make_uuid7
from tests.integration.api.conftest import Cast
from tests.integration.dashboard.conftest import ACME, GLOBEX, Browse

ADMIN = "platform_admin"


async def append(office: Office, tenant_id: int, count: int = 1) -> None:
    entries = tuple(NewEntry(make_uuid7(), b"{}") for _ in range(count))
    await office.queue.append([AppendBatch(tenant_id, "normal", entries)], confirm=None)


async def start_worker(office: Office, group: str = "shared", work: WorkLog | None = None) -> Heartbeat:
    """As a worker process of that group would say that it is there."""
    settings = office.settings.model_copy(update={"worker_group": group})
    heartbeat = Heartbeat(office.cache, settings, "worker", work=work)
    await heartbeat.beat()
    return heartbeat


async def test_without_a_worker_the_page_says_how_to_start_one(browse: Browse) -> None:
    page = (await (await browse(role=ADMIN)).get("/workers")).text
    assert "No worker is alive" in page
    assert "python -m workers.main" in page
    assert "Nothing waits" in page


async def test_processes_and_whom_they_work_for_are_shown(browse: Browse, cast: Cast) -> None:
    work = WorkLog()
    await append(cast.office, ACME, 3)
    with work.track(ACME):
        worker = await start_worker(cast.office, work=work)
    page = (await (await browse(role=ADMIN)).get("/workers")).text
    assert worker.process_id in page
    assert f'href="/dashboard/tenants/{ACME}">acme</a>' in page
    assert "Its turn comes" in page
    assert 'data-live="3"' in page


async def test_a_group_that_nobody_drains_is_a_warning_with_the_command(browse: Browse, cast: Cast) -> None:
    await start_worker(cast.office)
    await append(cast.office, ACME, 2)
    browser = await browse(role=ADMIN)
    assert "Nobody drains" not in (await browser.get("/workers")).text
    await cast.office.queue.move(ACME, "vip")
    page = (await browser.get("/workers")).text
    assert "Nobody drains worker group vip." in page
    assert "2 events wait there." in page
    assert "WORKER_GROUP=vip python -m workers.main" in page


async def test_a_pause_says_how_many_wait_and_that_nothing_is_lost_and_is_done_by_the_post_alone(
    browse: Browse, cast: Cast
) -> None:
    await append(cast.office, ACME, 3)
    browser = await browse(role=ADMIN)
    question = (await browser.get(f"/workers/queues/{ACME}/pause")).text
    assert "3 events wait in it now." in question
    assert "Nothing is lost" in question
    assert "This can be undone." in question
    assert not await cast.office.queue.list_paused()
    done = await browser.post(f"/workers/queues/{ACME}/pause")
    assert (done.status_code, done.headers["location"]) == (303, "/dashboard/workers")
    assert await cast.office.queue.list_paused() == {ACME}
    page = (await browser.get("/workers")).text
    assert "The queue of acme is paused." in page
    assert f'href="/dashboard/workers/queues/{ACME}/resume"' in page
    again = await browser.get(f"/workers/queues/{ACME}/pause")
    assert again.status_code == 303
    await browser.post(f"/workers/queues/{ACME}/resume")
    assert not await cast.office.queue.list_paused()
    assert (await cast.office.queue.depth(ACME)).waiting == 3


@pytest.mark.parametrize("role", ["owner", "analyst"])
async def test_a_tenants_people_reach_none_of_it(browse: Browse, cast: Cast, role: str) -> None:
    browser = await browse(ACME, role)
    for path in ("/workers", f"/workers/queues/{ACME}/pause", f"/workers/queues/{GLOBEX}/pause"):
        assert (await browser.get(path)).status_code == 404
    assert (await browser.post(f"/workers/queues/{ACME}/pause")).status_code == 404
    assert not await cast.office.queue.list_paused()


@pytest.mark.parametrize(("language", "title"), [("es", "Procesos y colas"), ("pt", "Processos e filas")])
async def test_it_speaks_the_viewers_language(browse: Browse, cast: Cast, language: str, title: str) -> None:
    await append(cast.office, ACME)
    browser = await browse(role=ADMIN, language=language)
    assert f"<h1>{title}</h1>" in (await browser.get("/workers")).text
    assert (await browser.get(f"/workers/queues/{ACME}/pause")).status_code == 200

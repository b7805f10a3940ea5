"""A run followed as server-sent events, over a real server: what is sent when, and what ends it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from uvicorn import Server

from app.api import streams
from app.api.app import build_api
from app.core.serving import make_server
from app.main import end_streams
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read
from tests.integration.api.syncs.conftest import RUNS, SYNC, ask
from tests.integration.syncs.driving import HandSyncer

STOP_TIMEOUT_S = 6
Event = tuple[str, dict[str, Any]]


@asynccontextmanager
async def serve(app: Starlette) -> AsyncIterator[tuple[Server, str]]:
    """The app behind uvicorn on a free port, and its base URL."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = make_server(app, "127.0.0.1", 0, stop_timeout_s=STOP_TIMEOUT_S, handles_signals=False)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield server, f"http://127.0.0.1:{listening.getsockname()[1]}/api/v2"
        finally:
            server.should_exit = True
            await serving


class Web:
    def __init__(self, app: Starlette, server: Server, url: str, cast: Cast) -> None:
        self.app, self.server, self.url, self.cast = app, server, url, cast
        self.streams = app.state.streams

    def client(self, tenant_id: int = ACME, role: Any = "analyst") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.cast.keys[tenant_id, role]}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=10)

    async def wait_until_open(self, count: int) -> None:
        async with asyncio.timeout(5):
            while self.streams.open_count != count:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)


@asynccontextmanager
async def open_web(cast: Cast, **settings: object) -> AsyncIterator[Web]:
    changed = cast.under(**{"sync_progress_interval_s": 0.05, **settings})
    app = build_api(changed.office, changed.usage)
    async with serve(app) as (server, url):
        yield Web(app, server, url, changed)


async def read_events(answer: httpx.Response) -> AsyncIterator[Event]:
    name = ""
    async for line in answer.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, orjson.loads(value)


async def test_each_change_is_one_event_and_the_end_of_the_run_ends_the_stream(
    shop: Cast, client: httpx.AsyncClient, syncer: HandSyncer
) -> None:
    [line] = await ask(client, streams=["orders"])
    async with (
        open_web(shop) as web,
        web.client() as caller,
        caller.stream("GET", f"{RUNS}/{line['run_id']}/progress") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        events = read_events(answer)
        name, run = await anext(events)
        assert (name, run["status"], run["streams"][0]["listed"]) == ("progress", "queued", 0)
        claim = await syncer.claim()
        assert (await anext(events))[1]["status"] == "running"
        await syncer.save(claim, 100, listed=40)
        name, run = await anext(events)
        assert (name, run["streams"][0]["listed"], run["streams"][0]["expected"]) == ("progress", 40, 100)
        assert run["streams"][0]["eta_s"] is not None
        await asyncio.sleep(0.2)  # some looks, at which nothing has changed
        await syncer.end(claim)
        rest = [(name, run["status"]) async for name, run in events]
        assert rest == [("progress", "succeeded"), ("end", "succeeded")]
        await web.wait_until_open(0)


async def test_as_many_are_open_as_may_be_and_a_place_comes_back_when_somebody_leaves(
    shop: Cast, client: httpx.AsyncClient
) -> None:
    [line] = await ask(client)
    path = f"{RUNS}/{line['run_id']}/progress"
    async with open_web(shop, sync_progress_streams_max=1) as web, web.client() as caller:
        async with caller.stream("GET", path) as answer:
            events = read_events(answer)
            assert (await anext(events))[0] == "progress"
            refused = await caller.get(path)
            assert read(refused, 429)["code"] == "rate_limited"
            assert refused.headers["retry-after"]
        await web.wait_until_open(0)
        async with caller.stream("GET", path) as answer:
            assert (await anext(read_events(answer)))[0] == "progress"


async def test_one_tenants_streams_leave_room_for_the_others(shop: Cast, client: httpx.AsyncClient) -> None:
    [line] = await ask(client)
    async with shop.client(GLOBEX, "operator") as stranger:
        [other] = read(
            await stranger.post(SYNC.replace(str(ACME), str(GLOBEX)), json={"integration_types": ["vtex"]}), 202
        )["data"]
    path = f"{RUNS}/{line['run_id']}/progress"
    async with open_web(shop, sync_progress_streams_per_tenant_max=1) as web, web.client() as caller:
        async with caller.stream("GET", path) as answer:
            events = read_events(answer)
            assert (await anext(events))[0] == "progress"
            assert read(await caller.get(path), 429)["code"] == "rate_limited"
            theirs = path.replace(str(ACME), str(GLOBEX)).replace(line["run_id"], other["run_id"])
            async with web.client(GLOBEX) as watcher, watcher.stream("GET", theirs) as following:
                assert (await anext(read_events(following)))[0] == "progress"
        await web.wait_until_open(0)


async def test_a_stream_lives_as_long_as_it_may_and_then_another_is_opened(
    shop: Cast, client: httpx.AsyncClient
) -> None:
    [line] = await ask(client)
    async with open_web(shop, sync_progress_stream_s=0.2) as web, web.client() as caller:
        for _ in range(2):
            answer = await caller.get(f"{RUNS}/{line['run_id']}/progress")
            assert answer.status_code == 200
            assert [name async for name, _ in read_events(answer)] == ["progress"]


async def test_a_revoked_key_ends_what_it_opened(shop: Cast, client: httpx.AsyncClient, superuser: Any) -> None:
    [line] = await ask(client)
    async with (
        open_web(shop) as web,
        web.client() as caller,
        caller.stream("GET", f"{RUNS}/{line['run_id']}/progress") as answer,
    ):
        events = read_events(answer)
        await anext(events)
        await superuser.execute("UPDATE api_keys SET revoked_at = now() WHERE role = 'analyst'")
        async with asyncio.timeout(3):
            assert [event async for event in events] == []


async def test_a_process_that_stops_is_not_kept_by_those_who_watch(shop: Cast, client: httpx.AsyncClient) -> None:
    [line] = await ask(client)
    async with (
        open_web(shop) as web,
        web.client() as caller,
        caller.stream("GET", f"{RUNS}/{line['run_id']}/progress") as answer,
    ):
        events = read_events(answer)
        await anext(events)
        ending = asyncio.create_task(end_streams(web.app, web.server))
        web.server.should_exit = True
        async with asyncio.timeout(STOP_TIMEOUT_S / 2):
            await ending
            assert [event async for event in events] == []


async def test_while_nothing_changes_a_comment_keeps_the_connection(
    shop: Cast, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_S", 0.1)
    [line] = await ask(client)
    async with open_web(shop, sync_progress_stream_s=0.5) as web, web.client() as caller:
        answer = await caller.get(f"{RUNS}/{line['run_id']}/progress")
    said = [line for line in answer.text.splitlines() if line and not line.startswith("data: ")]
    assert said[0] == "event: progress"
    assert len(said) > 2
    assert set(said[1:]) == {": so far nothing new"}


async def test_who_may_not_read_it_opens_nothing(shop: Cast, client: httpx.AsyncClient) -> None:
    [line] = await ask(client)
    path = f"{RUNS}/{line['run_id']}/progress"
    async with open_web(shop) as web:
        async with web.client(ACME, "auditor") as auditor:
            read(await auditor.get(path), 403)
        async with web.client(GLOBEX, "owner") as stranger:
            read(await stranger.get(path), 404)
            read(await stranger.get(path.replace(str(ACME), str(GLOBEX))), 404)
        async with web.client() as caller:
            read(await caller.get(f"{RUNS}/{line['run_id'][:-1]}x/progress"), 404)
            assert (await caller.head(path)).status_code == 200, "and sends nothing"
        assert web.streams.open_count == 0

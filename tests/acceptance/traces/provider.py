"""A store that stands before the sandbox and, for chosen objects, gives an answer of the test's own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import orjson
from aiohttp import web

# What lists say beside their rows.
KEPT_HEADERS = frozenset({"rest-content-range", "rest-content-total", "x-vtex-md-token"})


class Answer(NamedTuple):
    """`is_once`: only to the first call. `is_cut`: the connection ends before the whole of it was sent."""

    status: int
    body: bytes
    headers: dict[str, str]
    is_once: bool = False
    is_cut: bool = False


class Provider:
    """`url_template`: for VTEX_URL_TEMPLATE. `find_sandbox_url`: where everything else is passed on to. It is asked at
    each call, because the sandbox gets its address after this has its own.

    `answers`: of objects by their id. `spoilt`: a part of a call's path and query → what its next calls get, each once.
    `amends`: a part of a path → what is done to the rows of the sandbox's answer; it gets the call's query too."""

    def __init__(self) -> None:
        self.url_template = ""
        self.find_sandbox_url: Callable[[], str] = lambda: ""
        self.answers: dict[str, Answer] = {}
        self.spoilt: dict[str, list[Answer]] = {}
        self.amends: dict[str, Callable[[list[Any], str], None]] = {}
        self.asked: set[str] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        for part, waiting in self.spoilt.items():
            if part in request.path_qs and waiting:
                return await _give(request, waiting.pop(0))
        for object_id, own in self.answers.items():
            if object_id in request.path and not (own.is_once and object_id in self.asked):
                self.asked.add(object_id)
                return await _give(request, own)
        dropped = {"host", "content-length", "transfer-encoding"}
        headers = {name: text for name, text in request.headers.items() if name.lower() not in dropped}
        url, body = self.find_sandbox_url() + request.path_qs, await request.read()
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, headers=headers, data=body or None) as reply,
        ):
            kept = {name: text for name, text in reply.headers.items() if name.lower() in KEPT_HEADERS}
            found = await reply.read()
            return web.Response(status=reply.status, body=self._amend(request, found), headers=kept)

    def _amend(self, request: web.Request, body: bytes) -> bytes:
        for part, amend in self.amends.items():
            if part in request.path:
                rows = orjson.loads(body)
                if isinstance(rows, list):
                    amend(rows, request.query_string)
                    body = orjson.dumps(rows)
        return body


async def _give(request: web.Request, own: Answer) -> web.StreamResponse:
    if not own.is_cut:
        return web.Response(status=own.status, body=own.body, headers=own.headers)
    answer = web.StreamResponse(status=own.status, headers=own.headers)
    answer.content_length = 2 * len(own.body)
    await answer.prepare(request)
    await answer.write(own.body)
    assert request.transport is not None
    request.transport.close()
    return answer


@asynccontextmanager
async def open_provider() -> AsyncIterator[Provider]:
    provider = Provider()
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", provider.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url_template = f"http://127.0.0.1:{runner.addresses[0][1]}/{{account}}"
    try:
        yield provider
    finally:
        await runner.cleanup()

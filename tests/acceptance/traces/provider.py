"""A store that stands before the sandbox and, for chosen objects, gives an answer of the test's own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp
from aiohttp import web


class Answer(NamedTuple):
    """`is_once`: only to the first call."""

    status: int
    body: bytes
    headers: dict[str, str]
    is_once: bool = False


class Provider:
    """`url_template`: for VTEX_URL_TEMPLATE. `find_sandbox_url`: where everything else is passed on to. It is asked at
    each call, because the sandbox gets its address after this has its own."""

    def __init__(self) -> None:
        self.url_template = ""
        self.find_sandbox_url: Callable[[], str] = lambda: ""
        self.answers: dict[str, Answer] = {}
        self.asked: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        for object_id, own in self.answers.items():
            if object_id in request.path and not (own.is_once and object_id in self.asked):
                self.asked.add(object_id)
                return web.Response(status=own.status, body=own.body, headers=own.headers)
        dropped = {"host", "content-length", "transfer-encoding"}
        headers = {name: text for name, text in request.headers.items() if name.lower() not in dropped}
        url, body = self.find_sandbox_url() + request.path_qs, await request.read()
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, headers=headers, data=body or None) as reply,
        ):
            kept = {name: text for name, text in reply.headers.items() if name.lower() in ("rest-content-range",)}
            return web.Response(status=reply.status, body=await reply.read(), headers=kept)


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

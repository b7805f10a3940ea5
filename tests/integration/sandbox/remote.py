"""The sandbox's remote control, and a receiver that remembers what it was sent."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import aiohttp
import orjson
from aiohttp import web

from schemas.ids import make_uuid7

KEYS = {"app_key": "vtexappkey-test-ABCDEF", "app_token": "token"}
HEADERS = {"X-VTEX-API-AppKey": KEYS["app_key"], "X-VTEX-API-AppToken": KEYS["app_token"]}
SECRET_HEADER = {"X-Acequia-Secret": "s3cret"}


class Call(NamedTuple):
    headers: dict[str, str]
    path: str
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def is_ping(self) -> bool:
        return self.body == b'{"hookConfig":"ping"}'


async def accept(_: Call) -> web.Response:
    return web.json_response({"success": True, "event_id": make_uuid7()})


class Receiver:
    def __init__(self) -> None:
        self.url = ""
        self.calls: list[Call] = []
        self.arrived = asyncio.Event()
        self.answer: Callable[[Call], Awaitable[web.Response]] = accept

    def answer_in_turn(self, *statuses: int) -> None:
        """These statuses first, then 200."""
        left = list(statuses)

        async def answer(call: Call) -> web.Response:
            return web.Response(status=left.pop(0)) if left else await accept(call)

        self.answer = answer


class Sandbox:
    def __init__(self, url: str, session: aiohttp.ClientSession, acme: str, globex: str) -> None:
        self.url, self.session, self.acme, self.globex = url, session, acme, globex

    async def control(self, method: str, path: str, body: object = None) -> Any:
        async with self.session.request(method, f"{self.url}/_sandbox/{path}", json=body) as response:
            answer = await response.json()
            assert response.status < 300, answer
            return answer

    async def put_account(self, account: str, **fields: Any) -> None:
        await self.control("PUT", "accounts", {account: {**KEYS, **fields}})

    async def call(self, account: str, method: str, path: str, **options: Any) -> tuple[int, Any]:
        url = f"{self.url}/{account}{path}"
        async with self.session.request(method, url, **{"headers": HEADERS, **options}) as response:
            body = await response.read()
            return response.status, orjson.loads(body) if body else None

    async def set_hook(self, account: str, url: str, **filters: Any) -> tuple[int, Any]:
        configuration = (
            {"filter": filters, "hook": {"url": url, "headers": SECRET_HEADER}}
            if filters
            else {"hook": {"url": url, "headers": SECRET_HEADER}}
        )
        return await self.call(account, "POST", "/api/orders/hook/config", json=configuration)

    async def change(self, kind: str, **fields: Any) -> Any:
        return await self.control("POST", "changes", {"account": self.acme, "kind": kind, **fields})

    async def run(self, **body: Any) -> Any:
        """Starts a run over both accounts and waits for its end."""
        body = {"accounts": [self.acme, self.globex], "retries": {"base_s": 0.01}, **body}
        run = await self.control("POST", "traffic", body)
        return await self.control("GET", f"traffic/{run['id']}?wait_s=20")

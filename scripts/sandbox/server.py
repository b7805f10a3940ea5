"""The sandbox as one ASGI application: `/{account}/api/…` is VTEX, `/google/…` Google Ads, `/facebook/…` Meta,
`/mercadolibre/…` MercadoLibre, `/_sandbox/…` the remote control."""

from typing import Any

from scripts.sandbox.asgi import Receive, Reply, Request, Scope, Send, answer_json, send_reply
from scripts.sandbox.control_api import ControlApi
from scripts.sandbox.deliveries import Courier
from scripts.sandbox.facebook_ads import FacebookAds
from scripts.sandbox.google_ads import GoogleAds
from scripts.sandbox.mercadolibre import MercadoLibre
from scripts.sandbox.vtex_api import VtexApi
from scripts.sandbox.world import World


class Sandbox:
    """Its world is made at start-up, inside the event loop: the deliveries' HTTP client needs one."""

    def __init__(self, seed: int, median_ms: float, accounts: dict[str, Any] | None = None) -> None:
        self._seed = seed
        self._median_ms = median_ms
        self._accounts = accounts or {}
        self._world: World | None = None
        self._vtex: VtexApi | None = None
        self._control: ControlApi | None = None
        self._others: dict[str, GoogleAds | FacebookAds | MercadoLibre] = {
            "google": GoogleAds(),
            "facebook": FacebookAds(),
            "mercadolibre": MercadoLibre(),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            request = Request(scope, receive)
            reply = await self._answer(request)
            if reply is None:
                await request.wait_for_disconnect()
            else:
                await send_reply(send, reply)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with Courier() as courier:
            self._world = World(self._seed, self._median_ms, courier)
            for account, fields in self._accounts.items():
                self._world.put_account(account, fields)
            self._vtex = VtexApi(self._world.stores, self._world.weather, courier)
            self._control = ControlApi(self._world)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self._world.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, request: Request) -> Reply | None:
        first = request.parts[0]
        if first in self._others:
            return await self._others[first].answer(request)
        if first == "_sandbox" and request.parts[1:2] and request.parts[1] in self._others:
            return await self._others[request.parts[1]].control(request)
        if first == "_sandbox" and self._control is not None:
            return await self._control.answer(request)
        if first in ("healthz", "readyz"):
            return answer_json({"status": "ok"})
        if self._vtex is not None and request.parts[1:2] == ["api"]:
            return await self._vtex.answer(request)
        return answer_json({"error": "the sandbox answers /{account}/api/… and /_sandbox/…"}, 404)

"""The sandbox as one ASGI application: `/{account}/api/…` is VTEX, `/google/…` Google Ads, `/facebook/…` Meta,
`/mercadolibre/…` MercadoLibre, `/_sandbox/…` the remote control."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from scripts.sandbox.ad_days import FigureDemo, Growing
from scripts.sandbox.asgi import Receive, Reply, Request, Scope, Send, answer_json, send_reply
from scripts.sandbox.control_api import ControlApi
from scripts.sandbox.deliveries import Courier
from scripts.sandbox.facebook_ads import FacebookAds
from scripts.sandbox.faults import Weather
from scripts.sandbox.google_ads import GoogleAds
from scripts.sandbox.mercadolibre import MercadoLibre
from scripts.sandbox.mercadolibre_control import MercadoLibreControl
from scripts.sandbox.vtex_api import VtexApi
from scripts.sandbox.world import World

Handler = Callable[[Request], Awaitable[Reply | None]]


class Sandbox:
    """Its world is made at start-up, inside the event loop: the deliveries' HTTP client needs one."""

    def __init__(self, seed: int, median_ms: float, accounts: dict[str, Any] | None = None) -> None:
        self._seed = seed
        self._median_ms = median_ms
        self._accounts = accounts or {}
        self._google, self._facebook, self._mercadolibre = GoogleAds(), FacebookAds(), MercadoLibre()
        self._vtex: VtexApi | None = None
        self._weather: Weather | None = None
        self._providers: dict[str, Handler] = {
            "google": self._google.answer,
            "facebook": self._facebook.answer,
            "mercadolibre": self._mercadolibre.answer,
        }
        self._controls: dict[str, Handler] = {"google": self._google.control, "facebook": self._facebook.control}

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
            world = World(self._seed, self._median_ms, courier)
            sellers = MercadoLibreControl(self._mercadolibre, courier, world.clock, self._seed)
            world.neighbours += [sellers, FigureDemo(self._list_ad_accounts, self._seed)]
            for account, fields in self._accounts.items():
                world.put_account(account, fields)
            self._weather = world.weather
            self._vtex = VtexApi(world.stores, world.weather, courier)
            self._controls |= {"mercadolibre": sellers.answer, "": ControlApi(world).answer}
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await world.close()
            await sellers.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _list_ad_accounts(self) -> Iterator[Growing]:
        yield from self._google.accounts.values()
        yield from self._facebook.accounts.values()

    async def _answer(self, request: Request) -> Reply | None:
        first, second = request.parts[0], (*request.parts[1:2], "")[0]
        if first == "_sandbox":
            control = self._controls.get(second) or self._controls[""]
            return await control(request)
        if first in self._providers:
            await asyncio.sleep(self._weather.draw_delay_s() if self._weather is not None else 0)
            return await self._providers[first](request)
        if first in ("healthz", "readyz"):
            return answer_json({"status": "ok"})
        if self._vtex is not None and second == "api":
            return await self._vtex.answer(request)
        return answer_json({"error": "the sandbox answers /{account}/api/… and /_sandbox/…"}, 404)

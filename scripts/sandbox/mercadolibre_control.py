"""The remote control of MercadoLibre's sandbox, `/_sandbox/mercadolibre`: sellers, changes, notifications, truth."""

import asyncio
from collections.abc import Mapping
from itertools import islice
from typing import Any

from scripts.sandbox.asgi import Reply, Request, answer_json
from scripts.sandbox.deliveries import Courier
from scripts.sandbox.mercadolibre import MercadoLibre, Seller
from scripts.sandbox.sellers.fingerprints import list_fingerprints
from scripts.sandbox.sellers.living import LivingSeller
from scripts.sandbox.sellers.notifications import Callback, Mailbox, Messenger
from scripts.sandbox.sellers.search import SaleSearch
from scripts.sandbox.sellers.seller_traffic import SellerTraffic
from scripts.sandbox.times import WorldClock

DEMO_RATE_PER_S = 0.2
_IDS_PAGE_MAX = 100_000


class MercadoLibreControl:
    """Made inside the event loop, as its deliveries need one. `seed`: of what happens; `clock`: by which missed
    notifications are forgotten."""

    def __init__(self, provider: MercadoLibre, courier: Courier, clock: WorldClock, seed: int) -> None:
        self._provider = provider
        self._messenger = Messenger(courier)
        self._clock = clock
        self._seed = seed
        self._traffic: SellerTraffic | None = None

    async def answer(self, request: Request) -> Reply:
        try:
            return answer_json(await self._answer(request))
        except (ValueError, TypeError, KeyError, LookupError) as error:
            return answer_json({"error": f"{type(error).__name__}: {error}"}, 400)

    async def start_demo(self, body: Mapping[str, Any]) -> None:
        """`sellers_rate`: changes per second of all sellers who have a callback."""
        await self.stop_demo()
        rate = float(body.get("sellers_rate", DEMO_RATE_PER_S))
        sellers = [one.living for one in self._provider.sellers.values() if one.living and one.living.callback]
        if rate > 0 and sellers:
            self._traffic = SellerTraffic(sellers, self._messenger, rate, self._seed)

    async def stop_demo(self) -> None:
        if self._traffic is not None:
            await self._traffic.stop()
            self._traffic = None

    async def close(self) -> None:
        await self.stop_demo()
        await self._messenger.close()

    async def _answer(self, request: Request) -> Any:
        provider = self._provider
        body = await request.read_json()
        match request.method, request.parts[2:]:
            case "PUT", ["sellers"]:
                for user_id, fields in body.items():
                    self._put(user_id, fields)
            case "PATCH", ["sellers"]:
                for user_id, fields in body.items():
                    self._change_seller(provider.sellers[user_id], fields)
            case "DELETE", ["access_tokens", user_id]:
                provider.end_access_tokens(user_id)
            case "POST", ["answers"]:
                provider.told.setdefault(body["route"], []).extend(body["answers"])
            case "POST", ["changes"]:
                return await self._make_changes(self._living(body["user_id"]), body)
            case "GET", [name]:
                return self._show(name, request.query)
            case _:
                raise LookupError("see the sandbox's README.md")
        return {}

    def _show(self, name: str, query: Mapping[str, str]) -> Any:
        provider = self._provider
        if name == "sellers":
            return {user_id: one.living.show() for user_id, one in provider.sellers.items() if one.living}
        if name == "calls":
            return dict(provider.calls)
        if name == "issued":
            return list(provider.issued)
        living = self._living(query["user_id"])
        if name == "accepted":
            ids, offset = living.mailbox.accepted_ids, int(query.get("offset", "0"))
            limit = min(int(query.get("limit", "10000")), _IDS_PAGE_MAX)
            return {"total": len(ids), "ids": list(islice(ids, offset, offset + limit))}
        if name == "fingerprints":
            after, limit = int(query.get("after", "0")), int(query.get("limit", "10000"))
            site_id = provider.sellers[living.user_id].site_id
            return list_fingerprints(living.book, site_id, max(after, 0), max(limit, 1))
        raise LookupError("see the sandbox's README.md")

    def _living(self, user_id: str) -> LivingSeller:
        seller = self._provider.sellers[user_id]
        if seller.living is None:
            raise ValueError(f"seller {user_id} has no stock")
        return seller.living

    def _put(self, user_id: str, fields: dict[str, Any]) -> None:
        rest = dict(fields)
        stock, callback = rest.pop("stock", None), rest.pop("callback", None)
        seller = Seller(user_id, **rest)
        if stock is not None or callback is not None:
            mailbox = Mailbox(self._clock)
            seller.living = LivingSeller(user_id, {"orders": 0, **(stock or {})}, seed=self._seed, mailbox=mailbox)
            seller.living.callback = Callback.read(callback, seller.client_id) if callback else None
            seller.search = SaleSearch(seller.living.book)
        self._provider.sellers[user_id] = seller

    def _change_seller(self, seller: Seller, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            if name == "callback":
                self._living(seller.user_id).callback = Callback.read(value, seller.client_id) if value else None
            elif name in {"stock", "living", "search", "user_id"}:
                raise ValueError(f"{name} stays as it is")
            else:
                setattr(seller, name, value)

    async def _make_changes(self, living: LivingSeller, body: dict[str, Any]) -> dict[str, Any]:
        """Makes them and waits until each notification was taken or given up."""
        object_ids, told, tasks = [], [], []
        for _ in range(int(body.get("count", 1))):
            changed = living.change(body.get("action", "advance"), body.get("object_id"))
            object_ids += [living.write_order_id(ordinal) for ordinal in changed]
            pointers = living.list_pointers(changed) * int(body.get("times", 1))
            told += pointers
            tasks += living.tell(self._messenger, pointers, body.get("notices", "send"))
        statuses = await asyncio.gather(*tasks)
        return {"object_ids": object_ids, "notices": [one._asdict() for one in told], "statuses": statuses}

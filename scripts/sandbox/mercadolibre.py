"""MercadoLibre as far as Acequia calls it: tokens that are good once, the seller, orders, shipments, billing-info.

Under `/mercadolibre`. Remote control under `/_sandbox/mercadolibre`: see README.md. A refresh token that is used twice
has the authorisation revoked, as a locked-out seller sees it. A search leaves out cancelled orders unless they are
asked for, drops minutes and seconds of its dates, and holds no shipments.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from scripts.sandbox.asgi import Reply, Request, answer_json

LIMIT_MAX, OFFSET_MAX = 51, 10_000
_NEEDS_ONE_OF = ("order.status", "order.date_last_updated.from", "order.date_created.from", "q")


@dataclass
class Seller:
    """`orders`, `shipments`, `billing`: whole documents by id. `partial`: the ids of orders that answer 206, with the
    parts that are left out. `lost_answers`: refreshes that are carried out and answered with 503."""

    user_id: str
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str | None = None
    site_id: str = "MLA"
    expires_in: int = 10_800
    lost_answers: int = 0
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    shipments: dict[str, dict[str, Any]] = field(default_factory=dict)
    billing: dict[str, dict[str, Any]] = field(default_factory=dict)
    partial: dict[str, list[str]] = field(default_factory=dict)
    missed: list[dict[str, Any]] = field(default_factory=list)


class RefusedError(Exception):
    def __init__(self, status: int, error: str, message: str = "refused by the sandbox") -> None:
        super().__init__(error)
        self.reply = answer_json({"message": message, "error": error, "status": status, "cause": []}, status)


class MercadoLibre:
    def __init__(self) -> None:
        self.sellers: dict[str, Seller] = {}
        self.calls: Counter[str] = Counter()
        self.told: dict[str, list[dict[str, Any]]] = {}
        self._access: dict[str, str] = {}  # access token → seller
        self._used: dict[str, str] = {}  # refresh token that was used → seller
        self._ids = count(1)

    async def answer(self, request: Request) -> Reply:
        body, route = await request.read_body(), _name_route(request.parts[1:])
        self.calls[route] += 1
        if self.told.get(route):
            told = self.told[route].pop(0)
            headers = tuple((k.encode(), str(v).encode()) for k, v in told.get("headers", {}).items())
            return answer_json(told.get("body"), int(told.get("status", 200)), headers)
        try:
            if route == "token":
                return self._refresh(body)
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            seller = self.sellers.get(self._access.get(token, ""))
            if seller is None:
                raise RefusedError(401, "not_authorized", "invalid access token")
            return self._tell(route, seller, request)
        except RefusedError as refused:
            return refused.reply

    async def control(self, request: Request) -> Reply:
        body = await request.read_json()
        match request.method, request.parts[2:]:
            case "PUT", ["sellers"]:
                for user_id, fields in body.items():
                    self.sellers[user_id] = Seller(user_id, **fields)
            case "PATCH", ["sellers"]:
                for user_id, fields in body.items():
                    for name, value in fields.items():
                        setattr(self.sellers[user_id], name, value)
            case "DELETE", ["access_tokens", user_id]:
                self._access = {token: owner for token, owner in self._access.items() if owner != user_id}
            case "POST", ["answers"]:
                self.told.setdefault(body["route"], []).extend(body["answers"])
            case "GET", ["calls"]:
                return answer_json(dict(self.calls))
            case _:
                return answer_json({"error": "see the sandbox's README.md"}, 404)
        return answer_json({})

    def _refresh(self, body: bytes) -> Reply:
        form = {name: values[-1] for name, values in parse_qs(body.decode("latin-1")).items()}
        offered = form.get("refresh_token", "")
        if offered in self._used:
            # Used twice: nothing of this authorisation counts any more.
            owner = self._used[offered]
            self.sellers[owner].refresh_token = None
            self._access = {token: one for token, one in self._access.items() if one != owner}
            raise RefusedError(400, "invalid_grant", "Error validating grant")
        seller = next((one for one in self.sellers.values() if offered and one.refresh_token == offered), None)
        if seller is None:
            raise RefusedError(400, "invalid_grant", "Error validating grant")
        if (seller.client_id, seller.client_secret) != (form.get("client_id"), form.get("client_secret")):
            raise RefusedError(400, "invalid_client", "invalid client_id or client_secret.")
        self._used[offered] = seller.user_id
        number = next(self._ids)
        seller.refresh_token = f"TG-sandbox-{number}"
        self._access[f"APP_USR-sandbox-{number}"] = seller.user_id
        if seller.lost_answers:
            seller.lost_answers -= 1
            raise RefusedError(503, "internal_error")
        return answer_json(
            {
                "access_token": f"APP_USR-sandbox-{number}",
                "token_type": "bearer",
                "expires_in": seller.expires_in,
                "scope": "offline_access read write",
                "user_id": int(seller.user_id),
                "refresh_token": seller.refresh_token,
            }
        )

    def _tell(self, route: str, seller: Seller, request: Request) -> Reply:
        parts = request.parts[1:]
        if route == "me":
            status = {"site_status": "active"}
            return answer_json(
                {"id": int(seller.user_id), "site_id": seller.site_id, "nickname": "X", "status": status}
            )
        if route == "search":
            return answer_json(self._search(seller, request.query))
        if route == "missed":
            return answer_json({"messages": seller.missed})
        found = {"order": seller.orders, "shipment": seller.shipments, "billing": seller.billing}.get(route, {})
        document = found.get(parts[-1])
        if document is None:
            raise RefusedError(404, f"{route}_not_found")
        left_out = seller.partial.get(parts[-1]) if route == "order" else None
        if left_out:
            holes = document | {part: {} for part in left_out}
            return answer_json(holes, 206, ((b"x-content-missing", ", ".join(left_out).encode()),))
        return answer_json(document)

    def _search(self, seller: Seller, query: dict[str, str]) -> dict[str, Any]:
        if query.get("seller") != seller.user_id:
            raise RefusedError(403, "not_owned_order")
        offset, limit = int(query.get("offset", "0")), int(query.get("limit", "50"))
        if limit > LIMIT_MAX or offset > OFFSET_MAX:
            raise RefusedError(400, "bad_request")
        orders: list[dict[str, Any]] = []
        if any(name in query for name in _NEEDS_ONE_OF):  # without a filter nothing is listed
            orders = [one for one in seller.orders.values() if _is_asked_for(one, query)]
            orders.sort(key=lambda one: (one.get("date_closed") or one["date_created"], one["id"]))
        paging = {"total": len(orders), "offset": offset, "limit": limit}
        return {"query": "", "results": orders[offset : offset + limit], "paging": paging, "sort": {"id": "date_asc"}}


def _is_asked_for(order: dict[str, Any], query: dict[str, str]) -> bool:
    statuses = query.get("order.status")
    if (order["status"] not in statuses.split(",")) if statuses else order["status"] == "cancelled":
        return False
    for name in ("date_last_updated", "date_created"):
        stamp = datetime.fromisoformat(order.get(name) or order["last_updated"])
        for end in ("from", "to"):
            asked = query.get(f"order.{name}.{end}")
            limit = datetime.fromisoformat(asked).replace(minute=0, second=0, microsecond=0) if asked else None
            if limit is not None and (stamp < limit if end == "from" else stamp > limit):
                return False
    return True


def _name_route(parts: list[str]) -> str:
    match parts:
        case ["oauth", "token"]:
            return "token"
        case ["users", "me"]:
            return "me"
        case ["orders", "search"]:
            return "search"
        case ["orders", "billing-info", _, _]:
            return "billing"
        case ["orders", _]:
            return "order"
        case ["shipments", _]:
            return "shipment"
        case ["missed_feeds"]:
            return "missed"
    return "unknown"

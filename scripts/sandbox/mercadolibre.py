"""MercadoLibre as far as Acequia calls it: tokens that are good once, the seller, orders, shipments, billing-info.

Under `/mercadolibre`. Remote control under `/_sandbox/mercadolibre`: see README.md and mercadolibre_control.py. A
refresh token that is used twice has the authorisation revoked, as a locked-out seller sees it. A search leaves out
cancelled orders unless they are asked for, drops minutes and seconds of its dates, and holds no shipments.
"""

import secrets
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import parse_qs

from scripts.sandbox.asgi import Reply, Request, answer_json
from scripts.sandbox.sellers.living import LivingSeller
from scripts.sandbox.sellers.order_document import write_order, write_payment
from scripts.sandbox.sellers.part_documents import write_billing, write_pack, write_shipment
from scripts.sandbox.sellers.sale_book import BILLINGS, ORDERS, PACKS, PAYMENTS, SHIPMENTS, Sale
from scripts.sandbox.sellers.search import SaleSearch, read_hour

LIMIT_MAX, OFFSET_MAX = 51, 10_000
MISSED_ROWS, ISSUED_KEPT = 10, 20_000
_NEEDS_ONE_OF = ("order.status", "order.date_last_updated.from", "order.date_created.from", "q")
_BASES = {
    "order": ORDERS, "shipment": SHIPMENTS, "billing": BILLINGS, "payment": PAYMENTS, "pack": PACKS,
}  # fmt: skip


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
    living: LivingSeller | None = None
    search: SaleSearch | None = None

    def find_document(self, route: str, object_id: str) -> dict[str, Any] | None:
        """A written one, or one of a sale."""
        written = {"order": self.orders, "shipment": self.shipments, "billing": self.billing}.get(route, {})
        if object_id in written or self.living is None:
            return written.get(object_id)
        sale = self.living.book.find(object_id, _BASES.get(route, ORDERS))
        return _write_document(route, sale, self) if sale is not None else None

    def list_asked(self, query: dict[str, str]) -> tuple[int, Callable[[int, int], list[dict[str, Any]]]]:
        """How many orders are asked for, and what writes those from one place to another."""
        written = [one for one in self.orders.values() if _is_asked_for(one, query)]
        written.sort(key=lambda one: (one.get("date_closed") or one["date_created"], one["id"]))
        living, sales = self.living, self.search.find(query) if self.search is not None else []

        def write(start: int, stop: int) -> list[dict[str, Any]]:
            found = written[start:stop]
            for ordinal in sales[max(0, start - len(written)) : max(0, stop - len(written))]:
                assert living is not None
                found.append(write_order(living.book.at(ordinal), self.user_id, self.site_id))
            return found

        return len(written) + len(sales), write


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
        self.issued: deque[str] = deque(maxlen=ISSUED_KEPT)  # all tokens, for tests that look for them

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

    def end_access_tokens(self, user_id: str) -> None:
        self._access = {token: owner for token, owner in self._access.items() if owner != user_id}

    def _refresh(self, body: bytes) -> Reply:
        form = {name: values[-1] for name, values in parse_qs(body.decode("latin-1")).items()}
        offered = form.get("refresh_token", "")
        current = next((one for one in self.sellers.values() if offered and one.refresh_token == offered), None)
        seller = current or self.sellers.get(self._used.get(offered, ""))
        if seller is None:
            raise RefusedError(400, "invalid_grant", "Error validating grant")
        if (seller.client_id, seller.client_secret) != (form.get("client_id"), form.get("client_secret")):
            raise RefusedError(400, "invalid_client", "invalid client_id or client_secret.")
        if current is None:
            # Used twice: nothing of this authorisation counts any more.
            seller.refresh_token = None
            self.end_access_tokens(seller.user_id)
            raise RefusedError(400, "invalid_grant", "Error validating grant")
        self._used[offered] = seller.user_id
        seller.refresh_token = f"TG-{secrets.token_hex(12)}-{seller.user_id}"
        access_token = f"APP_USR-{seller.client_id}-{secrets.token_hex(16)}-{seller.user_id}"
        self._access[access_token] = seller.user_id
        self.issued += (seller.refresh_token, access_token)
        if seller.lost_answers:
            seller.lost_answers -= 1
            raise RefusedError(503, "internal_error")
        return answer_json(
            {
                "access_token": access_token,
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
            return answer_json({"messages": self._list_missed(seller, request.query)})
        document = seller.find_document(route, parts[-1])
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
        total, rows = 0, []
        if any(name in query for name in _NEEDS_ONE_OF):  # without a filter nothing is listed
            try:
                total, write = seller.list_asked(query)
            except ValueError:
                raise RefusedError(400, "bad_request") from None
            rows = write(offset, offset + limit)
        paging = {"total": total, "offset": offset, "limit": limit}
        return {"query": "", "results": rows, "paging": paging, "sort": {"id": query.get("sort", "date_asc")}}

    def _list_missed(self, seller: Seller, query: dict[str, str]) -> list[dict[str, Any]]:
        """Of the application, whichever seller asks."""
        if query.get("app_id") != seller.client_id:
            raise RefusedError(403, "forbidden")
        if query.get("topic") == "items" and "site_id" not in query:
            raise RefusedError(400, "bad_request", "site_id is required")
        sellers = [one for one in self.sellers.values() if one.client_id == seller.client_id]
        found = [message for one in sellers for message in one.missed]
        found += [message for one in sellers if one.living for message in one.living.mailbox.list_missed()]
        asked = (one for one in found if query.get("topic", one.get("topic")) == one.get("topic"))
        offset, limit = int(query.get("offset", "0")), int(query.get("limit", str(MISSED_ROWS)))
        return list(islice(asked, offset, offset + limit))


def _is_asked_for(order: dict[str, Any], query: dict[str, str]) -> bool:
    statuses = query.get("order.status")
    if (order["status"] not in statuses.split(",")) if statuses else order["status"] == "cancelled":
        return False
    for name in ("date_last_updated", "date_created"):
        stamp = datetime.fromisoformat(order.get(name) or order["last_updated"])
        for end in ("from", "to"):
            asked = query.get(f"order.{name}.{end}")
            limit = read_hour(asked) if asked else None
            if limit is not None and (stamp < limit if end == "from" else stamp > limit):
                return False
    return True


def _write_document(route: str, sale: Sale, seller: Seller) -> dict[str, Any] | None:
    user_id, site_id = seller.user_id, seller.site_id
    if route == "order":
        return write_order(sale, user_id, site_id)
    if route == "billing":
        return write_billing(sale, user_id, site_id)
    if route == "payment":
        return write_payment(sale, user_id, site_id)
    if sale.number != sale.cart[0]:  # a shipment and a pack have the number of the first of their orders
        return None
    return write_shipment(sale, user_id, site_id) if route == "shipment" else write_pack(sale, user_id)


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
        case ["collections", _]:
            return "payment"
        case ["packs", _]:
            return "pack"
        case ["missed_feeds"]:
            return "missed"
    return "unknown"

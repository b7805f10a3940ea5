"""VTEX's Orders API as far as the sandbox has it: one order, its conversation, the list."""

import time

import orjson

from scripts.sandbox.asgi import Reply, answer_json
from scripts.sandbox.masking import mask_order, mask_text
from scripts.sandbox.orders import Order
from scripts.sandbox.store import Store

NOT_FOUND = answer_json({"error": {"code": "OMS007", "message": "Order Not Found", "exception": None}}, 404)
LIST_PAGES_MAX, LIST_ROWS_MAX = 30, 100


def show_order(store: Store, order_id: str, *, is_stale: bool) -> Reply:
    order = _find_order(store, order_id)
    if order is None:
        return NOT_FOUND
    document = order.show(is_stale=is_stale)
    return Reply(200, mask_order(document) if store.has_data_protection_plus else document)


def _find_order(store: Store, order_id: str) -> Order | None:
    if order_id.startswith("seq"):
        return next((order for order in store.orders.values() if order.sequence == order_id[3:]), None)
    readable_at = store.readable_at.get(order_id)
    if readable_at is not None and time.monotonic() < readable_at:
        return None
    return store.orders.get(order_id)


def show_conversation(store: Store, order_id: str) -> Reply:
    order = store.orders.get(order_id)
    if order is None:
        return NOT_FOUND
    if order.position < 2 or store.has_data_protection_plus:  # no mail was sent yet, or nothing unmasked is shown
        return answer_json([])
    profile = orjson.loads(order.show())["clientProfileData"]
    shopper = {
        "conversationRelatedTo": order_id,
        "conversationSubject": "oms",
        "emailAlias": profile["email"],
        "aliasMaskType": 0,
        "email": order.person.email,
        "name": f"{order.person.first_name} {order.person.last_name}",
        "role": "Customer",
    }
    return answer_json([{"id": f"{order_id}-1", "from": {"role": "null"}, "to": [shopper], "subject": "Tu pedido"}])


def list_orders(store: Store, query: dict[str, str]) -> Reply:
    """The newest orders, without e-mail and lastChange, as the list has them."""
    page, per_page = int(query.get("page", "1")), int(query.get("per_page", "15"))
    if not (1 <= page <= LIST_PAGES_MAX and 1 <= per_page <= LIST_ROWS_MAX):
        return answer_json({"error": {"code": "400", "message": "Max page exceed", "exception": None}}, 400)
    orders = sorted(store.orders.values(), key=lambda order: order.created_at, reverse=True)
    show_name = mask_text if store.has_data_protection_plus else str
    rows = [
        {
            "orderId": order.order_id,
            "creationDate": order.created_at.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
            "clientName": show_name(f"{order.person.first_name} {order.person.last_name}"),
            "items": None,
            "totalValue": order.total_minor,
            "status": order.status,
            "sequence": order.sequence,
            "origin": "Marketplace",
            "currencyCode": "ARS",
        }
        for order in orders[(page - 1) * per_page : page * per_page]
    ]
    pages = -(-len(orders) // per_page)
    paging = {"total": len(orders), "pages": pages, "currentPage": page, "perPage": per_page}
    return answer_json({"list": rows, "facets": [], "paging": paging, "stats": {"stats": {}}})

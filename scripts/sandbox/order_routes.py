"""VTEX's Orders API as far as the sandbox has it: one order, its conversation, the list."""

import time
from typing import Any

import orjson

from scripts.sandbox.asgi import Reply, answer_json
from scripts.sandbox.baskets import draw_basket
from scripts.sandbox.masking import mask_order, mask_text
from scripts.sandbox.order_list import find_page, read_list_call
from scripts.sandbox.orders import Order
from scripts.sandbox.seeds import Dice
from scripts.sandbox.store import Store
from scripts.sandbox.times import write_seconds

NOT_FOUND = answer_json({"error": {"code": "OMS007", "message": "Order Not Found", "exception": None}}, 404)


def show_order(store: Store, order_id: str, *, is_stale: bool) -> Reply:
    order = _find_order(store, order_id)
    if order is None:
        return NOT_FOUND
    document = order.show(is_stale=is_stale)
    return Reply(200, mask_order(document) if store.has_data_protection_plus else document)


def _find_order(store: Store, order_id: str) -> Order | None:
    readable_at = store.readable_at.get(order_id)
    if readable_at is not None and time.monotonic() < readable_at:
        return None
    return store.orders.find(order_id)


def show_conversation(store: Store, order_id: str) -> Reply:
    order = store.orders.find(order_id)
    if order is None:
        return NOT_FOUND
    if order.position < 2 or store.has_data_protection_plus:  # no mail was sent yet, or nothing unmasked is shown
        return answer_json([])
    profile = orjson.loads(order.show())["clientProfileData"]
    person = order.shopper.person
    shopper = {
        "conversationRelatedTo": order_id,
        "conversationSubject": "oms",
        "emailAlias": profile["email"],
        "aliasMaskType": 0,
        "email": person.email,
        "name": f"{person.first_name} {person.last_name}",
        "role": "Customer",
    }
    return answer_json([{"id": f"{order_id}-1", "from": {"role": "null"}, "to": [shopper], "subject": "Tu pedido"}])


def list_orders(store: Store, query: dict[str, str]) -> Reply:
    """A page of the index, without e-mail and lastChange, as the list has them; there is no changed-since filter."""
    try:
        call = read_list_call(query)
    except ValueError as error:
        return answer_json({"error": {"code": "400", "message": str(error), "exception": None}}, 400)
    found = find_page(store.orders, call)
    rows = [_write_row(store, ordinal) for ordinal in found.ordinals]
    paging = {
        "total": found.total,
        "pages": -(-found.total // call.rows),
        "currentPage": call.page,
        "perPage": call.rows,
    }
    return answer_json({"list": rows, "facets": [], "paging": paging, "stats": {"stats": {}}})


def _write_row(store: Store, ordinal: int) -> dict[str, Any]:
    order = store.orders.at(ordinal)
    standing = store.orders.index.find_standing(ordinal) or order.now
    basket = draw_basket(Dice(order.seed))
    person = order.shopper.person
    name = f"{person.first_name} {person.last_name}"
    return {
        "orderId": order.order_id,
        "creationDate": write_seconds(order.created_at),
        "clientName": mask_text(name) if store.has_data_protection_plus else name,
        "items": None,
        "totalValue": basket.total if standing.total_minor is None else standing.total_minor,
        "paymentNames": "Visa",
        "status": standing.status,
        "statusDescription": "Pedido",
        "marketPlaceOrderId": None,
        "sequence": order.sequence,
        "salesChannel": "1",
        "affiliateId": "",
        "origin": "Marketplace",
        "workflowInErrorState": standing.is_in_error,
        "workflowInRetry": False,
        "lastMessageUnread": None,
        "ShippingEstimatedDate": None,
        "ShippingEstimatedDateMax": None,
        "ShippingEstimatedDateMin": None,
        "orderIsComplete": standing.position > 0,
        "listId": None,
        "listType": None,
        "authorizedDate": write_seconds(standing.authorized_at) if standing.authorized_at else None,
        "callCenterOperatorName": None,
        "totalItems": basket.pieces,
        "currencyCode": "ARS",
    }

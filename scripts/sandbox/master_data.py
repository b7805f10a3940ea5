"""Master Data v1 as far as the sandbox has it: a client document, and searches by userId or of everybody.

A store under Data Protection Plus has neither `CL` nor `AD`.
"""

from typing import Any

from scripts.sandbox.asgi import Reply, Request, answer_json
from scripts.sandbox.store import Store

SEARCH_ROWS_MAX = 100
_NO_ENTITY = answer_json({"Message": "Data entity not found"}, 404)


def show_client(store: Store, document_id: str, query: dict[str, str]) -> Reply:
    if store.has_data_protection_plus:
        return _NO_ENTITY
    customer = store.customers.get(document_id.lower().removeprefix("cl-"))
    if customer is None or customer.is_deleted:
        return answer_json({"Message": "Document not found"}, 404)
    return answer_json(_pick(customer.client, query.get("_fields", "id")))


def search_documents(store: Store, entity: str, request: Request) -> Reply:
    """`_where=userId=<id>`, or no `_where` at all, is what it understands."""
    if store.has_data_protection_plus:
        return _NO_ENTITY
    field, _, value = request.query.get("_where", "").partition("=")
    if field not in ("", "userId"):
        return answer_json({"Message": "Field is not filterable"}, 400)
    documents = _list_documents(store, entity, value if field else None)
    found_range = request.headers.get("rest-range", "resources=0-10").removeprefix("resources=").split("-")
    start, end = int(found_range[0]), int(found_range[1])
    if end - start > SEARCH_ROWS_MAX:
        return answer_json({"Message": "Maximum of 100 documents per page"}, 400)
    rows = [_pick(document, request.query.get("_fields", "id")) for document in documents[start:end]]
    content_range = f"resources {start}-{end}/{len(documents)}".encode()
    return answer_json(rows, headers=((b"rest-content-range", content_range),))


def _list_documents(store: Store, entity: str, user_id: str | None) -> list[dict[str, Any]]:
    """The entity's documents of one user, or of all (None)."""
    found = store.customers_by_user
    customers = list(found.values()) if user_id is None else [found[user_id]] if user_id in found else []
    if entity == "CL":
        return [customer.client for customer in customers]
    return [address for customer in customers for address in customer.addresses]


def _pick(document: dict[str, Any], fields: str) -> dict[str, Any]:
    if fields == "_all":
        return document
    return {name: document[name] for name in fields.split(",") if name in document}

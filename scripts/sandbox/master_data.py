"""Master Data v1 as far as the sandbox has it: a client document, and searches by userId."""

from typing import Any

from scripts.sandbox.asgi import Reply, Request, answer_json
from scripts.sandbox.store import Store

SEARCH_ROWS_MAX = 100


def show_client(store: Store, document_id: str, query: dict[str, str]) -> Reply:
    customer = store.customers.get(document_id.lower().removeprefix("cl-"))
    if customer is None or customer.is_deleted:
        return answer_json({"Message": "Document not found"}, 404)
    return answer_json(_pick(customer.client, query.get("_fields", "id")))


def search_documents(store: Store, entity: str, request: Request) -> Reply:
    """`_where=userId=<id>` is all that it understands."""
    field, _, value = request.query.get("_where", "").partition("=")
    if field != "userId":
        return answer_json({"Message": "Field is not filterable"}, 400)
    customer = store.customers_by_user.get(value)
    documents = [] if customer is None else [customer.client] if entity == "CL" else customer.addresses
    found_range = request.headers.get("rest-range", "resources=0-10").removeprefix("resources=").split("-")
    start, end = int(found_range[0]), int(found_range[1])
    if end - start > SEARCH_ROWS_MAX:
        return answer_json({"Message": "Maximum of 100 documents per page"}, 400)
    rows = [_pick(document, request.query.get("_fields", "id")) for document in documents[start:end]]
    content_range = f"resources {start}-{end}/{len(documents)}".encode()
    return answer_json(rows, headers=((b"rest-content-range", content_range),))


def _pick(document: dict[str, Any], fields: str) -> dict[str, Any]:
    if fields == "_all":
        return document
    return {name: document[name] for name in fields.split(",") if name in document}

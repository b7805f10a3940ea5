"""Master Data v1 as far as the sandbox has it: a client document by its id, searches and scrolls of `CL` and `AD`.

A store under Data Protection Plus has neither `CL` nor `AD`. Documents by id are what is true; searches and scrolls
show what the index has.
"""

from collections.abc import Sequence
from typing import Any

from scripts.sandbox.asgi import Reply, Request, answer_json
from scripts.sandbox.documents import Documents, NotFilterableError, pick_fields
from scripts.sandbox.scrolls import TooManyScrollsError
from scripts.sandbox.store import Store
from scripts.sandbox.where import WhereError, parse_where

SEARCH_ROWS_MAX, SEARCH_DOCUMENTS_MAX = 100, 10_000
SCROLL_ROWS_MAX, SCROLL_ROWS_USUAL = 1_000, 1_000
_NO_ENTITY = answer_json({"Message": "Data entity not found"}, 404)


def show_client(store: Store, document_id: str, query: dict[str, str]) -> Reply:
    if store.has_data_protection_plus:
        return _NO_ENTITY
    customer = store.customers.find(document_id)
    if customer is None or customer.is_deleted:
        return answer_json({"Message": "Document not found"}, 404)
    return answer_json(pick_fields(customer.client, query.get("_fields", "id")))


def search_documents(store: Store, entity: str, request: Request) -> Reply:
    """`_where`, `_sort`, `_fields`; the header REST-Range names the first row and the one behind the last."""
    if store.has_data_protection_plus:
        return _NO_ENTITY
    query = request.query
    try:
        start, end = _read_range(request.headers.get("rest-range", "resources=0-10"))
        documents = Documents(store.customers, entity)
        keys = documents.find(parse_where(query.get("_where", "")), query.get("_sort", ""))
        if not query.get("_sort") and len(keys) > end - start:
            keys = _turn(keys, store.call_random.randrange(len(keys)))
        rows = documents.show(keys[start:end], query.get("_fields", "id"))
    except (ValueError, NotFilterableError) as error:
        return _refuse(error)
    content_range = f"resources={start}-{min(end, len(keys))}/{len(keys)}".encode()
    return answer_json(rows, headers=((b"rest-content-range", content_range),))


def _turn(keys: Sequence[int], by: int) -> Sequence[int]:
    """Without `_sort` each page of a longer answer is one of another order: pages repeat rows and miss others."""
    return [*keys[by:], *keys[:by]]


def _read_range(text: str) -> tuple[int, int]:
    first, _, end = text.removeprefix("resources=").partition("-")
    start, stop = int(first), int(end)
    if not 0 <= start <= stop:
        raise ValueError("Invalid range")
    if stop - start > SEARCH_ROWS_MAX:
        raise ValueError("Maximum of 100 documents per page")
    if stop > SEARCH_DOCUMENTS_MAX:
        raise ValueError("Maximum of 10000 documents: use the scroll")
    return start, stop


def scroll_documents(store: Store, entity: str, request: Request) -> Reply:
    """The first call opens a scroll, each further one with its token moves it on; an empty page ends it."""
    if store.has_data_protection_plus:
        return _NO_ENTITY
    query = request.query
    headers: list[tuple[bytes, bytes]] = []
    try:
        documents = Documents(store.customers, entity)
        if "_token" in query:
            scroll = store.scrolls.find(query["_token"], entity)
        else:
            size = int(query.get("_size", str(SCROLL_ROWS_USUAL)))
            if not 1 <= size <= SCROLL_ROWS_MAX:
                raise ValueError("Maximum of 1000 documents per page")
            keys: Sequence[int] = documents.find(parse_where(query.get("_where", "")), query.get("_sort", ""))
            scroll = store.scrolls.open(entity, keys, size, query.get("_fields", "id"))
            headers.append((b"x-vtex-md-token", scroll.token.encode()))
        rows: list[dict[str, Any]] = []
        while not rows and (page := store.scrolls.take(scroll)):  # a page of nobody but deleted ones is no end
            rows = documents.show(page, scroll.fields)
    except (ValueError, NotFilterableError, TooManyScrollsError) as error:
        return _refuse(error)
    headers.append((b"rest-content-total", str(len(scroll.keys)).encode()))
    return answer_json(rows, headers=tuple(headers))


def _refuse(error: Exception) -> Reply:
    message = str(error) if not isinstance(error, WhereError) else f"Invalid where: {error}"
    return answer_json({"Message": message}, 400)

"""The stream of VTEX's customers: scrolls over days of creation, searches over days of change.

Positions are `{"kind", "entity", "by", "first", "last", …}`: whole days of the stamp `by` (null: documents without a
`createdIn`). Kinds: `open` counts the window, halves it or begins a scroll; `scroll` goes on with a `token`; `search`
is one `page` of a stateless list; `listed` are `rows` that were read already and brought no document (id, fingerprint,
is_pointer). `since`: only what changed since is read with its addresses. `is_first`: nobody has told yet how many
documents lie under it.

A page of a scroll brings every object whole: it cannot be read again, so nobody may have to come back to it.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from app.connectors.listing import Access, Listing, Page, Position, Span, WindowListing
from app.connectors.reading import JsonObject
from app.connectors.vtex.address_list import is_fresh, list_address_changes
from app.connectors.vtex.calls import Calls, Place
from app.connectors.vtex.client import VtexClient
from app.connectors.vtex.customer_list import (
    count_unnamed,
    describe_client,
    describe_customer,
    find_id,
    list_documents,
)
from app.connectors.vtex.entities import ADDRESS_STAMP_FIELDS, CLIENT_FIELDS, CLIENT_STAMP_FIELDS, Entity, is_lasting
from app.connectors.vtex.mapping import MAPPER_VERSION, map_customer
from app.connectors.vtex.master_data import (
    SEARCH_ROWS,
    SEARCH_ROWS_MAX,
    Document,
    Query,
    ScrollPage,
    go_on_scroll,
    open_scroll,
    search,
    write_days,
)
from app.connectors.vtex.windows import Days, cover_days, get_moment, write_moment
from app.core.errors import CredentialsRefusedError, ObjectNotFoundError
from schemas.held_state import HeldState
from schemas.records import Record, RecordStream

_FIELDS: Mapping[Entity, str] = {"CL": CLIENT_FIELDS, "AD": ADDRESS_STAMP_FIELDS}


class ReadLimits(NamedTuple):
    """How much at once: documents of a scroll's page and window, users of a call for addresses, such calls at once."""

    scroll_documents: int
    window_documents: int
    users_per_call: int
    calls_at_once: int


class CustomerReader:
    """A StreamReader. `lag_s`: how far Master Data's index may be behind."""

    stream: RecordStream = "customers"
    mapper_version = MAPPER_VERSION
    finds_deletions = True

    def __init__(self, calls: Calls, client: VtexClient, limits: ReadLimits, *, lag_s: float) -> None:
        self._calls = calls
        self._client = client
        self._limits = limits
        self.lag_s = lag_s

    def plan(self, span: Span) -> list[Position]:
        """Full: all days of creation, and what has none. Incremental: clients that changed, then addresses."""
        if span.kind == "full" or span.since is None:
            days = cover_days(span.oldest, span.now)
            return [
                {"kind": "open", "entity": "CL", "by": "createdIn", **_write_days(days), "is_first": True},
                {"kind": "open", "entity": "CL", "by": None, "is_first": True},
            ]
        since = span.since - timedelta(seconds=self.lag_s)
        # A day more: who changes while pages are walked stays in the list, and moves nobody to a page read already.
        where = {"by": "lastInteractionIn", **_write_days(cover_days(since, span.now + timedelta(days=1)))}
        rest = {**where, "since": write_moment(since), "page": 0, "is_first": True}
        return [{"kind": "search", "entity": entity, **rest} for entity in ("CL", "AD")]

    async def read(self, access: Access, position: Position) -> Page:
        place = self._calls.find_place(*access.place, "batch")
        if position["kind"] == "search":
            return await self._read_search(place, position)
        if position["kind"] == "listed":
            rows = position["rows"]
            return Page([Listing(name, fingerprint, is_pointer=is_pointer) for name, fingerprint, is_pointer in rows])
        if position["kind"] == "open":
            return await self._open(place, position)
        page = await go_on_scroll(self._calls, place, position["entity"], position["token"])
        return await self._list_scrolled(place, position, page)

    def restart(self, position: Position) -> Position:
        """A scroll gives no page twice: its window is opened again."""
        return _reopen(position) if position["kind"] == "scroll" else position

    async def read_window(self, access: Access, start: datetime, end: datetime) -> WindowListing:
        """What a search does not show in one page is scrolled; only several days can be too much."""
        place, days = self._calls.find_place(*access.place, "batch"), cover_days(start, end)
        query = Query("CL", write_days("createdIn", days), CLIENT_STAMP_FIELDS)
        found = await search(self._calls, place, "search_CL", query, first=0, rows=SEARCH_ROWS)
        documents = found.documents
        if days.length > 1 and found.total is not None and found.total > self._limits.window_documents:
            return WindowListing(None)
        if len(documents) >= SEARCH_ROWS:
            documents = await self._scroll_all(place, query)
        within = [document for document in documents if _is_created_within(document, start, end)]
        listings = {listing.external_id: listing for document in within for listing in _list_stamp(document)}
        return WindowListing(list(listings.values()), unnamed=count_unnamed(within))

    async def fetch(self, access: Access, object_id: str) -> object:
        return await self._client.fetch_customer(*access.place, object_id, priority="batch")

    def map(self, document: object) -> Record:
        return map_customer(document)

    def describe_held(self, held: HeldState) -> str:
        return describe_customer(held)

    async def _open(self, place: Place, position: Position) -> Page:
        entity, query = position["entity"], _write_query(position)
        counted = await search(self._calls, place, f"search_{entity}", query._replace(fields="id"), first=0, rows=1)
        found = counted.total if position.get("is_first") and entity == "CL" else None
        days = _find_days(position)
        is_large = counted.total is not None and counted.total > self._limits.window_documents
        if is_large and days is not None and days.length > 1:
            return Page((), _halve(position, days), found)
        page = await open_scroll(self._calls, place, query, size=self._limits.scroll_documents)
        listed = await self._list_scrolled(place, position, page)
        return listed._replace(found=found)

    async def _list_scrolled(self, place: Place, position: Position, page: ScrollPage) -> Page:
        since = _find_since(position)
        # A day with too many changes for a search: what it shows of before is left to the next comparison.
        documents = [document for document in page.documents if since is None or is_fresh(document, since)]
        listed = await self._list(place, position, documents)
        then = [] if page.token is None else [{**_reopen(position), "kind": "scroll", "token": page.token}]
        whole = [one for one in listed if one.document is not None]
        later = [[one.external_id, one.fingerprint, one.is_pointer] for one in listed if one.document is None]
        if later:
            then.append({"kind": "listed", "rows": later})
        return Page(whole, then, unnamed=_count_unnamed(position, documents))

    async def _read_search(self, place: Place, position: Position) -> Page:
        entity, number = position["entity"], int(position["page"])
        query, first = _write_query(position), number * SEARCH_ROWS
        try:
            found = await search(self._calls, place, f"search_{entity}", query, first=first, rows=SEARCH_ROWS)
        except (CredentialsRefusedError, ObjectNotFoundError) as error:
            if entity == "CL" or not is_lasting(error):
                raise
            return Page(())  # a store that lets us read no addresses: profiles are kept without them
        total = found.total if position.get("is_first") and number == 0 and entity == "CL" else None
        is_full = first + SEARCH_ROWS >= SEARCH_ROWS_MAX and bool(found.documents)
        is_large = number == 0 and found.total is not None and found.total > SEARCH_ROWS_MAX
        listed = [] if is_large else await self._list(place, position, found.documents)
        then: list[Position] = []
        if is_large or is_full:
            days = _find_days(position)
            then = [_reopen(position)] if days is None or days.length == 1 else _halve(position, days)
        elif found.documents:  # a total or a short page may be wrong: only an empty page is the end
            then = [{**position, "page": number + 1}]
        return Page(listed, then, total, unnamed=0 if is_large else _count_unnamed(position, found.documents))

    async def _list(self, place: Place, position: Position, documents: list[Document]) -> list[Listing]:
        since = _find_since(position)
        limits = {"users_per_call": self._limits.users_per_call, "calls_at_once": self._limits.calls_at_once}
        if position["entity"] == "AD" and since is not None:
            return await list_address_changes(self._calls, place, documents, since, **limits)
        fresh = [document for document in documents if since is None or is_fresh(document, since)]
        listed = await list_documents(self._calls, place, fresh, **limits)
        known = [] if since is None else [document for document in documents if not is_fresh(document, since)]
        return [*listed, *(one for each in known for one in _list_stamp(each))]

    async def _scroll_all(self, place: Place, query: Query) -> list[Document]:
        page = await open_scroll(self._calls, place, query, size=self._limits.scroll_documents)
        documents = list(page.documents)
        while page.token is not None:
            page = await go_on_scroll(self._calls, place, "CL", page.token)
            documents += page.documents
        return documents


def _reopen(position: Position) -> dict[str, Any]:
    """The position's window as a scroll from its beginning; what lies under it was told before."""
    kept = ("entity", "by", "first", "last", "since")
    return {"kind": "open", **{name: position[name] for name in kept if name in position}}


def _halve(position: Position, days: Days) -> list[Position]:
    """Both halves, read as the whole was to be."""
    whole = {**_reopen(position), "kind": position["kind"]}
    if position["kind"] == "search":
        whole["page"] = 0
    return [{**whole, **_write_days(half)} for half in days.halve()]


def _write_query(position: Position) -> Query:
    entity, days = position["entity"], _find_days(position)
    return Query(entity, "createdIn is null" if days is None else write_days(position["by"], days), _FIELDS[entity])


def _find_since(position: Position) -> datetime | None:
    return get_moment(position["since"]) if position.get("since") else None


def _write_days(days: Days) -> dict[str, str]:
    return {"first": days.first.isoformat(), "last": days.last.isoformat()}


def _find_days(position: Position) -> Days | None:
    if position["by"] is None:
        return None
    return Days(date.fromisoformat(position["first"]), date.fromisoformat(position["last"]))


def _count_unnamed(position: Position, documents: list[Document]) -> int:
    """Addresses have ids that nobody keeps."""
    return count_unnamed(documents) if position["entity"] == "CL" else 0


def _list_stamp(document: Document) -> list[Listing]:
    """The listing of a document's stamps alone; none for a document that has no id."""
    document_id = find_id(document)
    if document_id is None:
        return []
    return [Listing(document_id, describe_client(document), created_at=_find_creation(document))]


def _is_created_within(document: Document, start: datetime, end: datetime) -> bool:
    created_at = _find_creation(document)
    return created_at is not None and start <= created_at < end


def _find_creation(document: Document) -> datetime | None:
    return JsonObject(document).find_moment("createdIn")

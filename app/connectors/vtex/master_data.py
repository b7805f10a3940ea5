"""Lists of Master Data v1: search (any page at any time, 10,000 documents at most) and scroll (all, one page after the
other, remembered by the provider).

Source: VTEX Master Data API v10.2. `between` is only documented with dates, so queries name whole days; whether the
second day is meant with its hours is not said, so a query names the day after the last, and callers look at the stamps.
"""

from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from app.connectors.reading import JsonObject
from app.connectors.vtex.calls import Calls, Place, decode
from app.connectors.vtex.entities import Entity
from app.connectors.vtex.windows import Days
from app.core.errors import (
    MappingError,
    ObjectFailedError,
    PositionLostError,
    ProviderError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    ThrottledError,
)
from app.core.outbound import Answer

SEARCH_ROWS = 100
SEARCH_ROWS_MAX = 10_000
SCROLLS_WAIT_S = 30.0  # an account's ten scrolls end by themselves, or are forgotten
_PLACE_HEADER = "x-vtex-md-token"  # where a scroll has come to; no secret
_TOKEN_CHARS_MAX = 2_000

Document = dict[str, object]


class Query(NamedTuple):
    """Which documents, by a condition of the search grammar, and which of their fields."""

    entity: Entity
    where: str
    fields: str


class Found(NamedTuple):
    """`total`: what the provider says there is; None when it does not. With some indexes it is wrong: never to be
    trusted as an end."""

    documents: list[Document]
    total: int | None


class ScrollPage(NamedTuple):
    """`token` None: there is no more."""

    documents: list[Document]
    token: str | None
    total: int | None


def write_days(field: str, days: Days) -> str:
    """The condition for all documents with this field in these days, and perhaps some of the day after."""
    return f"{field} between {days.first.isoformat()} AND {(days.last + timedelta(days=1)).isoformat()}"


def write_any(field: str, values: list[str]) -> str:
    """The condition for one of these values, which match SEARCHABLE_ID."""
    return "(" + " OR ".join(f"{field}={value}" for value in values) + ")"


async def search(calls: Calls, place: Place, route: str, query: Query, *, first: int, rows: int) -> Found:
    """`rows` documents from the `first` on (from 0), by id."""
    encoded = urlencode({"_where": query.where, "_fields": query.fields, "_sort": "id ASC"}, safe=",=")
    path = f"/api/dataentities/{query.entity}/search?{encoded}"
    answer = await calls.call(place, route, "GET", path, rest_range=f"resources={first}-{first + rows}")
    total = _read_integer(answer.headers.get("rest-content-range", "").rpartition("/")[2])
    return Found(_read_documents(answer, place, route), total)


async def open_scroll(calls: Calls, place: Place, query: Query, *, size: int) -> ScrollPage:
    """The first page. ThrottledError when the account has no scroll left."""
    encoded = urlencode({"_size": size, "_where": query.where, "_fields": query.fields}, safe=",=")
    page = await _scroll(calls, place, query.entity, encoded)
    if page.documents and page.token is None:
        if page.total is None or page.total > len(page.documents):
            raise ObjectFailedError(f"vtex scroll_{query.entity} of {place.account}: no token", status=200)
        return page
    return page if page.documents else page._replace(token=None)


async def go_on_scroll(calls: Calls, place: Place, entity: Entity, token: str) -> ScrollPage:
    """The page after those that were read with this token.

    PositionLostError when it is forgotten, or when an answer was lost: the provider has gone on, and gives no page
    twice.
    """
    try:
        page = await _scroll(calls, place, entity, urlencode({"_token": token}))
    except (ProviderTimeoutError, ProviderUnavailableError, ObjectFailedError) as error:
        if _has_not_left(error):
            raise
        raise PositionLostError(f"vtex scroll_{entity} of {place.account}: a page was lost ({error.code})") from None
    return page._replace(token=(page.token or token) if page.documents else None)


async def _scroll(calls: Calls, place: Place, entity: Entity, encoded: str) -> ScrollPage:
    route = f"scroll_{entity}"
    answer = await calls.call(place, route, "GET", f"/api/dataentities/{entity}/scroll?{encoded}", also=(400,))
    if answer.status == 400:
        raise _explain_refusal(f"vtex {route} of {place.account}", answer, place, route)
    token = answer.headers.get(_PLACE_HEADER, "").strip()
    total = _read_integer(answer.headers.get("rest-content-total", ""))
    documents = _read_documents(answer, place, route)
    return ScrollPage(documents, token if 0 < len(token) <= _TOKEN_CHARS_MAX else None, total)


def _explain_refusal(name: str, answer: Answer, place: Place, route: str) -> ProviderError:
    """What a 400 of a scroll means. Its text decides, and stays here."""
    try:
        message = (
            JsonObject(decode(answer, place, route)).find_text("Message", "message", chars_max=500) or ""
        ).lower()
    except ObjectFailedError:
        message = ""
    if "simultaneous scrolls" in message:
        return ThrottledError(f"{name}: too many scrolls", status=400, retry_after_s=SCROLLS_WAIT_S)
    if "token" in message:
        return PositionLostError(f"{name}: the token is forgotten", status=400)
    return ObjectFailedError(f"{name}: answered 400", status=400)


def _has_not_left(error: ProviderError) -> bool:
    """Whether the call was held back here (an open breaker): the scroll stands where it stood."""
    return isinstance(error, ProviderUnavailableError) and error.status == 0 and error.retry_after_s is not None


def _read_documents(answer: Answer, place: Place, route: str) -> list[Document]:
    rows = decode(answer, place, route)
    if not isinstance(rows, list | None):
        raise ObjectFailedError(f"vtex {route} of {place.account}: the answer is no array", status=answer.status)
    return [row for row in rows or [] if isinstance(row, dict)]


def _read_integer(text: str) -> int | None:
    try:
        return JsonObject({"value": text}).find_integer("value")
    except MappingError:
        return None

"""A page of the Graph API: its rows, and where to go on.

`paging.next` is a whole address with the access token in it. Only whether it is there is looked at; it is never
returned, kept or told. Cursors are short-lived: no checkpoint holds one.
"""

from collections.abc import Iterator
from typing import NamedTuple

from app.connectors.reading import JsonObject
from app.core.errors import MappingError

_CURSOR_CHARS_MAX = 2_000


class Cursor(NamedTuple):
    """`after`: what to ask the next page with; None: this page is the last, however few rows it had."""

    after: str | None


def list_rows(document: object) -> Iterator[tuple[object, str]]:
    """The rows of a page, each with its path; the document itself where it is a row. Raises MappingError for what is
    neither."""
    if not isinstance(document, dict):
        raise MappingError("$", "is not a JSON object")
    for name in ("error", "error_code"):
        if document.get(name):
            raise MappingError(name, "is an error: there are no rows in it")
    if "data" not in document and "date_start" in document:
        yield document, ""
        return
    data = document.get("data")
    if not isinstance(data, list):
        raise MappingError("data", "is missing" if data is None else "is not an array")
    for index, row in enumerate(data):
        yield row, f"data[{index}]"


def read_cursor(document: object) -> Cursor:
    """Where the page's list goes on. A page may be empty and not be the last: only a missing `next` says that.

    Raises MappingError for a page that goes on and does not say where.
    """
    paging = JsonObject(document).get_object("paging")
    if not paging.peek("next"):
        return Cursor(None)
    after = paging.get_object("cursors").peek("after")
    if not isinstance(after, str) or not 0 < len(after) <= _CURSOR_CHARS_MAX:
        raise MappingError("paging.cursors.after", "is missing, and there is a next page")
    return Cursor(after)

"""A stream read as a sync reads it: the first position is replaced by what the reader says, until none is left."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson

from app.connectors.listing import Access, Listing, Page, Position, Span, StreamReader
from tests.integration.sandbox.remote import KEYS, Sandbox

STABLE = "vtexcommercestable"
LONG_AGO = timedelta(days=729, hours=23)


class Walk(NamedTuple):
    """`pages` in the order of reading, with the position of each."""

    pages: list[tuple[Position, Page]]

    @property
    def listings(self) -> dict[str, Listing]:
        return {listing.external_id: listing for _, page in self.pages for listing in page.listings}

    @property
    def found(self) -> int:
        return sum(page.found or 0 for _, page in self.pages)

    @property
    def unnamed(self) -> int:
        return sum(page.unnamed for _, page in self.pages)

    @property
    def is_incomplete(self) -> bool:
        return any(page.is_incomplete for _, page in self.pages)


def give_access(account: str) -> Access:
    return Access(account, STABLE, KEYS)


async def walk(
    reader: StreamReader,
    access: Access,
    positions: Sequence[Position],
    *,
    until: Callable[[list[tuple[Position, Page]]], bool] = lambda _: False,
) -> Walk:
    """Reads on until nothing is left, or `until` says so. Positions go through JSON, as in a checkpoint."""
    waiting = list(positions)
    pages: list[tuple[Position, Page]] = []
    while waiting and not until(pages):
        position = orjson.loads(orjson.dumps(waiting.pop(0)))
        page = await reader.read(access, position)
        pages.append((position, page))
        waiting = [*page.then, *waiting]
        assert len(pages) < 2_000, "it comes to an end"
    return Walk(pages)


def span_full(now: datetime | None = None, oldest: timedelta = LONG_AGO) -> Span:
    now = now or datetime.now(UTC)
    return Span("full", now - oldest, now)


def span_since(since: datetime, trailing_since: datetime | None = None) -> Span:
    now = datetime.now(UTC)
    return Span("incremental", now - LONG_AGO, now, since, trailing_since)


async def read_expected(sandbox: Sandbox, account: str, kind: str) -> set[str]:
    rows = await sandbox.control("GET", f"expected?account={account}&kind={kind}&limit=1000000")
    return {row["external_id"] for row in rows if not row["deleted"]}

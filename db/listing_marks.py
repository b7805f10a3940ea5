"""Objects whose document does not help to make list and row agree, so that nobody fetches them at every run."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg

from db.held_states import StreamPlace
from db.queries import load_queries

SQL = load_queries("listing_marks")


class ListingMark(NamedTuple):
    """`fingerprint`: what the list showed when its document was fetched for nothing."""

    external_id: str
    fingerprint: str
    reason: Literal["list_is_stale", "dead"]


async def find_marks(
    connection: asyncpg.Connection, place: StreamPlace, external_ids: Sequence[str], newer_than: datetime
) -> dict[str, str]:
    """Object → fingerprint, of those that were marked after a time."""
    return dict(await connection.fetch(SQL["find_marks"], *place, list(external_ids), newer_than))


async def find_dead_marks(
    connection: asyncpg.Connection, place: StreamPlace, external_ids: Sequence[str]
) -> dict[str, str]:
    """Object → fingerprint that the list showed when its document could not be used or had."""
    return dict(await connection.fetch(SQL["find_dead_marks"], *place, list(external_ids)))


async def set_marks(connection: asyncpg.Connection, place: StreamPlace, marks: Sequence[ListingMark]) -> None:
    """Marks objects anew."""
    if marks:
        await connection.execute(SQL["set_marks"], *place, *zip(*marks, strict=True))


async def forget_old_marks(connection: asyncpg.Connection, place: StreamPlace, before: datetime) -> None:
    """Deletes marks from before a time."""
    await connection.execute(SQL["forget_old_marks"], *place, before)

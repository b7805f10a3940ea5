"""What is known of an integration's stream between its runs: how far changes have been looked for, and when."""

from datetime import datetime
from typing import NamedTuple

import asyncpg

from db.queries import load_queries
from schemas.records import StreamName

SQL = load_queries("sync_streams")


class SyncStream(NamedTuple):
    """`listed_through`: changes before it have been looked for. The others: when such a run last ended well."""

    integration_id: int
    stream: StreamName
    listed_through: datetime | None = None
    full_at: datetime | None = None
    incremental_at: datetime | None = None
    trailing_at: datetime | None = None
    verified_at: datetime | None = None


async def find_sync_stream(
    connection: asyncpg.Connection, tenant_id: int, integration_id: int, stream: StreamName
) -> SyncStream:
    """One stream's; all None when nothing has run yet."""
    row = await connection.fetchrow(SQL["find_sync_stream"], tenant_id, integration_id, stream)
    return SyncStream(integration_id, stream) if row is None else SyncStream(*row)


async def list_sync_streams(connection: asyncpg.Connection, tenant_id: int) -> list[SyncStream]:
    """One tenant's, as far as anything has run."""
    return [SyncStream(*row) for row in await connection.fetch(SQL["list_sync_streams"], tenant_id)]


async def note_listed(connection: asyncpg.Connection, tenant_id: int, state: SyncStream) -> None:
    """Moves what is given forward; None leaves a time as it is."""
    await connection.execute(SQL["note_listed"], tenant_id, *state)

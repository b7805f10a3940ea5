"""When an integration was last known to be current, by writer, to the second."""

from collections.abc import Iterable
from datetime import datetime

import asyncpg

from db.counters import Writer
from db.queries import load_queries

SQL = load_queries("activity")


async def note_activity(
    connection: asyncpg.Connection, tenant_id: int, writer: Writer, integration_ids: Iterable[int]
) -> None:
    """These integrations are current as of this transaction; nothing is written when that is known to the second."""
    ordered = sorted(set(integration_ids))
    if ordered:
        await connection.execute(SQL["note_activity"], tenant_id, writer, ordered)


async def list_activity(connection: asyncpg.Connection, tenant_id: int) -> dict[int, datetime]:
    """Integration → the last moment by any writer."""
    return dict(await connection.fetch(SQL["list_activity"], tenant_id))

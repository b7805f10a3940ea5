"""Messages about alerts to be sent, one for each channel; of a tenant, or with tenant id 0 of the platform."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

import asyncpg

from db.alert_scope import ScopedQueries
from db.queries import load_queries
from schemas.ids import make_uuid7

SQL = ScopedQueries("alert_deliveries")
ROUNDS = load_queries("alert_rounds")

Occasion = Literal["opened", "repeated", "closed"]
DeliveryState = Literal["waiting", "sent", "failed", "dropped"]


class DeliveryRow(NamedTuple):
    """`tries`: with the present one. `due_at`: when it is tried, if it waits."""

    tenant_id: int
    delivery_id: UUID
    alert_id: UUID
    channel_id: UUID
    occasion: Occasion
    state: DeliveryState
    tries: int
    created_at: datetime
    due_at: datetime
    settled_at: datetime | None
    last_failure: str | None


async def insert_deliveries(
    connection: asyncpg.Connection, tenant_id: int, alert_id: UUID, occasion: Occasion, channel_ids: Sequence[UUID]
) -> None:
    """One for each channel, due at once."""
    if channel_ids:
        made = [UUID(make_uuid7()) for _ in channel_ids]
        statement = SQL[tenant_id]["insert_deliveries"]
        await connection.execute(statement, tenant_id, alert_id, occasion, made, list(channel_ids))


async def list_due_channels(connection: asyncpg.Connection, at: datetime, limit: int) -> list[tuple[int, UUID]]:
    """(tenant, channel) of whom something is due, the longest overdue first; 0: the platform. Platform work."""
    return [(row[0], row[1]) for row in await connection.fetch(ROUNDS["list_due_channels"], at, limit)]


async def claim_delivery(
    connection: asyncpg.Connection, tenant_id: int, channel_id: UUID, at: datetime, until: datetime
) -> DeliveryRow | None:
    """The next one, nobody else's until then."""
    row = await connection.fetchrow(SQL[tenant_id]["claim_delivery"], tenant_id, channel_id, at, until)
    return None if row is None else DeliveryRow(*row)


async def settle_delivery(
    connection: asyncpg.Connection, row: DeliveryRow, state: DeliveryState, failure: str | None, at: datetime
) -> None:
    statement = SQL[row.tenant_id]["settle_delivery"]
    await connection.execute(statement, row.tenant_id, row.delivery_id, state, at, failure)


async def postpone_delivery(connection: asyncpg.Connection, row: DeliveryRow, due_at: datetime, failure: str) -> None:
    await connection.execute(SQL[row.tenant_id]["postpone_delivery"], row.tenant_id, row.delivery_id, due_at, failure)


async def drop_deliveries(connection: asyncpg.Connection, tenant_id: int, channel_id: UUID, at: datetime) -> None:
    """Those that wait for a channel that is not used any more."""
    await connection.execute(SQL[tenant_id]["drop_deliveries"], tenant_id, channel_id, at)


async def list_deliveries(
    connection: asyncpg.Connection, tenant_id: int, alert_id: UUID, limit: int
) -> list[DeliveryRow]:
    """Of one alert, oldest first."""
    rows = await connection.fetch(SQL[tenant_id]["list_deliveries"], tenant_id, alert_id, limit)
    return [DeliveryRow(*row) for row in rows]


async def forget_deliveries(connection: asyncpg.Connection, tenant_id: int, before: datetime) -> None:
    """Those that were settled before."""
    await connection.execute(SQL[tenant_id]["forget_deliveries"], tenant_id, before)

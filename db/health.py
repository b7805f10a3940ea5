"""The view `tenant_health`."""

from datetime import datetime
from typing import NamedTuple

import asyncpg

from db.queries import load_queries
from schemas.sync_status import Health

SQL = load_queries("health")


class HealthRow(NamedTuple):
    """One tenant that is not deleted. `last_sync`: of its worst integration. `place`: in the order, the worst first."""

    tenant_id: int
    name: str
    customers: int
    last_sync: datetime | None
    health: Health
    worst_integration_id: int | None
    place: int


async def list_health(
    connection: asyncpg.Connection, health: Health | None, *, after: tuple[int, int], limit: int
) -> list[HealthRow]:
    """In a platform transaction: the worst first, then by id. `after`: place and id of the last one seen."""
    return [HealthRow(*row) for row in await connection.fetch(SQL["list_health"], health, *after, limit)]

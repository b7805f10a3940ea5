"""Who is served: organizations and their tenants. All of it is platform work but reading one's own tenant."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import orjson

from db.pool import Database
from db.queries import load_queries

SQL = load_queries("tenants")


class Tenant(NamedTuple):
    """`type`: trial, business or enterprise. `status`: active, suspended, expired or deleting. `priority`: high,
    normal or low, the head start of its queue."""

    tenant_id: int
    organization_id: int
    name: str
    slug: str
    type: str
    plan: str
    status: str
    settings: Mapping[str, Any]
    worker_group: str
    priority: str
    created_at: datetime
    trial_ends_at: datetime | None

    @property
    def country(self) -> str:
        """ISO alpha-2: how its shoppers' phones are dialled. Argentina when its settings do not say."""
        return str(self.settings.get("country", "AR"))


async def insert_organization(database: Database, organization_id: int, name: str) -> bool:
    """False when it is there already."""
    async with database.platform_tx("insert_organization") as connection:
        return await connection.fetchval(SQL["insert_organization"], organization_id, name) is not None


async def insert_tenant(
    database: Database,
    tenant_id: int,
    *,
    organization_id: int,
    name: str,
    slug: str,
    type: str,  # noqa: A002  # the column's name, and the client's word
    plan: str,
    settings: Mapping[str, Any] | None = None,
    worker_group: str = "shared",
    priority: str = "normal",
    trial_ends_at: datetime | None = None,
) -> None:
    """Raises asyncpg's UniqueViolationError when the id or the slug is taken."""
    text = orjson.dumps(settings or {}).decode()
    async with database.platform_tx("insert_tenant") as connection:
        await connection.execute(
            SQL["insert_tenant"],
            *(tenant_id, organization_id, name, slug, type, plan, text, worker_group, priority, trial_ends_at),
        )


async def list_tenants(database: Database) -> list[Tenant]:
    """All of them, by id."""
    async with database.platform_tx("list_tenants") as connection:
        return [_read(row) for row in await connection.fetch(SQL["list_tenants"])]


async def find_tenant(connection: asyncpg.Connection, tenant_id: int) -> Tenant | None:
    """In a transaction of that tenant or of the platform."""
    row = await connection.fetchrow(SQL["find_tenant"], tenant_id)
    return None if row is None else _read(row)


async def find_tenant_by_slug(database: Database, slug: str) -> int | None:
    """Its id."""
    async with database.platform_tx("find_tenant_by_slug") as connection:
        tenant_id: int | None = await connection.fetchval(SQL["find_tenant_by_slug"], slug)
    return tenant_id


def _read(row: asyncpg.Record) -> Tenant:
    tenant = Tenant(*row)
    return tenant._replace(settings=orjson.loads(row["settings"]))

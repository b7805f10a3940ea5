"""Who is served: organizations and their tenants. All of it is platform work but reading one's own tenant."""

from collections.abc import Mapping, Sequence
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
    organization_id: int | None
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
    revision: int = 1
    status_reason: str | None = None
    status_changed_at: datetime | None = None
    delete_after: datetime | None = None

    @property
    def country(self) -> str:
        """ISO alpha-2: how its shoppers' phones are dialled. Argentina when its settings do not say."""
        return str(self.settings.get("country", "AR"))


async def insert_organization(database: Database, organization_id: int, name: str) -> bool:
    """False when it is there already."""
    async with database.platform_tx("insert_organization") as connection:
        return await connection.fetchval(SQL["insert_organization"], organization_id, name) is not None


async def insert_tenant(database: Database, tenant_id: int, **fields: Any) -> None:
    """`add_tenant` in a transaction of its own."""
    async with database.platform_tx("insert_tenant") as connection:
        await add_tenant(connection, tenant_id, **fields)


async def add_tenant(
    connection: asyncpg.Connection,
    tenant_id: int,
    *,
    organization_id: int | None,
    name: str,
    slug: str,
    type: str,  # noqa: A002  # the column's name, and the client's word
    plan: str,
    settings: Mapping[str, Any] | None = None,
    worker_group: str = "shared",
    priority: str = "normal",
    trial_ends_at: datetime | None = None,
) -> None:
    """In a platform transaction. Raises asyncpg's UniqueViolationError when the id or the slug is taken."""
    text = orjson.dumps(settings or {}).decode()
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


async def lock_tenant(connection: asyncpg.Connection, tenant_id: int) -> None:
    """Others who would change it wait until the transaction ends."""
    await connection.execute(SQL["lock_tenant"], tenant_id)


async def find_tenant_by_slug(database: Database, slug: str) -> int | None:
    """Its id."""
    async with database.platform_tx("find_tenant_by_slug") as connection:
        tenant_id: int | None = await connection.fetchval(SQL["find_tenant_by_slug"], slug)
    return tenant_id


class TenantWithCount(NamedTuple):
    tenant: Tenant
    customers: int


class IntegrationLine(NamedTuple):
    """What a list of tenants says of one integration. `last_synced_at`: when it was last known to be current."""

    tenant_id: int
    integration_id: int
    connector: str
    account: str
    environment: str
    status: str
    last_synced_at: datetime | None


class GlobalFigures(NamedTuple):
    tenants: int
    customers: int
    stored_bytes: int
    integrations: int


class OrganizationRow(NamedTuple):
    organization_id: int
    name: str
    created_at: datetime
    tenant_ids: list[int]


async def lock_new_ids(connection: asyncpg.Connection) -> None:
    """Holds the right to give out the next id until the transaction ends."""
    await connection.execute(SQL["lock_new_ids"])


async def create_organization(database: Database, name: str) -> int:
    """Its id."""
    async with database.platform_tx("create_organization") as connection:
        await lock_new_ids(connection)
        organization_id = int(await connection.fetchval(SQL["next_organization_id"]))
        await connection.execute(SQL["insert_organization"], organization_id, name)
    return organization_id


async def has_organization(connection: asyncpg.Connection, organization_id: int) -> bool:
    return bool(await connection.fetchval(SQL["has_organization"], organization_id))


async def next_tenant_id(connection: asyncpg.Connection) -> int:
    """In a platform transaction under `lock_new_ids`."""
    return int(await connection.fetchval(SQL["next_tenant_id"]))


async def list_organizations(database: Database, ids: Sequence[int] | None = None) -> list[OrganizationRow]:
    """Those of `ids`, or all of them."""
    async with database.platform_tx("list_organizations") as connection:
        rows = await connection.fetch(SQL["list_organizations"], list(ids or ()), ids is None)
    return [OrganizationRow(*row) for row in rows]


async def list_tenant_page(
    connection: asyncpg.Connection,
    *,
    after: int,
    visible: tuple[Sequence[int], Sequence[int]] | None,
    organization_id: int | None,
    status: str | None,
    shows_deleted: bool,
    limit: int,
) -> list[TenantWithCount]:
    """In a platform transaction. `visible`: ids of tenants and of organizations; None: everything."""
    tenants, organizations = visible or ((), ())
    rows = await connection.fetch(
        SQL["list_tenant_page"], after, visible is None, list(tenants), list(organizations), organization_id, status,
        limit, shows_deleted,
    )  # fmt: skip
    return [TenantWithCount(_read_fields(tuple(row)[:-1]), row["customers"]) for row in rows]


async def list_integration_lines(connection: asyncpg.Connection, tenant_ids: Sequence[int]) -> list[IntegrationLine]:
    """In a platform transaction: by tenant, then by id."""
    rows = await connection.fetch(SQL["list_integrations_of_tenants"], list(tenant_ids))
    return [IntegrationLine(*row) for row in rows]


async def update_settings(
    connection: asyncpg.Connection, tenant_id: int, settings: Mapping[str, Any], worker_group: str, *, revision: int
) -> int | None:
    """The new revision; None when `revision` is not the present one any more."""
    text = orjson.dumps(settings).decode()
    changed: int | None = await connection.fetchval(SQL["update_settings"], tenant_id, text, worker_group, revision)
    return changed


async def update_tenant(connection: asyncpg.Connection, tenant: Tenant) -> int | None:
    """Writes name, plan, type, organization, priority, settings and trial's end; as `update_settings`."""
    changed: int | None = await connection.fetchval(
        SQL["update_tenant"], tenant.tenant_id, tenant.name, tenant.plan, tenant.type, tenant.organization_id,
        tenant.priority, tenant.trial_ends_at, tenant.revision, orjson.dumps(tenant.settings).decode(),
    )  # fmt: skip
    return changed


async def find_global_figures(database: Database) -> GlobalFigures:
    async with database.platform_tx("global_figures") as connection:
        return GlobalFigures(*await connection.fetchrow(SQL["find_global_metrics"]))


async def find_processing_minutes(connection: asyncpg.Connection) -> float | None:
    """In a platform transaction. None before the first run has ended."""
    minutes: float | None = await connection.fetchval(SQL["find_processing_minutes"])
    return minutes


def _read_fields(fields: tuple[Any, ...]) -> Tenant:
    tenant = Tenant(*fields)
    return tenant._replace(settings=orjson.loads(str(tenant.settings)))


def _read(row: asyncpg.Record) -> Tenant:
    return _read_fields(tuple(row))

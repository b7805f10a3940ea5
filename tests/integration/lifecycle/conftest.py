"""An operator's and a worker's office over acme and globex, a queue, and hooks that note what they are told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from app.core.queue import AppendBatch, NewEntry, Queue
from app.core.sealing import TenantKeys
from app.core.settings import Settings
from app.services.keyring import Keyring
from app.services.tenant_lifecycle import TenantOffice
from db.integrations import insert_integration
from db.pool import Database
from db.tenants import insert_organization, insert_tenant
from schemas.ids import make_uuid7
from tests.integration.db.cast import ACME, GLOBEX


@dataclass
class NotedHooks:
    """Hooks without a provider: they note what they are told, write `hook_status`, and fail while `is_down`."""

    superuser: asyncpg.Connection
    told: list[tuple[str, int]] = field(default_factory=list)
    is_down: bool = False

    async def remove_hooks(self, tenant_id: int) -> None:
        await self._tell("remove", tenant_id, "registered", "removed")

    async def register_hooks(self, tenant_id: int) -> None:
        await self._tell("register", tenant_id, "removed", "registered")

    async def _tell(self, what: str, tenant_id: int, before: str, after: str) -> None:
        self.told.append((what, tenant_id))
        if self.is_down:
            raise ConnectionError("the provider is down")
        await self.superuser.execute(
            "UPDATE tenant_integrations SET hook_status = $3 WHERE tenant_id = $1 AND hook_status = $2",
            tenant_id, before, after,
        )  # fmt: skip


@dataclass
class World:
    """`office` acts as the web, `backstage` as the worker."""

    office: TenantOffice
    backstage: TenantOffice
    hooks: NotedHooks
    queue: Queue
    keyring: Keyring
    keys: dict[int, TenantKeys]
    redis: Redis
    superuser: asyncpg.Connection

    async def read_status(self, tenant_id: int = ACME) -> str:
        return str(await self.superuser.fetchval("SELECT status FROM tenants WHERE tenant_id = $1", tenant_id))

    async def read_hook(self, tenant_id: int = ACME) -> str:
        statement = "SELECT hook_status FROM tenant_integrations WHERE tenant_id = $1 AND integration_id = 1"
        return str(await self.superuser.fetchval(statement, tenant_id))

    async def read_audit(self, tenant_id: int = ACME) -> list[Any]:
        return list(await self.superuser.fetch(
            "SELECT action, actor_kind, actor_id, request_id, details::text FROM audit_entries WHERE tenant_id = $1"
            " ORDER BY audit_id", tenant_id,
        ))  # fmt: skip

    async def end_grace(self, tenant_id: int = ACME) -> None:
        await self.superuser.execute(
            "UPDATE tenants SET delete_after = now() - interval '1 second' WHERE tenant_id = $1", tenant_id
        )

    async def append(self, tenant_id: int, count: int) -> None:
        entries = [NewEntry(make_uuid7(), b"{}") for _ in range(count)]
        assert await self.queue.append([AppendBatch(tenant_id, "normal", entries)], confirm=None) == ["ok"]


@pytest.fixture
async def world(
    open_database: Callable[..., Awaitable[Database]],
    make_settings: Callable[..., Settings],
    redis: Redis,
    superuser: asyncpg.Connection,
    keyring: Keyring,
) -> AsyncIterator[World]:
    web, worker = await open_database("web"), await open_database("worker")
    settings = make_settings("worker")
    hooks = NotedHooks(superuser)
    queue = Queue(redis)
    await queue.load()
    await insert_organization(web, 1, "The cast")
    keys = {
        ACME: await open_tenant(web, keyring, ACME, "acme"),
        GLOBEX: await open_tenant(web, keyring, GLOBEX, "globex"),
    }
    await superuser.execute("UPDATE tenant_integrations SET hook_status = 'registered'")
    office, backstage = TenantOffice(web, redis, settings, hooks), TenantOffice(worker, redis, settings, hooks)
    yield World(office, backstage, hooks, queue, keyring, keys, redis, superuser)
    await queue.close()


async def open_tenant(database: Database, keyring: Keyring, tenant_id: int, name: str) -> TenantKeys:
    """A trial with keys and one integration."""
    await insert_tenant(database, tenant_id, organization_id=1, name=name, slug=name, type="trial", plan="evaluation")
    async with database.tenant_tx(tenant_id, "test") as connection:
        await insert_integration(connection, tenant_id, 1, connector="vtex", account=name, sealed_credentials=b"sealed")
    return await keyring.create_tenant_keys(tenant_id)

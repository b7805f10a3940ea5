"""acme and globex with integrations that are made by hand, and how each is judged by facts, snapshot and view."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from app.core.queue import Queue
from app.core.settings import Settings
from app.services.tenant_facts import TenantFacts, read_all_facts
from app.services.tenant_watch import save_facts
from db.pool import Database

if TYPE_CHECKING:
    from redis.asyncio import Redis

ACME, GLOBEX = 56, 57


@dataclass
class Ward:
    """`database`: as the worker, `web`: as the web process."""

    database: Database
    web: Database
    superuser: asyncpg.Connection
    queue: Queue
    settings: Settings

    async def add_tenant(self, tenant_id: int, **fields: Any) -> None:
        values = {"type": "business", "status": "active", "settings": "{}", **fields}
        await self.superuser.execute(
            "INSERT INTO tenants (tenant_id, name, slug, type, plan, status, settings)"
            " VALUES ($1, $2, $2, $3, 'p', $4, $5)",
            *(tenant_id, f"tenant-{tenant_id}", values["type"], values["status"], values["settings"]),
        )

    async def add_integration(self, tenant_id: int, integration_id: int, **fields: Any) -> None:
        """`last_sync`: noted by one writer; other fields are columns."""
        last_sync: datetime | None = fields.pop("last_sync", None)
        values = {
            "tenant_id": tenant_id, "integration_id": integration_id, "connector": "vtex",
            "account": f"store-{integration_id}", "sealed_credentials": b"x", **fields,
        }  # fmt: skip
        names, places = ", ".join(values), ", ".join(f"${number}" for number in range(1, len(values) + 1))
        await self.superuser.execute(f"INSERT INTO tenant_integrations ({names}) VALUES ({places})", *values.values())
        if last_sync is not None:
            await self.note(tenant_id, integration_id, last_sync)

    async def note(self, tenant_id: int, integration_id: int, at: datetime, writer: str = "live") -> None:
        await self.superuser.execute(
            "INSERT INTO integration_activity VALUES ($1, $2, $3, $4)", tenant_id, integration_id, writer, at
        )

    async def read(self) -> dict[int, TenantFacts]:
        """As the worker reads them."""
        found = await read_all_facts(self.database, self.queue, self.settings)
        return {facts.tenant.tenant_id: facts for facts in found}

    async def watch(self) -> dict[int, TenantFacts]:
        """Read, and put down."""
        facts = await self.read()
        await save_facts(self.database, facts.values())
        return facts


@pytest.fixture
async def ward(
    open_database: Callable[..., Any], superuser: asyncpg.Connection, redis: "Redis", settings: Settings
) -> AsyncIterator[Ward]:
    queue = Queue(redis)
    await queue.load()
    yield Ward(await open_database(), await open_database("web"), superuser, queue, settings)
    await queue.close()

"""acme and globex with a VTEX integration each, as web and syncer see them.

VTEX is listable here, whatever its connector can list by now: no run of these tests is worked on by a syncer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import asyncpg
import pytest

from app.connectors import registry
from app.core.settings import Settings
from app.services import sync_requests
from db.integrations import insert_integration
from db.pool import Database
from db.sync_runs import SyncRun, list_runs
from db.sync_streams import SyncStream, note_listed
from db.tenants import insert_organization, insert_tenant
from tests.integration.db.cast import ACME, GLOBEX

VTEX = 1
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # 9 o'clock in Buenos Aires
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def listable(monkeypatch: pytest.MonkeyPatch) -> None:
    connectors = dict(registry.list_connectors())
    connectors["vtex"] = connectors["vtex"]._replace(make_readers=lambda _: {})
    found: Mapping[str, Any] = MappingProxyType(connectors)
    monkeypatch.setattr(sync_requests, "list_connectors", lambda: found)


@dataclass
class World:
    """`syncer` and `web` are the databases as those roles."""

    syncer: Database
    web: Database
    settings: Settings
    superuser: asyncpg.Connection

    async def list_runs(self, tenant_id: int = ACME) -> list[SyncRun]:
        """The oldest first."""
        async with self.web.tenant_tx(tenant_id, "test") as connection:
            return list(reversed(await list_runs(connection, tenant_id)))

    async def change_integration(self, tenant_id: int = ACME, **values: object) -> None:
        for name, value in values.items():
            statement = f"UPDATE tenant_integrations SET {name} = $2 WHERE tenant_id = $1"
            await self.superuser.execute(statement, tenant_id, value)

    async def change_tenant(self, tenant_id: int = ACME, **values: object) -> None:
        for name, value in values.items():
            await self.superuser.execute(f"UPDATE tenants SET {name} = $2 WHERE tenant_id = $1", tenant_id, value)

    async def end_runs(self, status: str = "succeeded", at: datetime = NOW) -> None:
        for table in ("sync_run_streams", "sync_runs"):
            await self.superuser.execute(f"UPDATE {table} SET status = $1, ended_at = $2", status, at)

    async def note_whole(self, tenant_id: int = ACME, *streams: Any) -> None:
        """These streams were listed whole (both if none is named)."""
        async with self.syncer.tenant_tx(tenant_id, "test") as connection:
            for stream in streams or ("orders", "customers"):
                await note_listed(connection, tenant_id, SyncStream(VTEX, stream, full_at=NOW))

    async def find_next(self, tenant_id: int = ACME) -> datetime | None:
        statement = "SELECT next_sync_at FROM sync_schedules WHERE tenant_id = $1"
        found: datetime | None = await self.superuser.fetchval(statement, tenant_id)
        return found


@pytest.fixture
async def world(
    listable: None, open_database: Callable[..., Any], make_settings: Callable[..., Settings],
    superuser: asyncpg.Connection,
) -> World:  # fmt: skip
    del listable
    web, syncer = await open_database("web"), await open_database("syncer")
    await insert_organization(web, 1, "The cast")
    for tenant_id, name in ((ACME, "acme"), (GLOBEX, "globex")):
        await insert_tenant(web, tenant_id, organization_id=1, name=name, slug=name, type="business", plan="standard")
        async with web.tenant_tx(tenant_id, "test") as connection:
            await insert_integration(connection, tenant_id, VTEX, connector="vtex", account=name,
                                     sealed_credentials=b"sealed")  # fmt: skip
            await insert_integration(connection, tenant_id, 2, connector="brand", account=name)
    settings = make_settings("syncer", sync_jitter_hourly_s=1_800)
    return World(syncer, web, settings, superuser)

"""Syncers over the works: acme and globex with stores at the sandbox that hold something before anybody listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from app.core.settings import Settings
from app.services.sync_requests import Requested, SyncRequest, request_sync
from db.integrations import find_integration
from db.sync_runs import RunStream, SyncKind, SyncRun, find_run, list_run_streams
from schemas.records import StreamName
from scripts.stack.installation import read_settings_of
from tests.integration.workers.works import ACME, QUICK, VTEX, Works, until
from workers.sync_context import SyncContext
from workers.syncer import build_sync_context
from workers.syncs import SyncLoops

# Lists that are whole at once, and waits of a test's size.
QUICK_SYNCS = {
    **QUICK,
    "vtex_index_lag_s": 0,
    "sync_poll_s": 0.02,
    "sync_retry_min_s": 0.05,
    "sync_retry_max_s": 0.2,
    "sync_missing_confirm_s": 0.1,
    "sync_repair_delay_s": 0,
    "vtex_calls_per_minute": 100_000,
    "google_ads_calls_per_minute": 100_000,
    "facebook_calls_per_minute": 100_000,
    "provider_call_timeout_s": 2.0,
}


@dataclass
class SyncWorks:
    """The works, and syncers for them."""

    works: Works

    def environment(self, **settings: object) -> dict[str, str]:
        """Of a syncer process."""
        url = self.works.sandbox.url
        providers = {
            "vtex_url_template": f"{url}/{{account}}",
            "google_ads_url": f"{url}/google",
            "google_oauth_url": f"{url}/google/token",
            "facebook_url": f"{url}/facebook",
        }
        complete = {**QUICK_SYNCS, **providers, **settings}
        return self.works.installation.environment("syncer", **complete)

    def settings(self, **settings: object) -> Settings:
        return read_settings_of(self.environment(**settings))

    @asynccontextmanager
    async def idle_syncer(self, **settings: object) -> AsyncIterator[SyncContext]:
        """What a syncer works with, and nobody who works."""
        async with AsyncExitStack() as resources:
            yield await build_sync_context(self.settings(**settings), resources)

    @asynccontextmanager
    async def syncer(self, **settings: object) -> AsyncIterator[SyncContext]:
        """A syncer that works until the block ends, and must end cleanly then."""
        async with self.idle_syncer(**settings) as context:
            loops = asyncio.create_task(SyncLoops(context).run())
            try:
                yield context
            finally:
                context.stopping.set()
                await asyncio.wait_for(loops, 10)

    async def stock(self, tenant_id: int = ACME, **stock: Any) -> None:
        """What the tenant's store holds from before."""
        await self.works.sandbox.put_account(self.works.accounts[tenant_id], **stock)

    async def request(
        self,
        kind: SyncKind,
        tenant_id: int = ACME,
        streams: tuple[StreamName, ...] | None = None,
        integration_id: int = VTEX,
        **fields: Any,
    ) -> Requested:
        async with self.works.office.tenant_tx(tenant_id, "test") as connection:
            integration = await find_integration(connection, tenant_id, integration_id)
            assert integration is not None
            request = SyncRequest(kind, "manual", "cli:test", streams=streams, **fields)
            return await request_sync(connection, integration, request)

    async def start(self, kind: SyncKind, tenant_id: int = ACME, **fields: Any) -> str:
        """A run that was queued; its id."""
        requested = await self.request(kind, tenant_id, **fields)
        assert requested.outcome == "queued"
        assert requested.run_id is not None
        return requested.run_id

    async def look(self, run_id: str, tenant_id: int = ACME) -> tuple[SyncRun, dict[str, RunStream]]:
        async with self.works.database.tenant_tx(tenant_id, "test") as connection:
            run = await find_run(connection, tenant_id, run_id)
            streams = await list_run_streams(connection, tenant_id, [run_id])
        assert run is not None
        return run, {one.stream: one for one in streams[run_id]}

    async def wait(
        self, run_id: str, tenant_id: int = ACME, timeout_s: float = 60.0
    ) -> tuple[SyncRun, dict[str, RunStream]]:
        """The run when it has ended."""

        async def find() -> tuple[SyncRun, dict[str, RunStream]] | None:
            found = await self.look(run_id, tenant_id)
            return found if found[0].ended_at else None

        found = await until(find, timeout_s)
        assert found is not None
        return found

    async def sync(self, kind: SyncKind, tenant_id: int = ACME, **fields: Any) -> dict[str, RunStream]:
        """One run from its request to its end by a syncer of its own; its streams. It must have succeeded."""
        async with self.syncer():
            run, streams = await self.wait(await self.start(kind, tenant_id, **fields), tenant_id)
        assert run.status == "succeeded", (run, streams)
        return streams

    async def list_truth(self, kind: str, tenant_id: int = ACME) -> dict[str, Any]:
        """Every object of the store, by id."""
        path = f"expected?account={self.works.accounts[tenant_id]}&kind={kind}&limit=1000000"
        return {row["external_id"]: row for row in await self.works.sandbox.control("GET", path)}

    async def list_held(self, kind: str, tenant_id: int = ACME) -> dict[str, Any]:
        """Every row of the tenant, past all walls."""
        columns = "status, total_minor" if kind == "order" else "NULL AS status, NULL::bigint AS total_minor"
        rows = await self.works.superuser.fetch(
            f"SELECT external_id, source_updated_at, deleted_at IS NOT NULL AS deleted, {columns} FROM {kind}s"
            " WHERE tenant_id = $1 AND source = 'vtex'",
            tenant_id,
        )
        return {row["external_id"]: row for row in rows}


@pytest.fixture
def syncs(works: Works) -> SyncWorks:
    return SyncWorks(works)

"""One tenant's first full sync through a whole stack: its start, what became of it, and the rows against the store."""

import asyncio
import os
import time
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import httpx
from asyncpg.exceptions import InterfaceError, PostgresError

from app.services.integrations import seal_credentials
from app.services.sync_requests import SyncRequest, request_sync
from db import integrations as db_integrations
from db import tenants as db_tenants
from db.sync_runs import RunStream, SyncRun, find_run, list_run_streams
from scripts.stack.stack import Stack
from tests.acceptance.neighbours import open_office
from tests.acceptance.sandbox import open_sandbox, put_accounts
from tests.acceptance.telling import tell

TENANT, ACCOUNT, VTEX = 56, "acme", 1
CREDENTIALS = {"app_key": "vtexappkey-acme-ABCDEF", "app_token": "token"}
# Of the document's tenant 56. FULL_SYNC_SCALE=1 takes minutes; the suite's own size is enough to meet every cap.
DEMO_CUSTOMERS, DEMO_ORDERS = 65_226, 200_000
SCALE = float(os.environ.get("FULL_SYNC_SCALE") or 0.02)
PAGE = 20_000


class Store(NamedTuple):
    customers: int
    orders: int


STORE = Store(int(DEMO_CUSTOMERS * SCALE), int(DEMO_ORDERS * SCALE))


async def open_store(stack: Stack, store: Store, **account: object) -> None:
    """The tenant, its integration, and its store at the sandbox."""
    await put_accounts(
        stack, {ACCOUNT: {**CREDENTIALS, "customers": store.customers, "orders": store.orders, **account}}
    )
    async with open_office(stack) as office:
        await db_tenants.insert_organization(office.database, 1, "The cast")
        await db_tenants.insert_tenant(
            office.database, TENANT, organization_id=1, name="acme", slug="acme", type="enterprise", plan="premium",
            settings={"max_customers": 2_000_000},
        )  # fmt: skip
        keys = await office.keyring.create_tenant_keys(TENANT)
        async with office.database.tenant_tx(TENANT, "full_sync") as connection:
            await db_integrations.insert_integration(
                connection, TENANT, VTEX, connector="vtex", account=ACCOUNT, environment="vtexcommercestable",
                sealed_credentials=seal_credentials(keys, "vtex", ACCOUNT, CREDENTIALS),
            )  # fmt: skip


async def start_full_sync(stack: Stack) -> str:
    """The run's id; the first backfill that an integration starts by itself is joined."""
    async with open_office(stack) as office, office.database.tenant_tx(TENANT, "full_sync") as connection:
        integration = await db_integrations.find_integration(connection, TENANT, VTEX)
        assert integration is not None
        requested = await request_sync(connection, integration, SyncRequest("full", "manual", "cli:test"))
    assert requested.run_id is not None
    return requested.run_id


async def look(stack: Stack, run_id: str) -> tuple[SyncRun, dict[str, RunStream]]:
    """As it stands; waits for a Postgres that is away."""
    deadline = time.monotonic() + 60
    while True:
        try:
            async with open_office(stack) as office, office.database.tenant_tx(TENANT, "look") as connection:
                run = await find_run(connection, TENANT, run_id)
                streams = await list_run_streams(connection, TENANT, [run_id])
        except (PostgresError, InterfaceError, OSError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
        else:
            assert run is not None
            return run, {one.stream: one for one in streams[run_id]}


async def wait_for_end(stack: Stack, run_id: str, timeout_s: float) -> dict[str, RunStream]:
    """The streams of the run when it has ended; it must have succeeded."""
    deadline = time.monotonic() + timeout_s
    while True:
        run, streams = await look(stack, run_id)
        if run.ended_at is not None:
            assert run.status == "succeeded", (run, streams)
            return streams
        assert time.monotonic() < deadline, (run, streams)
        await asyncio.sleep(0.5)


async def find_differences(stack: Stack) -> list[str]:
    """By id and fingerprint, what is held of the store against its truth; empty when equal."""
    wrong: list[str] = []
    async with open_sandbox(stack) as sandbox:
        for kind in ("order", "customer"):
            truth = await _read_truth(sandbox, kind)
            held = await _read_held(stack, kind)
            tell(f"{kind}s: {len(truth)} at the store, {len(held)} held")
            wrong += [f"{kind} {one} is not held" for one in truth.keys() - held.keys()]
            wrong += [f"{kind} {one} is held and not there" for one in held.keys() - truth.keys()]
            wrong += [
                f"{kind} {one}: {held[one]} is not {truth[one]}"
                for one in truth.keys() & held.keys()
                if truth[one] != held[one]
            ]
    return wrong


async def _read_truth(sandbox: httpx.AsyncClient, kind: str) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    after: int | None = 0
    while after is not None:
        query: dict[str, str | int] = {"account": ACCOUNT, "kind": kind, "limit": PAGE, "after": after}
        page = (await sandbox.get("/_sandbox/fingerprints", params=query)).raise_for_status().json()
        for row in page["rows"]:
            if not row["deleted"]:
                moment = datetime.fromisoformat(row["source_updated_at"])
                found[row["external_id"]] = (moment, row["status"], row["total_minor"])
        after = page["next"]
    return found


async def _read_held(stack: Stack, kind: str) -> dict[str, tuple[Any, ...]]:
    columns = "status, total_minor" if kind == "order" else "NULL, NULL"
    connection = await asyncpg.connect(stack.database_urls["postgres"])
    try:
        rows = await connection.fetch(
            f"SELECT external_id, source_updated_at, {columns} FROM {kind}s WHERE tenant_id = $1 AND source = 'vtex'"
            " AND deleted_at IS NULL", TENANT,
        )  # fmt: skip
    finally:
        await connection.close()
    return {row[0]: tuple(row)[1:] for row in rows}

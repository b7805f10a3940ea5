"""Live events beside a running backfill of the same account, against live alone: how much longer they take.

Whole processes: receiver, worker, syncer, servers and the sandbox share this machine. Rounds take turns: orders are
told of at LIVE_RATE a second with the provider answering in 300 ms, once while nothing else goes on, once while a full
sync of the same account takes what the budget leaves. Latency is the ledger's: from acceptance to the commit.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from app.services.sync_requests import SyncRequest, request_sync
from db.integrations import find_integration
from db.ledger import Latency, measure_latency
from db.pool import Database
from db.sync_runs import cancel_run, list_run_streams, list_runs
from schemas.ids import make_uuid7
from scripts.benchmarks.figures import ROUNDS, pair_ratios, spread, summarise
from scripts.stack.demo import VTEX, check
from scripts.stack.demo_tenants import BRANDS
from scripts.stack.stack import Stack, StackOptions

TENANT, ACCOUNT = BRANDS[0].tenant_id, BRANDS[0].account
ORDERS = 60_000  # more than a round's backfill comes to
LIVE_EVENTS, LIVE_RATE = 400, 20
PROVIDER_LATENCY_MS = 300
END_TIMEOUT_S = 120.0


async def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="acequia-bench-") as name:
        options = StackOptions(
            folder=Path(name) / "data", has_traffic=False, uses_free_ports=True,
            sandbox_arguments=("--latency-ms", str(PROVIDER_LATENCY_MS)),
        )  # fmt: skip
        async with (
            Stack(options, lambda sentence: print(sentence, file=sys.stderr)) as stack,
            httpx.AsyncClient(base_url=stack.sandbox_url, timeout=90.0, trust_env=False) as sandbox,
            await Database.open(stack.settings("operator"), application_name="bench beside") as database,
        ):
            await wait_until_idle(database)
            check(await sandbox.put("/_sandbox/accounts", json={ACCOUNT: {"orders": ORDERS}}))
            return await measure(sandbox, database)


async def measure(sandbox: httpx.AsyncClient, database: Database) -> dict[str, object]:
    alone: list[Latency] = []
    beside: list[Latency] = []
    rows: list[float] = []
    await send(sandbox, database)  # warms everything up
    for _ in range(ROUNDS):
        alone.append(await send(sandbox, database))
        run_id = await start_backfill(database)
        listed, began_at = await count_listed(database, run_id), time.monotonic()
        beside.append(await send(sandbox, database))
        rows.append((await count_listed(database, run_id) - listed) / (time.monotonic() - began_at))
        async with database.tenant_tx(TENANT, "bench") as connection:
            if not await cancel_run(connection, TENANT, run_id):
                raise RuntimeError("the backfill came to its end before the round did: nothing was measured")
        await wait_until_idle(database)
        print(f"alone {alone[-1]}, beside {beside[-1]}, backfill {rows[-1]:.0f}/s", file=sys.stderr)
    ratios = pair_ratios([one.p99 or 0 for one in beside], [one.p99 or 0 for one in alone])
    return {
        "alone_p99_ms": summarise([one.p99 or 0 for one in alone]),
        "beside_p99_ms": summarise([one.p99 or 0 for one in beside]),
        "ratio": summarise(ratios, 2),
        "ratio_spread": spread(ratios),
        "alone_p50_ms": summarise([one.p50 or 0 for one in alone]),
        "beside_p50_ms": summarise([one.p50 or 0 for one in beside]),
        "backfill_per_s": summarise(rows),
        "live_per_s": LIVE_RATE,
    }


async def send(sandbox: httpx.AsyncClient, database: Database) -> Latency:
    """A counted run of order hooks; the latencies of its events when all are settled."""
    first = make_uuid7()
    body = {
        "events": LIVE_EVENTS, "rate": LIVE_RATE, "accounts": [ACCOUNT],
        "mix": {"orders": 1.0, "duplicates": 0.0, "out_of_order": 0.0},
    }  # fmt: skip
    traffic = check_run((await sandbox.post("/_sandbox/traffic", json=body)).raise_for_status().json())
    while not traffic["done"]:
        answer = await sandbox.get(f"/_sandbox/traffic/{traffic['id']}", params={"wait_s": 5})
        traffic = check_run(answer.raise_for_status().json())
    deadline = time.monotonic() + END_TIMEOUT_S
    while True:
        async with database.tenant_tx(TENANT, "bench") as connection:
            latency = await measure_latency(connection, TENANT, after=first)
        if latency.events >= traffic["accepted"]:
            return latency
        if time.monotonic() > deadline:
            raise RuntimeError(f"{traffic['accepted'] - latency.events} events were not settled")
        await asyncio.sleep(0.1)


def check_run(traffic: dict[str, Any]) -> dict[str, Any]:
    if traffic["error"]:
        raise RuntimeError(f"The sandbox could not send: {traffic['error']}")
    return traffic


async def start_backfill(database: Database) -> str:
    """A full sync of the account that has begun to fetch; its id."""
    async with database.tenant_tx(TENANT, "bench") as connection:
        integration = await find_integration(connection, TENANT, VTEX)
        if integration is None:
            raise RuntimeError("the demo's integration is not there")
        request = SyncRequest("full", "manual", "cli:bench", streams=("orders",))
        requested = await request_sync(connection, integration, request)
    if requested.run_id is None:
        raise RuntimeError(f"no backfill: {requested.outcome}")
    deadline = time.monotonic() + END_TIMEOUT_S
    while not await count_listed(database, requested.run_id):
        if time.monotonic() > deadline:
            raise RuntimeError("the backfill did not begin")
        await asyncio.sleep(0.1)
    return requested.run_id


async def count_listed(database: Database, run_id: str) -> int:
    async with database.tenant_tx(TENANT, "bench") as connection:
        streams = await list_run_streams(connection, TENANT, [run_id])
    return sum(stream.listed for stream in streams[run_id])


async def wait_until_idle(database: Database) -> None:
    """Until no run of any of the demo's tenants goes on."""
    deadline = time.monotonic() + END_TIMEOUT_S
    for brand in BRANDS:
        while True:
            async with database.tenant_tx(brand.tenant_id, "bench") as connection:
                runs = await list_runs(connection, brand.tenant_id)
            if all(one.ended_at is not None for one in runs):
                break
            if time.monotonic() > deadline:
                raise RuntimeError(f"a sync of {brand.name} goes on and on")
            await asyncio.sleep(0.2)

"""From the queue to committed rows: inline customers and fetched orders, against one arq job per event.

Events are queued while nobody drains, then one worker process works them off; the clock runs from its first turn to
the last ledger row. So no load generator takes part; the append's own rate is printed as the ceiling of what could
arrive. The baseline is one arq worker process with one job and one transaction per event, tuned. Latency is of a
mixed run over HTTP at a fixed rate with the provider answering in 300 ms.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx
import orjson
from arq.connections import RedisSettings, create_pool

from app.core.queue import AppendBatch, Confirm, NewEntry, Queue
from app.core.redis import connect_redis
from app.core.sealing import TenantKeys, inline_info, seal_inline
from app.services.keyring import open_keyring
from db.ledger import total_all_events
from db.pool import Database
from schemas.events import Event, encode_event
from schemas.ids import find_received_on, make_uuid7
from scripts.benchmarks.arq_worker import QUEUE
from scripts.benchmarks.figures import ROUNDS, pair_ratios, spread, summarise
from scripts.smoke import measure as measure_run
from scripts.stack.demo_tenants import BRANDS as ALL_BRANDS
from scripts.stack.procfile import ROOT
from scripts.stack.stack import Stack, StackOptions

# The trial tenant's limit on customers would soon bind, and what it keeps out is another path than the one measured.
BRANDS = tuple(brand for brand in ALL_BRANDS if brand.type != "trial")
CUSTOMERS = 8_000
ORDERS = 1_500
ARQ_EVENTS = 2_000
LATENCY_EVENTS, LATENCY_RATE = 600, 60
STALL_MAX_S = 120.0
POLL_S = 0.01
APPEND_EVENTS = 200
_NUMBERS = count(1)


class Bench:
    """A running stack, and what it takes to queue events and to see them settled."""

    def __init__(self, stack: Stack, database: Database, queue: Queue, keys: dict[int, TenantKeys]) -> None:
        self.stack = stack
        self.database = database
        self.queue = queue
        self.keys = keys

    async def count_settled(self) -> int:
        totals = await total_all_events(self.database, find_received_on(make_uuid7(0)))
        return sum(sum(outcomes.values()) for outcomes in totals.values())

    async def wait_for(self, settled: int, started_at: float) -> float:
        """Seconds from `started_at` until so many events are settled. Raises RuntimeError when it does not happen."""
        while await self.count_settled() < settled:
            if time.perf_counter() - started_at > STALL_MAX_S:
                raise RuntimeError(f"not settled after {STALL_MAX_S:.0f} s")
            await asyncio.sleep(POLL_S)
        return time.perf_counter() - started_at

    async def drain(self, events: Sequence[tuple[int, Event]]) -> tuple[float, float]:
        """Events per second drained, and appended: paused tenants are filled first, then let go."""
        before = await self.count_settled()
        for brand in BRANDS:
            await self.queue.pause(brand.tenant_id)
        append_started_at = time.perf_counter()
        await self.append(events)
        appended_per_s = len(events) / (time.perf_counter() - append_started_at)
        started_at = time.perf_counter()
        for brand in BRANDS:
            await self.queue.resume(brand.tenant_id)
        return len(events) / await self.wait_for(before + len(events), started_at), appended_per_s

    async def append(self, events: Sequence[tuple[int, Event]]) -> None:
        by_tenant: dict[int, list[NewEntry]] = {}
        for tenant_id, event in events:
            by_tenant.setdefault(tenant_id, []).append(NewEntry(event.event_id, encode_event(event)))
        for tenant_id, entries in by_tenant.items():
            for at in range(0, len(entries), APPEND_EVENTS):
                batch = AppendBatch(tenant_id, "normal", entries[at : at + APPEND_EVENTS])
                await self.queue.append([batch], confirm=Confirm())

    def make_customers(self, amount: int) -> list[tuple[int, Event]]:
        """Signed documents as the receiver seals them, spread over the tenants."""
        random, events = Random(amount), []
        for index in range(amount):
            brand = BRANDS[index % len(BRANDS)]
            external_id, event_id = f"bench-{next(_NUMBERS)}", make_uuid7()
            data = {
                "external_id": external_id, "first_name": "Lucía", "last_name": "Fernández",
                "email": f"shopper{random.randrange(10**9)}@correo.example", "phones": ["+5491155551234"],
                "document_type": "dni", "document": str(random.randrange(10**7, 5 * 10**7)),
            }  # fmt: skip
            info = inline_info(brand.tenant_id, "brand", "customer", external_id, event_id)
            body = orjson.dumps({"type": "customer.upsert", "data": data})
            sealed = seal_inline(self.keys[brand.tenant_id].public_key, info, body)
            events.append((brand.tenant_id, Event(event_id, "brand", brand.slug, 2, "inline", "customer", "upsert",
                                                  external_id, sealed=sealed)))  # fmt: skip
        return events

    async def make_orders(self, sandbox: httpx.AsyncClient, amount: int) -> list[tuple[int, Event]]:
        """New orders at the sandbox, and a hint for each."""
        events: list[tuple[int, Event]] = []
        each = amount // len(BRANDS)
        known = (await sandbox.get("/_sandbox/")).raise_for_status().json()["accounts"]
        stock = {brand.account: {"orders": known[brand.account]["orders"] + each} for brand in BRANDS}
        (await sandbox.put("/_sandbox/accounts", json=stock)).raise_for_status()
        for brand in BRANDS:
            query: dict[str, str | int] = {"account": brand.account, "kind": "order", "limit": each}
            found = (await sandbox.get("/_sandbox/expected", params=query)).raise_for_status().json()
            for one in found:
                place = (make_uuid7(), "vtex", brand.account, 1)
                events.append((brand.tenant_id, Event(*place, "hint", "order", "upsert", one["external_id"])))
        return events


@asynccontextmanager
async def open_bench(folder: Path) -> AsyncIterator[Bench]:
    settings = {"vtex_calls_per_minute": 10_000_000, "fetch_concurrency_per_tenant": 64}
    options = StackOptions(folder=folder, has_traffic=False, uses_free_ports=True, settings=settings,
                           sandbox_arguments=("--latency-ms", "0"))  # fmt: skip
    async with Stack(options) as stack:
        web = stack.settings("web")
        redis = connect_redis(web.get_url("redis_url"), socket_timeout_s=10.0)
        queue = Queue(redis)
        await queue.load()
        keyring = await open_keyring(web)
        keys = {brand.tenant_id: await keyring.keys_of(brand.tenant_id) for brand in BRANDS}
        async with await Database.open(web, application_name="bench pipeline") as database:
            yield Bench(stack, database, queue, keys)
        await keyring.close()
        await queue.close()
        await redis.aclose()


async def measure_arq(bench: Bench, events: Sequence[tuple[int, Event]]) -> float:
    """Events per second of the baseline. Jobs are queued first; its start is not timed: the first event's end is."""
    pool = await create_pool(RedisSettings.from_dsn(bench.stack.redis_url), job_serializer=orjson.dumps)
    before = await bench.count_settled()
    for tenant_id, event in events:
        body = b64encode(encode_event(event)).decode()
        await pool.enqueue_job("apply_one", tenant_id, event.event_id, body, _queue_name=QUEUE, _job_id=event.event_id)
    await pool.aclose()
    environment = os.environ | bench.stack.environment("worker")
    process = subprocess.Popen([sys.executable, "-m", "scripts.benchmarks.arq_worker"], cwd=ROOT, env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        started_at = time.perf_counter()
        await bench.wait_for(before + 1, started_at)
        first = await bench.count_settled()
        started_at = time.perf_counter()
        seconds = await bench.wait_for(before + len(events), started_at)
        return (before + len(events) - first) / seconds
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait)


async def run() -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="acequia-bench-") as folder:
        async with open_bench(Path(folder) / "data") as bench:
            return await measure(bench)


async def measure(bench: Bench) -> dict[str, object]:
    figures: dict[str, list[float]] = {"customers": [], "orders": [], "orders_300ms": [], "arq": [], "append": []}
    async with httpx.AsyncClient(base_url=bench.stack.sandbox_url, timeout=60, trust_env=False) as sandbox:
        await bench.drain(bench.make_customers(1_000))  # warms everything up
        for _ in range(ROUNDS):
            found: dict[str, float] = {}
            found["customers"], found["append"] = await bench.drain(bench.make_customers(CUSTOMERS))
            found["arq"] = await measure_arq(bench, bench.make_customers(ARQ_EVENTS))
            found["orders"], _ = await bench.drain(await bench.make_orders(sandbox, ORDERS))
            slow = {"kind": "slow", "delay_ms": 300}  # all alike: one call that hangs would be all that is measured
            (await sandbox.post("/_sandbox/faults", json=slow)).raise_for_status()
            found["orders_300ms"], _ = await bench.drain(await bench.make_orders(sandbox, ORDERS))
            (await sandbox.delete("/_sandbox/faults")).raise_for_status()
            print(", ".join(f"{name} {value:,.0f}/s" for name, value in found.items()), file=sys.stderr)
            for name, value in found.items():
                figures[name].append(value)
        (await sandbox.post("/_sandbox/faults", json={"latency_ms": 300})).raise_for_status()
    latency = await measure_latency(bench)
    ratios = pair_ratios(figures["customers"], figures["arq"])
    return {
        "customers_per_s": summarise(figures["customers"]),
        "orders_per_s": summarise(figures["orders"]),
        "orders_300ms_per_s": summarise(figures["orders_300ms"]),
        "arq_per_event_per_s": summarise(figures["arq"]),
        "ratio": summarise(ratios, 2),
        "ratio_spread": spread(ratios),
        "append_per_s": summarise(figures["append"]),
        "latency_ms": latency,
    }


async def measure_latency(bench: Bench) -> dict[str, Any]:
    """Of a mixed run over HTTP, acceptance to after COMMIT; read of a histogram that only this run has filled."""
    async for key in bench.queue.redis.scan_iter(match="latency:*"):
        await bench.queue.redis.delete(key)
    mix = {"orders": 0.6, "customers": 0.25, "inline_customers": 0.15}
    balance = await measure_run(bench.stack, LATENCY_EVENTS, LATENCY_RATE, mix)
    return {"p50": balance.latency_ms.p50, "p99": balance.latency_ms.p99, "max": balance.latency_ms.max}

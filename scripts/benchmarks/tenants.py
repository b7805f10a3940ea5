"""Lists 1,000 tenants with counts and last sync, with 10 million customers behind them and with 100 thousand.

Two databases on one server hold the same tenants; only the customers differ. Calls go to both in turns, through the use
case as a platform admin, and through the whole API in this process. `ratio_to_small`: p95 of the large against p95 of
the small, in the same rounds. BENCH_CUSTOMERS: other than 10 million, for a look.
"""

import gc
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import httpx

from app.api.app import build_api
from app.services.api_keys import create_platform_key
from app.services.api_usage import ApiUsage
from app.services.audit import Actor
from app.services.office import Office, open_office
from app.services.permissions import Grant, Principal
from app.services.setup import set_up_platform
from app.services.tenants import list_visible_tenants
from schemas.access import NewPlatformKey
from schemas.tenants import TenantsQuery
from scripts.benchmarks.installed import open_installation
from scripts.stack.installation import DATABASE, OWNER, PROCESS_ROLES, Installation, read_settings_of
from scripts.stack.postgres import SUPERUSER
from scripts.stack.valkey import EmbeddedValkey

TENANTS = 1_000
SMALL = 100_000
LARGE = int(os.environ.get("BENCH_CUSTOMERS", "10000000"))
ROUNDS = 200
WARM_ROUNDS = 20
SEALED_BYTES = 60
ACTOR = Actor("cli", "bench")
CALLER = Principal("cli", "bench", (Grant("platform", 0, "platform_admin"),))
_COLUMNS = (
    "tenant_id", "source", "account", "external_id", "source_updated_at", "mapper_version", "observed_at",
    "content_hash", "sealed",
)  # fmt: skip
# What stands beside the customers: two integrations, three writers' counters and last moments of each.
_SURROUNDINGS = """
INSERT INTO organizations SELECT n, 'Group ' || n FROM generate_series(1, 100) AS n;
INSERT INTO tenants (tenant_id, organization_id, name, slug, type, plan, settings)
SELECT n, n % 100 + 1, 'Brand ' || n, 'brand-' || n, 'enterprise', 'premium',
       '{"timezone": "America/Argentina/Buenos_Aires", "currency": "ARS", "features": {"rfm_analysis": true}}'
FROM generate_series(1, $tenants) AS n;
INSERT INTO tenant_integrations (tenant_id, integration_id, connector, account, environment)
SELECT n, i, (ARRAY['vtex', 'brand'])[i], 'account' || n, 'vtexcommercestable'
FROM generate_series(1, $tenants) AS n, generate_series(1, 2) AS i;
INSERT INTO integration_activity
SELECT n, i, w, now()
FROM generate_series(1, $tenants) AS n, generate_series(1, 2) AS i, unnest(ARRAY['live', 'bulk']) AS w;
"""
_COUNTERS = """
DELETE FROM counters;
INSERT INTO counters
SELECT n, name, w, $each FROM generate_series(1, $tenants) AS n,
       unnest(ARRAY['customers', 'customers_deleted', 'orders', 'orders_deleted', 'stored_bytes']) AS name,
       unnest(ARRAY['live', 'bulk']) AS w;
"""


async def run() -> dict[str, object]:
    async with open_queue() as redis_url, open_installation(redis_url) as small, AsyncExitStack() as resources:
        await seed_surroundings(small)
        large = await copy_installation(small, "_large")
        seeding_s = {name: await seed_customers(one, customers)
                     for name, one, customers in (("small", small, SMALL), ("large", large, LARGE))}  # fmt: skip
        print(f"seeded: {seeding_s}", file=sys.stderr)
        offices = {
            name: await open_office(make_settings(one), resources, application_name="bench tenants")
            for name, one in (("small", small), ("large", large))
        }
        await set_up_platform(offices["small"], actor=ACTOR)
        gc.freeze()  # as the web process does it when it has started
        service = await measure({name: make_service_call(office) for name, office in offices.items()})
        clients = {name: await make_http_call(office, resources) for name, office in offices.items()}
        http = await measure(clients)
    return {
        "p95_ms": round(find_p95(service["large"]), 1),
        "ratio_to_small": round(find_p95(service["large"]) / find_p95(service["small"]), 2),
        "p50_ms": round(find_p50(service["large"]), 1),
        "p50_ratio_to_small": round(find_p50(service["large"]) / find_p50(service["small"]), 2),
        "http_p95_ms": round(find_p95(http["large"]), 1),
        "http_ratio_to_small": round(find_p95(http["large"]) / find_p95(http["small"]), 2),
        "tenants": TENANTS,
        "customers": LARGE,
        "rounds": ROUNDS,
        "seeding_s": round(seeding_s["large"], 1),
    }


@asynccontextmanager
async def open_queue() -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory(prefix="acequia-bench-") as name:
        valkey = EmbeddedValkey(Path(name))
        await valkey.start()
        try:
            yield valkey.url
        finally:
            await valkey.stop()


def make_settings(installation: Installation) -> Any:
    return read_settings_of(installation.environment("web", api_rate_caller_per_s=100_000))


async def seed_surroundings(installation: Installation) -> None:
    superuser = await asyncpg.connect(installation.database_urls[SUPERUSER])
    await superuser.execute(_SURROUNDINGS.replace("$tenants", str(TENANTS)))
    await superuser.close()


async def copy_installation(installation: Installation, suffix: str) -> Installation:
    """The same with a copy of the data database; a copy has neither the owner nor the grants of its source."""
    urls = dict(installation.database_urls)
    name = DATABASE + suffix
    superuser = await asyncpg.connect(urls[SUPERUSER].replace(f"/{DATABASE}", "/postgres"))
    await superuser.execute(f'CREATE DATABASE "{name}" TEMPLATE "{DATABASE}" OWNER {OWNER}')
    await superuser.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    await superuser.execute(f'GRANT CONNECT ON DATABASE "{name}" TO {", ".join(PROCESS_ROLES)}')
    await superuser.close()
    for role in (SUPERUSER, OWNER, *PROCESS_ROLES):
        urls[role] = urls[role].removesuffix(DATABASE) + name
    return replace(installation, database_urls=urls)


async def seed_customers(installation: Installation, customers: int) -> float:
    """COPY without the indexes, which are made over all rows at once afterwards. Seconds."""
    started_at = time.perf_counter()
    superuser = await asyncpg.connect(installation.database_urls[SUPERUSER])
    indexes = await superuser.fetch(
        "SELECT indexdef FROM pg_indexes WHERE tablename = 'customers' AND indexname <> 'customers_pkey'"
    )
    key = await superuser.fetchval(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'customers_pkey'"
    )
    await superuser.execute("ALTER TABLE customers DROP CONSTRAINT customers_pkey")
    for name in await superuser.fetch("SELECT indexname FROM pg_indexes WHERE tablename = 'customers'"):
        await superuser.execute(f'DROP INDEX "{name[0]}"')
    await superuser.execute("SET maintenance_work_mem = '1GB'")
    each = customers // TENANTS
    await superuser.copy_to_table("customers", source=write_customers(each), columns=_COLUMNS)
    await superuser.execute(f"ALTER TABLE customers ADD CONSTRAINT customers_pkey {key}")
    for row in indexes:
        await superuser.execute(row["indexdef"])
    await superuser.execute(_COUNTERS.replace("$tenants", str(TENANTS)).replace("$each", str(each // 2)))
    await superuser.execute("VACUUM ANALYZE")
    await superuser.execute("CHECKPOINT")
    await superuser.close()
    return time.perf_counter() - started_at


async def write_customers(each: int) -> AsyncIterator[bytes]:
    """COPY's text, a tenant a piece: the same random rows under every tenant's id."""
    random = Random(each)
    rows = "".join(
        f"@\tvtex\tacme\t{number:08d}-{random.randrange(16**8):08x}\t2026-01-01T00:00:00Z\t1\t2026-01-01T00:00:00Z\t"
        f"\\\\x{random.randbytes(16).hex()}\t\\\\x{random.randbytes(SEALED_BYTES).hex()}\n"
        for number in range(each)
    )
    for tenant_id in range(1, TENANTS + 1):
        yield rows.replace("@", str(tenant_id)).encode()


def make_service_call(office: Office) -> Callable[[], Awaitable[None]]:
    query = TenantsQuery(limit=TENANTS)

    async def call() -> None:
        page = await list_visible_tenants(office, CALLER, query, TENANTS)
        assert len(page.data) == TENANTS
        assert page.data[-1].customer_count > 0
        assert page.data[-1].last_sync is not None

    return call


async def make_http_call(office: Office, resources: AsyncExitStack) -> Callable[[], Awaitable[None]]:
    """Through HTTP's own forms, checks and rates, without a socket."""
    key = await create_platform_key(office, NewPlatformKey(name="bench"), actor=ACTOR)
    transport = httpx.ASGITransport(app=build_api(office, ApiUsage(office)), client=("127.0.0.1", 50_000))
    client = httpx.AsyncClient(
        transport=transport, base_url="http://acequia.test", headers={"Authorization": f"Bearer {key.api_key}"}
    )
    await resources.enter_async_context(client)

    async def call() -> None:
        answer = await client.get("/api/v2/tenants", params={"limit": TENANTS})
        assert answer.status_code == 200, answer.text
        assert answer.content.count(b'"slug"') == TENANTS

    return call


async def measure(calls: dict[str, Callable[[], Awaitable[None]]]) -> dict[str, list[float]]:
    """Milliseconds per call, in turns, so that what else the machine does meets both alike."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(-WARM_ROUNDS, ROUNDS):
        for name in turn(list(calls), number):
            started_at = time.perf_counter()
            await calls[name]()
            if number >= 0:
                taken[name].append(1_000 * (time.perf_counter() - started_at))
    return taken


def turn(names: list[str], number: int) -> Iterator[str]:
    """The other way round in every second round."""
    return iter(names) if number % 2 else reversed(names)


def find_p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def find_p50(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]

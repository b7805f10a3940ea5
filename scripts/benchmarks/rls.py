"""The signed token's policy against a policy over a plain setting, on two copies of the customers' tables.

Both sides run the product's own statements as the worker's role: each transaction says whose it is (the token is made
anew every time, as the product does it), then writes 500 rows (a third new, a third newer, a third older) or reads one
by its key. In turns; a figure is the median of the signed side's times over the other's.
"""

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from statistics import median
from typing import NamedTuple

import asyncpg

from app.core.sealing import TenantKeys
from app.services.keyring import open_keyring
from app.services.sealed_rows import Sealer
from app.services.upsert import CUSTOMERS, upsert
from db.customers import SQL
from db.token import TokenKey, mint_token
from db.versions import Key, split_keys
from scripts.benchmarks.figures import spread
from scripts.benchmarks.installed import open_installation
from scripts.benchmarks.upsert import BATCH, TENANT, SealedRows, make_round, seal_all
from scripts.stack.installation import OWNER, Installation, read_settings_of

UPSERT_ROUNDS = 4  # of 3,000 rows held and 4,000 coming: 12 batches a round and side
READS = 6_000
WARM_READS = 500
TABLES = ("customers", "customer_identities")
POLICIES = {
    "signed": "tenant_id = (SELECT security.current_tenant_id())",
    "plain": "tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::int",
}
TOKEN_TTL_S = 60


class Side(NamedTuple):
    """A connection, and how its transactions say whose they are."""

    schema: str
    connection: asyncpg.Connection
    setting: str
    make_value: Callable[[], str]

    @asynccontextmanager
    async def open_transaction(self) -> AsyncIterator[asyncpg.Connection]:
        async with self.connection.transaction():
            await self.connection.fetchval("SELECT set_config($1, $2, true)", self.setting, self.make_value())
            yield self.connection


async def run() -> dict[str, object]:
    async with open_installation() as installation:
        keyring = await open_keyring(read_settings_of(installation.environment("worker")))
        keys = await keyring.create_tenant_keys(TENANT)
        await keyring.close()
        await make_copies(installation)
        sides = {name: await open_side(installation, name) for name in POLICIES}
        gc.freeze()
        upserts, held = await measure_upserts(sides, keys)
        reads = await measure_reads(sides, held)
        await asyncio.gather(*(side.connection.close() for side in sides.values()))
    upsert_ratios, read_ratios = compare(upserts, 8), compare(reads, 500)
    return {
        "upsert_ratio": round(median(upserts["signed"]) / median(upserts["plain"]), 3),
        "read_ratio": round(median(reads["signed"]) / median(reads["plain"]), 3),
        "upsert_ratio_spread": spread(upsert_ratios, 3),
        "read_ratio_spread": spread(read_ratios, 3),
        "upsert_ms": round(median(upserts["signed"]), 2),
        "read_us": round(1_000 * median(reads["signed"])),
        "batch": BATCH,
        "batches": len(upserts["signed"]),
        "reads": len(reads["signed"]),
    }


async def make_copies(installation: Installation) -> None:
    """A schema a side with the same tables, indexes and grants; only the policies differ."""
    owner = await asyncpg.connect(installation.database_urls[OWNER])
    for schema, condition in POLICIES.items():
        await owner.execute(f"CREATE SCHEMA {schema}; GRANT USAGE ON SCHEMA {schema} TO acequia_worker")
        for table in TABLES:
            await owner.execute(f"""
                CREATE TABLE {schema}.{table} (LIKE public.{table} INCLUDING ALL);
                ALTER TABLE {schema}.{table} ENABLE ROW LEVEL SECURITY;
                ALTER TABLE {schema}.{table} FORCE ROW LEVEL SECURITY;
                CREATE POLICY of_tenant ON {schema}.{table} USING ({condition}) WITH CHECK ({condition});
                GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.{table} TO acequia_worker""")
    await owner.close()


async def open_side(installation: Installation, schema: str) -> Side:
    url = installation.database_urls["acequia_worker"]
    connection = await asyncpg.connect(url, server_settings={"search_path": schema, "jit": "off"})
    if schema == "plain":
        return Side(schema, connection, "app.tenant_id", lambda: str(TENANT))
    key = TokenKey(*installation.tenant_token_key)
    return Side(schema, connection, "app.tenant_token", lambda: mint_token(key, TENANT, "bench", TOKEN_TTL_S))


async def measure_upserts(sides: dict[str, Side], keys: TenantKeys) -> tuple[dict[str, list[float]], list[Key]]:
    """Milliseconds a batch, and the keys that are held at the end."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    held: list[Key] = []
    for number in range(UPSERT_ROUNDS + 1):
        before, coming = (seal_all(keys, observations) for observations in make_round(number))
        for side in sides.values():
            await write_all(side, keys, before, [])
        batches: dict[str, list[float]] = {name: [] for name in sides}
        for at, batch in enumerate(split_rows(coming)):
            for name in turn(sides, at):
                await write_all(sides[name], keys, batch, batches[name])
        held += list(coming)
        print(f"upserts {median(batches['signed']):.2f} ms, {median(batches['plain']):.2f} ms", file=sys.stderr)
        if number:  # the first round warms everything up
            for name in sides:
                taken[name] += batches[name]
    return taken, held


async def write_all(side: Side, keys: TenantKeys, rows: SealedRows, taken: list[float]) -> None:
    """The product's look and write, in batches; the sealing was done before."""
    family = CUSTOMERS._replace(make_row=lambda _sealer, key, _known, _revision: rows[key][1])
    sealer = Sealer(keys, "AR")
    for batch in split_rows(rows):
        told = {key: known for key, (known, _) in batch.items()}
        started_at = time.perf_counter()
        async with side.open_transaction() as connection:
            await upsert(connection, sealer, family, told)
        taken.append(1_000 * (time.perf_counter() - started_at))


async def measure_reads(sides: dict[str, Side], held: list[Key]) -> dict[str, list[float]]:
    """Milliseconds of a transaction that reads one row by its key.

    Both sides on one connection, by the tables' whole names: which core a server's process happens to run on says more
    about so short a call than anything that is measured here.
    """
    [first, *_] = sides.values()
    sides = {name: side._replace(connection=first.connection) for name, side in sides.items()}
    statements = {name: SQL["get_customers"].replace("FROM customers", f"FROM {name}.customers") for name in sides}
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(-WARM_READS, READS):
        key = held[number * 7_919 % len(held)]
        for name in turn(sides, number):
            started_at = time.perf_counter()
            async with sides[name].open_transaction() as connection:
                rows = await connection.fetch(statements[name], TENANT, *split_keys([key]))
            if number >= 0:
                taken[name].append(1_000 * (time.perf_counter() - started_at))
            assert len(rows) == 1
    return taken


def split_rows(rows: SealedRows) -> list[SealedRows]:
    listed = list(rows.items())
    return [dict(listed[at : at + BATCH]) for at in range(0, len(listed), BATCH)]


def turn(sides: dict[str, Side], number: int) -> list[str]:
    """The other way round every second time."""
    return list(sides) if number % 2 else list(reversed(sides))


def compare(taken: dict[str, list[float]], size: int) -> list[float]:
    """The ratio of medians in each piece of this size: how far it varies."""
    return [
        median(taken["signed"][at : at + size]) / median(taken["plain"][at : at + size])
        for at in range(0, len(taken["signed"]) - size + 1, size)
    ]

"""The signed token's policy against a policy over a plain setting, on two copies of the customers' tables.

Both sides run the product's own statements as the worker's role: each transaction says whose it is (the token is made
anew every time, as the product does it), then writes 500 rows (a third new, a third newer, a third older) or reads one
by its key. In turns; a figure is the median of what neighbours in time took, the signed side's over the other's.
"""

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import asyncpg

from app.core.sealing import TenantKeys
from app.services.keyring import open_keyring
from app.services.sealed_rows import Sealer
from app.services.upsert import CUSTOMERS, upsert
from db.customers import SQL
from db.token import TokenKey, mint_token
from db.versions import Key, split_keys
from scripts.benchmarks.figures import pair_ratios, summarise
from scripts.benchmarks.installed import open_installation
from scripts.benchmarks.upsert import BATCH, TENANT, SealedRows, make_round, seal_all
from scripts.stack.installation import OWNER, Installation, read_settings_of

UPSERT_ROUNDS = 4  # of 3,000 rows held and 4,000 coming: 12 batches a round and side
READ_BLOCKS = 80
WARM_BLOCKS = 4
BLOCK_READS = 150  # one after the other on a side, as a process's own calls come: in turns they would evict each other
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
        reads, server = await measure_reads(sides, held)
        await asyncio.gather(*(side.connection.close() for side in sides.values()))
    upsert_ratios, read_ratios = (pair_ratios(one["signed"], one["plain"]) for one in (upserts, reads))
    return {
        "upsert_ratio": summarise(upsert_ratios, 3),
        "read_ratio": summarise(read_ratios, 3),
        "upsert_quartiles": find_quartiles(upsert_ratios),
        "read_quartiles": find_quartiles(read_ratios),
        "upsert_ms": summarise(upserts["signed"], 2),
        "read_us": summarise(reads["signed"]),
        "read_server_ratio": summarise(pair_ratios(server["signed"], server["plain"]), 3),
        "read_server_us": summarise(server["signed"]),
        "read_server_more_us": summarise(server["signed"]) - summarise(server["plain"]),
        "batch": BATCH,
        "batches": len(upserts["signed"]),
        "reads": READ_BLOCKS * BLOCK_READS,
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
    family = CUSTOMERS._replace(make_rows=lambda _sealer, states: [rows[state.key][1] for state in states])
    sealer = Sealer(keys, "AR")
    for batch in split_rows(rows):
        told = {key: known for key, (known, _) in batch.items()}
        started_at = time.perf_counter()
        async with side.open_transaction() as connection:
            await upsert(connection, sealer, family, told)
        taken.append(1_000 * (time.perf_counter() - started_at))


async def measure_reads(
    sides: dict[str, Side], held: list[Key]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Microseconds of a transaction that reads one row by its key, as means of blocks: as the caller waits, and as the
    server's process works.

    Both sides on one connection, by the tables' whole names: which core a server's process happens to run on says more
    about so short a call than anything that is measured here.
    """
    [first, *_] = sides.values()
    sides = {name: side._replace(connection=first.connection) for name, side in sides.items()}
    statements = {name: SQL["get_customers"].replace("FROM customers", f"FROM {name}.customers") for name in sides}
    pid = first.connection.get_server_pid()
    waited: dict[str, list[float]] = {name: [] for name in sides}
    worked: dict[str, list[float]] = {name: [] for name in sides}
    for block in range(-WARM_BLOCKS, READ_BLOCKS):
        wanted = [held[(block * BLOCK_READS + at) * 7_919 % len(held)] for at in range(BLOCK_READS)]
        for name in turn(sides, block):
            started_at, worked_before = time.perf_counter(), read_cpu_us(pid)
            for key in wanted:
                async with sides[name].open_transaction() as connection:
                    rows = await connection.fetch(statements[name], TENANT, *split_keys([key]))
                assert len(rows) == 1
            if block >= 0:
                waited[name].append(1_000_000 * (time.perf_counter() - started_at) / BLOCK_READS)
                worked[name].append((read_cpu_us(pid) - worked_before) / BLOCK_READS)
    return waited, worked


def read_cpu_us(pid: int) -> float:
    """What a process has computed since its start, by the scheduler's own account (Linux)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1_000


def split_rows(rows: SealedRows) -> list[SealedRows]:
    listed = list(rows.items())
    return [dict(listed[at : at + BATCH]) for at in range(0, len(listed), BATCH)]


def turn(sides: dict[str, Side], number: int) -> list[str]:
    """The other way round every second time."""
    return list(sides) if number % 2 else list(reversed(sides))


def find_quartiles(values: list[float]) -> list[float]:
    """Between these lie half of the pairs: how far a single one may mislead."""
    first, _, third = quantiles(values, n=4)
    return [round(first, 3), round(third, 3)]

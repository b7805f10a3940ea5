"""Sealed upserts through `tenant_tx`, against COPY of the same sealed bytes into the same indexes.

One third of the rows is new, one third newer than what is held, one third older. Both sides get rows sealed before, in
batches of 500, a transaction each. Ours looks at what is held, writes what wins with its identities, and counts. COPY
puts all rows and identities into copies of the tables with the same indexes, as their owner, without row security.
`rls_ratio`: ours against ours with row security off. `from_records_per_s`: ours with hashing and sealing included.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import asyncpg

from app.core.sealing import TenantKeys
from app.services.apply import Observation, apply_batch, make_version
from app.services.keyring import open_keyring
from app.services.merge import Known, observe
from app.services.sealed_rows import Sealer, State, make_customer_rows
from app.services.upsert import CUSTOMERS, upsert
from db.counters import add_to_counters
from db.customers import CustomerRow
from db.identities import unpack_identities
from db.pool import Database
from db.versions import Key
from schemas.records import CustomerRecord
from scripts.benchmarks.figures import ROUNDS, pair_ratios, spread, summarise
from scripts.benchmarks.installed import open_installation
from scripts.stack.installation import OWNER, Installation, read_settings_of
from scripts.stack.postgres import SUPERUSER

TENANT = 1
ROWS = 6_000
BATCH = 500
HELD_AT = datetime(2026, 1, 1, tzinfo=UTC)
COPIES = ("customers", "customer_identities")


def make_record(random: Random, number: int, stamp: datetime) -> CustomerRecord:
    """A profile like a store's: e-mail, phone, document, names."""
    return CustomerRecord(
        external_id=f"{number:08d}-{random.randrange(16**8):08x}",
        source_created_at=HELD_AT - timedelta(days=30),
        source_updated_at=stamp,
        is_corporate=False,
        accepts_marketing=bool(number % 2),
        locale="es-AR",
        profile_id=f"{random.randrange(16**16):016x}",
        email=f"shopper{number}.{random.randrange(10**6)}@correo.example",
        phones=(f"+54911{random.randrange(10**8):08d}",),
        document_type="dni",
        document=str(random.randrange(10**7, 5 * 10**7)),
        first_name="Lucía",
        last_name="Fernández",
    )


def make_round(number: int) -> tuple[list[Observation], list[Observation]]:
    """What is held before, and what comes: a third new, a third newer, a third older, shuffled."""
    random = Random(number)
    first = number * ROWS
    records = [make_record(random, first + index, HELD_AT) for index in range(ROWS)]
    third = ROWS // 3
    newer = [record.model_copy(update={"source_updated_at": HELD_AT + timedelta(hours=1), "first_name": "Sofía"})
             for record in records[third : 2 * third]]  # fmt: skip
    older = [record.model_copy(update={"source_updated_at": HELD_AT - timedelta(hours=1), "first_name": "Ana"})
             for record in records[2 * third :]]  # fmt: skip
    coming = [*records[:third], *newer, *older]
    random.shuffle(coming)
    return [see(record) for record in records[third:]], [see(record) for record in coming]


def see(record: CustomerRecord) -> Observation:
    return Observation("vtex", "acme", record, 1, HELD_AT + timedelta(days=1))


def split(observations: list[Observation]) -> Iterator[list[Observation]]:
    for start in range(0, len(observations), BATCH):
        yield observations[start : start + BATCH]


SealedRows = dict[Key, tuple[Known, CustomerRow]]


def seal_all(keys: TenantKeys, observations: list[Observation]) -> SealedRows:
    """What both sides are given: states with their versions, and the sealed rows."""
    sealer = Sealer(keys, "AR")
    sealed: SealedRows = {}
    for observation in observations:
        key = Key(observation.source, observation.account, observation.record.external_id)
        known = observe(observation.record, make_version(keys, observation))
        [row] = make_customer_rows(sealer, [State(key, known)])
        sealed[key] = known, row
    return sealed


async def measure_upserts(database: Database, keys: TenantKeys, sealed: SealedRows) -> float:
    """Sealed rows per second: what is held is looked at, what wins is written, in one transaction a batch."""
    family = CUSTOMERS._replace(make_rows=lambda _sealer, states: [sealed[state.key][1] for state in states])
    sealer, all_keys = Sealer(keys, "AR"), list(sealed)
    started_at = time.perf_counter()
    for at in range(0, len(all_keys), BATCH):
        async with database.tenant_tx(TENANT, "bench") as connection:
            told = {key: sealed[key][0] for key in all_keys[at : at + BATCH]}
            upserted = await upsert(connection, sealer, family, told)
            await add_to_counters(connection, TENANT, "live", upserted.counters)
    return len(all_keys) / (time.perf_counter() - started_at)


async def measure_whole(database: Database, keys: TenantKeys, coming: list[Observation]) -> float:
    """Rows per second from records: hashing, normal forms, blind indexes and sealing included."""
    started_at = time.perf_counter()
    for batch in split(coming):
        await apply_batch(database, keys, (), batch, now=HELD_AT)
    return len(coming) / (time.perf_counter() - started_at)


async def measure_copy(connection: asyncpg.Connection, sealed: SealedRows) -> float:
    """Rows per second of the same sealed bytes, in COPYs of the same size."""
    rows = [row for _, row in sealed.values()]
    batches = [
        (
            [_to_columns(row) for row in rows[at : at + BATCH]],
            [line for row in rows[at : at + BATCH] for line in _to_identities(row)],
        )
        for at in range(0, len(rows), BATCH)
    ]
    started_at = time.perf_counter()
    for customers, identities in batches:
        async with connection.transaction():
            await connection.copy_records_to_table("customers_copy", records=customers, columns=_COLUMNS)
            await connection.copy_records_to_table("customer_identities_copy", records=identities)
    return len(rows) / (time.perf_counter() - started_at)


_COLUMNS = (
    "tenant_id", "source", "account", "external_id", "source_updated_at", "mapper_version", "observed_at",
    "content_hash", "revision", "is_partial", "deleted_at", "source_created_at", "is_corporate", "accepts_marketing",
    "locale", "customer_class", "key_version", "identities", "sealed",
)  # fmt: skip


def _to_columns(row: CustomerRow) -> tuple[Any, ...]:
    return (TENANT, *row.key, *row.version, *row[2:])


def _to_identities(row: CustomerRow) -> list[tuple[Any, ...]]:
    return [(TENANT, *identity, *row.key) for identity in unpack_identities(row.identities)]


async def prepare(installation: Installation) -> tuple[Database, TenantKeys, asyncpg.Connection]:
    settings = read_settings_of(installation.environment("worker"))
    keyring = await open_keyring(settings)
    keys = await keyring.create_tenant_keys(TENANT)
    await keyring.close()
    database = await Database.open(settings, application_name="bench upsert")
    owner = await asyncpg.connect(installation.database_urls[OWNER])
    for table in COPIES:
        await owner.execute(f"CREATE TABLE {table}_copy (LIKE {table} INCLUDING ALL)")
    return database, keys, owner


async def switch_row_security(connection: asyncpg.Connection, word: str) -> None:
    for table in (*COPIES, "counters"):
        await connection.execute(f"ALTER TABLE {table} {word} ROW LEVEL SECURITY")


async def run() -> dict[str, object]:
    async with open_installation() as installation:
        database, keys, owner = await prepare(installation)
        superuser = await asyncpg.connect(installation.database_urls[SUPERUSER])
        result = await measure(database, keys, owner, superuser)
        await asyncio.gather(database.close(), owner.close(), superuser.close())
    return result


async def measure(
    database: Database, keys: TenantKeys, owner: asyncpg.Connection, superuser: asyncpg.Connection
) -> dict[str, object]:
    figures: dict[str, list[float]] = {"sealed": [], "copy": [], "unguarded": [], "whole": []}
    for number in range(ROUNDS + 1):
        rounds = [make_round(3 * number + part) for part in range(3)]
        for held, _ in rounds:
            for batch in split(held):
                await apply_batch(database, keys, (), batch, now=HELD_AT)
        sealed, unguarded = seal_all(keys, rounds[0][1]), seal_all(keys, rounds[1][1])
        await superuser.execute("CHECKPOINT")
        found = {"sealed": await measure_upserts(database, keys, sealed), "copy": await measure_copy(owner, sealed)}
        await switch_row_security(superuser, "DISABLE")
        found["unguarded"] = await measure_upserts(database, keys, unguarded)
        await switch_row_security(superuser, "ENABLE")
        found["whole"] = await measure_whole(database, keys, rounds[2][1])
        print(", ".join(f"{name} {value:,.0f}/s" for name, value in found.items()), file=sys.stderr)
        if number:  # the first round warms everything up
            for name, value in found.items():
                figures[name].append(value)
    ratios, rls_ratios = (
        pair_ratios(figures["sealed"], figures["copy"]),
        pair_ratios(figures["sealed"], figures["unguarded"]),
    )
    return {
        "sealed_per_s": summarise(figures["sealed"]),
        "copy_per_s": summarise(figures["copy"]),
        "ratio": summarise(ratios, 2),
        "rls_ratio": summarise(rls_ratios, 2),
        "ratio_spread": spread(ratios),
        "rls_ratio_spread": spread(rls_ratios),
        "from_records_per_s": summarise(figures["whole"]),
        "rows": ROWS,
        "batch": BATCH,
    }

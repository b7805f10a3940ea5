"""P4, by force: as each process role, in every state that a connection can be in, every attack on every tenant table.

What must hold: globex's rows are the same bytes afterwards; nothing of globex stands in any result, error or notice.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import asyncpg
import pytest
from asyncpg.exceptions import InterfaceError, PostgresError, QueryCanceledError

from db.pool import SQL
from db.token import TokenKey, mint_token
from tests.integration.db.cast import ACME, GLOBEX
from tests.integration.db.sweep.attacks import Attack, list_attacks
from tests.integration.db.sweep.rows import (
    CANARY,
    CANARY_NUMBER,
    ROWS,
    describe_rows,
    list_tenant_tables,
    plant_rows,
)

ROLES = ("web", "worker", "syncer", "operator")
# `SELECT pg_catalog.…` of a query's own text is no loot: results are searched, and errors without their statement.
SIGNS = (CANARY, str(CANARY_NUMBER), CANARY.encode().hex())


@pytest.fixture
async def planted(superuser: Any) -> Any:
    await plant_rows(superuser)
    return superuser


@pytest.fixture
def key(installation: Any) -> TokenKey:
    return TokenKey(*installation.tenant_token_key)


async def _nothing(connection: Any, key: TokenKey) -> None:
    del connection, key


async def _after_a_commit_of_theirs(connection: Any, key: TokenKey) -> None:
    async with connection.transaction():
        await connection.fetchval(SQL["set_tenant_token"], mint_token(key, GLOBEX, "sweep", 60))
        assert await connection.fetchval("SELECT count(*) FROM gaps") == 1


async def _after_a_rollback_of_theirs(connection: Any, key: TokenKey) -> None:
    transaction = connection.transaction()
    await transaction.start()
    await connection.fetchval(SQL["set_tenant_token"], mint_token(key, GLOBEX, "sweep", 60))
    assert await connection.fetchval("SELECT count(*) FROM gaps") == 1
    await transaction.rollback()


async def _after_a_cancelled_statement_of_theirs(connection: Any, key: TokenKey) -> None:
    transaction = connection.transaction()
    await transaction.start()
    await connection.fetchval(SQL["set_tenant_token"], mint_token(key, GLOBEX, "sweep", 60))
    await connection.execute("SET LOCAL statement_timeout = '1ms'")
    with pytest.raises(QueryCanceledError):
        await connection.execute("SELECT pg_sleep(1)")
    await transaction.rollback()


async def _after_a_statement_that_they_prepared(connection: Any, key: TokenKey) -> None:
    for table in ("tenants", "gaps", "counters"):  # asyncpg keeps these statements for the connection's next user
        async with connection.transaction():
            await connection.fetchval(SQL["set_tenant_token"], mint_token(key, GLOBEX, "sweep", 60))
            await connection.fetch(f"SELECT * FROM {table}")


Before = Callable[[Any, TokenKey], Awaitable[None]]
STATES: dict[str, tuple[Before, str | None]] = {
    "no token": (_nothing, None),
    "an empty token": (_nothing, ""),
    "garbage": (_nothing, "garbage"),
    "acme's token": (_nothing, "acme"),
    "acme's, expired": (_nothing, "expired"),
    "acme's, after globex committed": (_after_a_commit_of_theirs, "acme"),
    "acme's, after globex rolled back": (_after_a_rollback_of_theirs, "acme"),
    "acme's, after globex was cancelled": (_after_a_cancelled_statement_of_theirs, "acme"),
    "acme's, with globex's statements prepared": (_after_a_statement_that_they_prepared, "acme"),
    "none, after globex committed": (_after_a_commit_of_theirs, None),
}


async def test_every_tenant_table_is_planted(planted: Any) -> None:
    tables = await list_tenant_tables(planted)
    partitions = [table for table in tables if table.startswith("events_2")]
    assert partitions, "the ledger has days"
    assert set(tables) - set(partitions) == set(ROWS)
    for table in ROWS:
        rows = await planted.fetch(f"SELECT x::text FROM {table} AS x WHERE tenant_id = {GLOBEX}")
        if table != "integration_activity":  # holds a time and ids alone: its tenant is its only sign
            assert any(find_sign(str(row[0])) for row in rows), table


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("role", ROLES)
async def test_nothing_of_globex_is_reached(
    planted: Any, installation: Any, key: TokenKey, role: str, state: str
) -> None:
    tables = without_equal_days(await list_tenant_tables(planted))
    columns = {table: await list_columns(planted, table) for table in tables}
    before = await describe_rows(planted, tables, GLOBEX)
    connection = await asyncpg.connect(installation.database_urls[f"acequia_{role}"])
    notices: list[str] = []
    connection.add_log_listener(lambda _, message: notices.append(str(message)))
    refused = reached = 0
    try:
        prepare, token = STATES[state]
        await prepare(connection, key)
        async with as_acme(connection, key, token):
            for table in tables:
                for attack in list_attacks(table, columns[table]):
                    told = await run(connection, attack)
                    assert find_sign(told) is None, f"{attack.name} on {table} tells: {told[:300]}"
                    refused += told.startswith("refused")
                    reached += not told.startswith("refused")
                told = await copy(connection, table)
                assert find_sign(told) is None, f"COPY {table} tells: {told[:300]}"
    finally:
        await connection.close()
    assert not [notice for notice in notices if find_sign(notice)]
    assert await describe_rows(planted, tables, GLOBEX) == before
    assert refused > 300, "an attack that nobody refuses and that finds nothing was not run"
    # A few attacks on each table ask for nothing that needs a token.
    assert (reached > 4 * len(tables)) == (token in {"acme", "", None})


async def test_the_same_attacks_do_reach_globex_without_the_walls(planted: Any) -> None:
    """As a superuser, whom row security does not hold: so the sweep would see it."""
    columns = await list_columns(planted, "orders")
    found = set()
    for attack in list_attacks("orders", columns):
        transaction = planted.transaction()
        await transaction.start()
        try:
            rows = [await planted.fetch(statement) for statement in attack.statements]
            found |= {attack.name} if find_sign(str(rows)) else set()
        except PostgresError as error:
            found |= {attack.name} if find_sign(str(error)) else set()
        finally:
            await transaction.rollback()
    assert {"select all", "select as text", "cursor", "prepared", "update theirs", "delete theirs", "merge delete",
            "temporary table", "view", "function", "cast probe", "row security off", "subquery"} <= found  # fmt: skip


@asynccontextmanager
async def as_acme(connection: Any, key: TokenKey, token: str | None) -> AsyncIterator[None]:
    """A transaction in the given state, committed at the end: what an attack wrote must be there to be seen."""
    transaction = connection.transaction()
    await transaction.start()
    if token is not None:
        made = {
            "acme": mint_token(key, ACME, "sweep", 3_000),
            "expired": mint_token(key, ACME, "sweep", 60, now=1_000_000_000),
        }
        await connection.fetchval(SQL["set_tenant_token"], made.get(token, token))
    yield
    await transaction.commit()


async def run(connection: Any, attack: Attack) -> str:
    """What the attack was told: its rows or its refusal, as text. Deletions of acme's own rows are undone."""
    savepoint = connection.transaction()
    await savepoint.start()
    try:
        rows: list[Any] = []
        for statement in attack.statements:
            rows += await connection.fetch(statement)
    except PostgresError as error:
        await savepoint.rollback()
        return describe(error)
    except InterfaceError as error:
        await savepoint.rollback()
        return f"refused: {error}"
    is_theirs = any(row.get("tenant_id") == GLOBEX for row in rows) or (attack.name == "count" and bool(rows))
    if attack.name in {"move ours to them", "insert as them", "upsert nothing"} and rows:
        is_theirs = True
    # What could write at globex stays, and is then seen in its rows; what acme did to itself is undone.
    await (savepoint.commit() if attack.name.endswith("theirs") or "merge" in attack.name else savepoint.rollback())
    return f"{CANARY} in " * is_theirs + str([dict(row) for row in rows])


def describe(error: Any) -> str:
    """What the server says of a refusal; its text holds none of the statement."""
    return f"refused: {error.message} {error.detail or ''} {error.hint or ''}"


async def copy(connection: Any, table: str) -> str:
    """COPY through the connection's own channel, out and in."""
    told = ""
    for work in (copy_out, copy_in):
        savepoint = connection.transaction()
        await savepoint.start()
        try:
            told += await work(connection, table)
            await savepoint.commit()
        except PostgresError as error:
            await savepoint.rollback()
            told += describe(error)
    return told


async def copy_out(connection: Any, table: str) -> str:
    loot = BytesIO()
    await connection.copy_from_query(f"SELECT * FROM {table}", output=loot)
    await connection.copy_from_table(table, output=loot)
    return loot.getvalue().decode()


async def copy_in(connection: Any, table: str) -> str:
    await connection.copy_to_table(table, source=BytesIO(f"{GLOBEX}\n".encode()), columns=["tenant_id"])
    return f"{CANARY} was written"


def without_equal_days(tables: list[str]) -> list[str]:
    """One of the ledger's days stands for all: they are made by one function, and the catalog walk looks at each."""
    days = [table for table in tables if table.startswith("events_2")]
    return [table for table in tables if table not in days[1:]]


async def list_columns(superuser: Any, table: str) -> list[str]:
    rows = await superuser.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 1 AND NOT attisdropped"
        " AND attgenerated = '' ORDER BY attnum",
        table,
    )
    return [row["attname"] for row in rows]


def find_sign(text: str) -> str | None:
    return next((sign for sign in SIGNS if sign in text), None)

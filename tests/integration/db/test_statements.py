"""Every statement in db/queries is valid, and the role that runs it may: planned with its grants checked."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from asyncpg.exceptions import PostgresError

import db.queries
from db.queries import Statement, load_statements
from tests.databases import clone_databases

FOLDER = Path(db.queries.__file__).parent
FILES = sorted(path.stem for path in FOLDER.glob("*.sql"))
ROLES = {"admin": "postgres", "owner": "acequia_owner", "keys": "acequia_keys", "keysowner": "acequia_keys_owner"}
PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE")


@pytest.fixture(scope="module")
async def connections(postgres: Any, template_installation: Any) -> AsyncIterator[Any]:
    """A connection as any role, by its name in the statements' headers."""
    opened: dict[str, Any] = {}
    async with clone_databases(postgres, template_installation) as installation:

        async def connect(role: str) -> Any:
            if role not in opened:
                opened[role] = await asyncpg.connect(installation.database_urls[ROLES.get(role, f"acequia_{role}")])
            return opened[role]

        yield connect
        for connection in opened.values():
            await connection.close()


@pytest.mark.parametrize("file", FILES)
async def test_every_statement_can_be_run_by_each_role_it_names(connections: Any, file: str) -> None:
    for statement in load_statements(file):
        for role in statement.roles:
            await check(await connections(role), statement, role)


async def test_a_role_without_the_grant_is_found_out(connections: Any) -> None:
    [statement] = [s for s in load_statements("customers") if s.name == "write_customers"]
    with pytest.raises(AssertionError, match="permission denied for table customers"):
        await check(await connections("operator"), statement, "operator")


async def check(connection: Any, statement: Statement, role: str) -> None:
    """Prepares it; PREPARE alone looks at no grant, starting the executor for EXPLAIN does."""
    try:
        await connection.prepare(statement.sql)
        lines = [line for line in statement.sql.splitlines() if not line.startswith("--")]
        if lines[0].startswith(PLANNED):
            await connection.execute(f"EXPLAIN (GENERIC_PLAN) {statement.sql}")
    except PostgresError as error:
        raise AssertionError(f"{statement.name} as {role}: {error}") from error


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1;", "must begin with a header"),
        ("SELECT 1;\n-- one [web]: why\nSELECT 1;", "must begin with a header"),
        ("-- one [web]: why\nSELECT 1;\n-- one [web]: why\nSELECT 2;", "two statements of one name"),
        ("-- one: no roles\nSELECT 1;", "must begin with a header"),
    ],
)
def test_a_file_that_does_not_say_who_and_why_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, complaint: str
) -> None:
    (tmp_path / "some.sql").write_text(text)
    monkeypatch.setattr(db.queries, "_FOLDER", tmp_path)
    with pytest.raises(ValueError, match=complaint):
        load_statements("some")

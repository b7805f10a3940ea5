"""A database of its own for every test: a copy of one that was migrated once."""

import dataclasses
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from scripts.stack.installation import DATABASE, KEYS_DATABASE, Installation, make_database_urls
from scripts.stack.postgres import EmbeddedPostgres

_NUMBERS = itertools.count(1)


@asynccontextmanager
async def clone_databases(server: EmbeddedPostgres, template: Installation) -> AsyncIterator[Installation]:
    """The installation of one test: `template` with copies of its two databases, dropped at the end."""
    suffix = f"_{next(_NUMBERS)}"
    connection: Any = await asyncpg.connect(server.url())
    try:
        for name in (DATABASE, KEYS_DATABASE):
            await copy_database(connection, name, name + suffix)
        yield dataclasses.replace(template, database_urls=make_database_urls(server.url(), template.secrets, suffix))
    finally:
        for name in (DATABASE, KEYS_DATABASE):
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}{suffix}" WITH (FORCE)')
        await connection.close()


async def copy_database(connection: Any, source: str, name: str) -> None:
    """A copy with the source's owner and its grants: CREATE DATABASE copies neither, and the walls must stand in tests.

    WAL_LOG takes 20 ms here where FILE_COPY, with its two checkpoints, takes 50.
    """
    await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}" STRATEGY WAL_LOG')
    await connection.execute(
        "UPDATE pg_database SET (datdba, datacl) = (SELECT datdba, datacl FROM pg_database WHERE datname = $1)"
        " WHERE datname = $2",
        source,
        name,
    )
    await connection.execute(
        "INSERT INTO pg_db_role_setting SELECT (SELECT oid FROM pg_database WHERE datname = $2), setrole, setconfig"
        " FROM pg_db_role_setting JOIN pg_database ON oid = setdatabase WHERE datname = $1",
        source,
        name,
    )

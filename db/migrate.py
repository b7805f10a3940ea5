"""Brings a database to the schema of this release: plain SQL files, in order, each in one transaction."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import asyncpg

from app.core.errors import ConfigurationError
from db.queries import load_queries
from db.roles import ensure_roles
from db.token import TokenKey, make_pads

__all__ = ["ensure_roles", "find_pending", "install_token_key", "migrate", "migrate_keys", "remove_token_keys_but"]

_FOLDER = Path(__file__).parent
SQL = load_queries("migrations")


class Migration(NamedTuple):
    name: str
    sql: str
    checksum: str


def list_migrations(folder: Path) -> list[Migration]:
    """The files `NNNN_name.sql` of a folder, in order."""
    texts = [(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("[0-9]*.sql"))]
    return [Migration(name, text, hashlib.sha256(text.encode()).hexdigest()) for name, text in texts]


async def migrate(owner_url: str) -> list[str]:
    """Applies what is missing to the main database, as its owner; the names of what was applied.

    Raises ConfigurationError when a file that was applied has been changed since.
    """
    return await _apply(owner_url, list_migrations(_FOLDER / "migrations"))


async def migrate_keys(owner_url: str) -> list[str]:
    """As `migrate`, for the database of wrapped data keys."""
    return await _apply(owner_url, list_migrations(_FOLDER / "keys_migrations"))


async def find_pending(connection: asyncpg.Connection) -> list[str]:
    """The names of main-database migrations not applied yet; for `doctor` and `acequia db status`."""
    applied = {row["name"] for row in await connection.fetch(SQL["list_migrations"])}
    return [migration.name for migration in list_migrations(_FOLDER / "migrations") if migration.name not in applied]


async def install_token_key(owner_url: str, key_id: str, key: bytes) -> None:
    """Lets the database check tokens signed with this key, beside those it knows already."""
    inner_pad, outer_pad = make_pads(key)
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute(SQL["install_token_key"], key_id, inner_pad, outer_pad)
    finally:
        await connection.close()


async def remove_token_keys_but(owner_url: str, keys: list[TokenKey]) -> list[str]:
    """Ends a rotation of the token key: forgets all keys but the given ones; the ids forgotten."""
    connection = await asyncpg.connect(owner_url)
    try:
        rows = await connection.fetch(SQL["remove_token_keys_but"], [key.key_id for key in keys])
    finally:
        await connection.close()
    return [row["key_id"] for row in rows]


async def _apply(owner_url: str, migrations: list[Migration]) -> list[str]:
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute(SQL["set_migration_limits"])
        await connection.execute(SQL["lock_migrations"])
        await connection.execute(SQL["create_schema_migrations"])
        applied = {row["name"]: row["checksum"] for row in await connection.fetch(SQL["list_migrations"])}
        for migration in migrations:
            if applied.get(migration.name, migration.checksum) != migration.checksum:
                raise ConfigurationError(
                    f"Migration {migration.name} was applied in another form: restore the file and write a new one."
                )
        pending = [migration for migration in migrations if migration.name not in applied]
        for migration in pending:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(SQL["insert_migration"], migration.name, migration.checksum)
    finally:
        await connection.close()
    return [migration.name for migration in pending]

"""Wrapped data keys: a database of their own, reached by its own role. Not tenant data, hence no tenant token."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

import asyncpg

from db.queries import load_queries

SQL = load_queries("keys")

KeyPurpose = Literal["seal", "index", "hash", "inline"]
KeyState = Literal["active", "decrypt_only", "destroyed"]


class DataKeyRow(NamedTuple):
    """One version of one of a tenant's keys. `wrapped` is None when it was destroyed; `public_key` only for inline."""

    purpose: KeyPurpose
    version: int
    kek_id: str
    wrapped: bytes | None
    public_key: bytes | None
    state: KeyState


class Wrapping(NamedTuple):
    """A key that is wrapped with an older key-encryption key."""

    tenant_id: int
    purpose: KeyPurpose
    version: int
    kek_id: str
    wrapped: bytes


@asynccontextmanager
async def keys_tx(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """One transaction in the keys database."""
    async with pool.acquire() as connection, connection.transaction():
        yield connection


async def list_data_keys(connection: asyncpg.Connection, tenant_id: int) -> list[DataKeyRow]:
    rows = await connection.fetch(SQL["list_data_keys"], tenant_id)
    return [DataKeyRow(*row) for row in rows]


async def insert_data_key(connection: asyncpg.Connection, tenant_id: int, row: DataKeyRow) -> bool:
    """False when that version, or another active one, was there already."""
    status = await connection.execute(
        SQL["insert_data_key"], tenant_id, row.purpose, row.version, row.kek_id, row.wrapped, row.public_key
    )
    return bool(status == "INSERT 0 1")


async def lock_data_keys(connection: asyncpg.Connection, tenant_id: int) -> None:
    await connection.execute(SQL["lock_data_keys"], tenant_id)


async def retire_data_keys(connection: asyncpg.Connection, tenant_id: int, purpose: KeyPurpose) -> int:
    """Retires the active version and answers the newest version there has ever been, 0 for none."""
    await connection.execute(SQL["retire_data_keys"], tenant_id, purpose)
    return await connection.fetchval(SQL["find_newest_version"], tenant_id, purpose) or 0


async def destroy_data_keys(connection: asyncpg.Connection, tenant_id: int) -> None:
    await connection.execute(SQL["destroy_data_keys"], tenant_id)


async def list_foreign_wrappings(connection: asyncpg.Connection, kek_id: str, limit: int) -> Sequence[Wrapping]:
    """Keys that another key-encryption key than `kek_id` wraps."""
    return [Wrapping(*row) for row in await connection.fetch(SQL["list_foreign_wrappings"], kek_id, limit)]


async def rewrap_data_key(connection: asyncpg.Connection, old: Wrapping, kek_id: str, wrapped: bytes) -> None:
    await connection.execute(
        SQL["rewrap_data_key"], old.tenant_id, old.purpose, old.version, old.kek_id, kek_id, wrapped
    )


async def ping_keys(connection: asyncpg.Connection) -> None:
    await connection.fetchval(SQL["ping_keys"])

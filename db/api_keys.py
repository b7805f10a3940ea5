"""API keys: rows of the platform, found by the id that stands in the key. Hashes only; a key itself is nowhere."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg

from db.queries import load_queries

SQL = load_queries("api_keys")

KeyScope = Literal["platform", "organization", "tenant"]


class ApiKeyRow(NamedTuple):
    """One key. `scope_id`: 0, the organization's or the tenant's id. `permissions`: None for all of the role's.

    `secret_hashes`: SHA-256 of the whole key, newest first, two while it is being rotated.
    """

    key_id: str
    name: str
    scope: KeyScope
    scope_id: int
    role: str
    permissions: list[str] | None
    secret_hashes: list[bytes]
    created_by: str
    created_at: datetime
    rotated_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


async def insert_api_key(
    connection: asyncpg.Connection,
    *,
    key_id: str,
    name: str,
    scope: KeyScope,
    scope_id: int,
    role: str,
    permissions: Sequence[str] | None,
    secret_hash: bytes,
    created_by: str,
    expires_at: datetime | None,
) -> None:
    chosen = None if permissions is None else list(permissions)
    await connection.execute(
        SQL["insert_api_key"], key_id, name, scope, scope_id, role, chosen, [secret_hash], created_by, expires_at
    )


async def find_api_key(connection: asyncpg.Connection, key_id: str) -> ApiKeyRow | None:
    row = await connection.fetchrow(SQL["find_api_key"], key_id)
    return None if row is None else ApiKeyRow(*row)


async def has_api_key(connection: asyncpg.Connection, scope: KeyScope, scope_id: int) -> bool:
    """Whether there is one, an ended one too."""
    return bool(await connection.fetchval(SQL["has_api_key"], scope, scope_id))


async def list_api_keys(connection: asyncpg.Connection, scope: KeyScope, scope_id: int, limit: int) -> list[ApiKeyRow]:
    """Those of one scope: live ones first, then revoked and expired ones."""
    return [ApiKeyRow(*row) for row in await connection.fetch(SQL["list_api_keys"], scope, scope_id, limit)]


async def count_live_api_keys(connection: asyncpg.Connection, scope: KeyScope, scope_id: int) -> int:
    return int(await connection.fetchval(SQL["count_live_api_keys"], scope, scope_id))


async def rotate_api_key(
    connection: asyncpg.Connection, key_id: str, scope: KeyScope, scope_id: int, secret_hash: bytes
) -> bool:
    """False when that scope has no such live key."""
    return await connection.fetchval(SQL["rotate_api_key"], key_id, scope, scope_id, secret_hash) is not None


async def retire_api_key_secret(connection: asyncpg.Connection, key_id: str, scope: KeyScope, scope_id: int) -> bool:
    """False when that scope has no such live key."""
    return await connection.fetchval(SQL["retire_api_key_secret"], key_id, scope, scope_id) is not None


async def revoke_api_key(connection: asyncpg.Connection, key_id: str, scope: KeyScope, scope_id: int) -> bool:
    """False when that scope has no such key."""
    return await connection.fetchval(SQL["revoke_api_key"], key_id, scope, scope_id) is not None


async def note_api_key_used(connection: asyncpg.Connection, key_id: str) -> None:
    await connection.execute(SQL["note_api_key_used"], key_id)

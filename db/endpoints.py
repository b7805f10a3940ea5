"""Endpoints: the addresses that providers call, and the rows from which the receiver's directory is published."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from app.core.directory import DirectoryEntry, EndpointKind
from db.queries import load_queries

SQL = load_queries("endpoints")


class EndpointRow(NamedTuple):
    """One endpoint. `sealed_secrets`: kind order_hook: sealed with the tenant's key; inline: with the directory's.

    `rotated_at`: since when its caller has had the newest secret, while the one before is valid too.
    """

    endpoint_id: UUID
    integration_id: int
    kind: EndpointKind
    source: str
    token_hash: bytes
    sealed_token: bytes | None
    header_name: str | None
    secret_hashes: list[bytes]
    sealed_secrets: bytes | None
    accounts: list[str]
    status: str
    created_at: datetime | None = None
    revoked_at: datetime | None = None
    rotated_at: datetime | None = None


class Rotation(NamedTuple):
    """An endpoint whose caller has had a newer secret for a while."""

    tenant_id: int
    endpoint_id: UUID
    token_hash: bytes


class Directory(NamedTuple):
    """Everything to publish: entries by token hash, and the fingerprint of exactly these rows."""

    entries: dict[bytes, DirectoryEntry]
    fingerprint: str


async def insert_endpoint(connection: asyncpg.Connection, tenant_id: int, row: EndpointRow) -> None:
    await connection.execute(
        SQL["insert_endpoint"], tenant_id, row.endpoint_id, row.integration_id, row.kind, row.source, row.token_hash,
        row.sealed_token, row.header_name, row.secret_hashes, row.sealed_secrets, row.accounts,
    )  # fmt: skip


async def find_endpoint(
    connection: asyncpg.Connection, tenant_id: int, endpoint_id: UUID, *, for_update: bool = False
) -> EndpointRow | None:
    """`for_update` locks the row until the transaction ends."""
    row = await connection.fetchrow(SQL["lock_endpoint" if for_update else "find_endpoint"], tenant_id, endpoint_id)
    return None if row is None else EndpointRow(*row)


async def list_endpoints(connection: asyncpg.Connection, tenant_id: int) -> list[EndpointRow]:
    return [EndpointRow(*row) for row in await connection.fetch(SQL["list_endpoints"], tenant_id)]


async def set_secrets(connection: asyncpg.Connection, tenant_id: int, row: EndpointRow) -> None:
    """Writes the row's secrets and `rotated_at`."""
    await connection.execute(
        SQL["set_secrets"], tenant_id, row.endpoint_id, list(row.secret_hashes), row.sealed_secrets, row.rotated_at
    )


async def note_rotation(connection: asyncpg.Connection, tenant_id: int, endpoint_id: UUID) -> None:
    """The caller has the newest secret. Changes nothing while only one is valid."""
    await connection.execute(SQL["note_rotation"], tenant_id, endpoint_id)


async def list_rotations(connection: asyncpg.Connection, *, older_than_s: float, limit: int) -> list[Rotation]:
    """In a platform transaction: the oldest first."""
    return [Rotation(*row) for row in await connection.fetch(SQL["list_rotations"], older_than_s, limit)]


async def set_accounts(
    connection: asyncpg.Connection, tenant_id: int, endpoint_id: UUID, accounts: Sequence[str]
) -> None:
    await connection.execute(SQL["set_accounts"], tenant_id, endpoint_id, list(accounts))


async def revoke_endpoint(connection: asyncpg.Connection, tenant_id: int, endpoint_id: UUID) -> bool:
    """False when there is no such active endpoint."""
    return bool(await connection.execute(SQL["revoke_endpoint"], tenant_id, endpoint_id) == "UPDATE 1")


async def next_generation(connection: asyncpg.Connection, *, above: int) -> int:
    """Counts up; the next publication waits until this transaction ends, so a higher number has read later."""
    return int(await connection.fetchval(SQL["next_directory_generation"], above))


async def list_directory(connection: asyncpg.Connection) -> Directory:
    """All active endpoints of all tenants. Platform work: carries no personal data."""
    rows = await connection.fetch(SQL["list_directory"])
    entries = {
        row["token_hash"]: DirectoryEntry(
            tenant_id=row["tenant_id"],
            integration_id=row["integration_id"],
            connector=row["connector"],
            kind=row["kind"],
            source=row["source"],
            accounts=tuple(account.lower() for account in row["accounts"]),
            header_name=row["header_name"],
            secret_hashes=tuple(row["secret_hashes"]),
            sealed_inline=row["sealed_inline"],
            status="active",
            tenant_status=row["tenant_status"],
            priority=row["priority"],
            group=row["worker_group"],
        )
        for row in rows
    }
    return Directory(entries, f"{len(rows)}:{sum(row['row_hash'] for row in rows)}")


async def find_fingerprint(connection: asyncpg.Connection) -> str:
    """The fingerprint that `list_directory` would answer now."""
    return str(await connection.fetchval(SQL["find_directory_fingerprint"]))

"""A tenant's configured uses of connectors: account, config, sealed credentials, status."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import asyncpg
import orjson

from db.pool import Database
from db.queries import load_queries

SQL = load_queries("integrations")
IntegrationStatus = Literal["active", "paused", "credentials_refused", "deleted"]


class Integration(NamedTuple):
    """`sealed_credentials` only comes with `find_integration`: lists are shown to people."""

    tenant_id: int
    integration_id: int
    connector: str
    account: str
    environment: str
    config: Mapping[str, Any]
    sealed_credentials: bytes | None
    status: IntegrationStatus
    status_reason: str | None
    created_at: datetime
    updated_at: datetime


async def insert_integration(
    connection: asyncpg.Connection,
    tenant_id: int,
    integration_id: int,
    *,
    connector: str,
    account: str,
    environment: str = "",
    config: Mapping[str, Any] | None = None,
    sealed_credentials: bytes | None = None,
) -> None:
    """Raises asyncpg's UniqueViolationError when the id is taken or the account is in use by another integration."""
    text = orjson.dumps(config or {}).decode()
    await connection.execute(
        SQL["insert_integration"],
        *(tenant_id, integration_id, connector, account, environment, text, sealed_credentials),
    )


async def list_integrations(connection: asyncpg.Connection, tenant_id: int) -> list[Integration]:
    """One tenant's, without credentials."""
    return [_read(row) for row in await connection.fetch(SQL["list_integrations"], tenant_id)]


async def list_all_integrations(database: Database) -> list[Integration]:
    """Everybody's, without credentials."""
    async with database.platform_tx("list_integrations") as connection:
        return [_read(row) for row in await connection.fetch(SQL["list_integrations_by_tenant"])]


async def find_integration(connection: asyncpg.Connection, tenant_id: int, integration_id: int) -> Integration | None:
    """One, with its sealed credentials."""
    row = await connection.fetchrow(SQL["find_integration"], tenant_id, integration_id)
    return None if row is None else _read(row)


async def list_accepted_accounts(connection: asyncpg.Connection, tenant_id: int, integration_id: int) -> list[str]:
    """Accounts that it accepts beside its own."""
    return [row["account"] for row in await connection.fetch(SQL["list_accepted_accounts"], tenant_id, integration_id)]


async def set_integration_status(
    connection: asyncpg.Connection,
    tenant_id: int,
    integration_id: int,
    status: IntegrationStatus,
    *,
    reason: str | None = None,
    seen_in: Sequence[IntegrationStatus],
) -> bool:
    """False when its status was none of `seen_in` any more: somebody else has decided meanwhile."""
    row = await connection.fetchval(
        SQL["set_integration_status"], tenant_id, integration_id, list(seen_in), status, reason
    )
    return row is not None


async def set_credentials(
    connection: asyncpg.Connection, tenant_id: int, integration_id: int, sealed_credentials: bytes
) -> IntegrationStatus | None:
    """The status after it (refused credentials are forgiven); None when there is no such integration."""
    status: IntegrationStatus | None = await connection.fetchval(
        SQL["set_credentials"], tenant_id, integration_id, sealed_credentials
    )
    return status


def _read(row: asyncpg.Record) -> Integration:
    integration = Integration(*row)
    return integration._replace(config=orjson.loads(row["config"]))

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
HookStatus = Literal["none", "off", "registered", "foreign", "failed", "removed"]


class Integration(NamedTuple):
    """`sealed_credentials` only comes with `find_integration`: lists are shown to people. `credentials_expire_at`: as
    whoever entered them said; None: nobody knows."""

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
    has_credentials: bool = False
    name: str = ""
    revision: int = 1
    accepted_accounts: Sequence[str] = ()
    auto_sync: bool = True
    sync_frequency: str = "hourly"
    hook_status: HookStatus = "none"
    hook_note: str | None = None
    hook_checked_at: datetime | None = None
    credentials_expire_at: datetime | None = None

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts whose calls it takes, its own first."""
        return tuple(dict.fromkeys((self.account, *self.accepted_accounts)))


class HookBefore(NamedTuple):
    """A hook's state before it was written anew."""

    status: HookStatus
    checked_at: datetime | None


class NewIntegrationRow(NamedTuple):
    """What is written when an integration is made."""

    connector: str
    account: str
    environment: str
    config: Mapping[str, Any]
    sealed_credentials: bytes | None
    name: str
    accepted_accounts: Sequence[str]
    auto_sync: bool
    sync_frequency: str
    credentials_expire_at: datetime | None = None


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


async def lock_integration(connection: asyncpg.Connection, tenant_id: int, integration_id: int) -> None:
    """Others who would change it wait until the transaction ends."""
    await connection.execute(SQL["lock_integration"], tenant_id, integration_id)


async def set_integration_status(
    connection: asyncpg.Connection,
    tenant_id: int,
    integration_id: int,
    status: IntegrationStatus,
    *,
    reason: str | None = None,
    seen_in: Sequence[IntegrationStatus],
    revision: int | None = None,
) -> bool:
    """False when its status was none of `seen_in`, or its revision another, any more: somebody else has decided
    meanwhile."""
    row = await connection.fetchval(
        SQL["set_integration_status"], tenant_id, integration_id, list(seen_in), status, reason, revision
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


async def lock_new_integration(connection: asyncpg.Connection, tenant_id: int) -> tuple[int, int]:
    """The id that is free, for this transaction alone, and how many integrations there are."""
    await connection.execute(SQL["lock_new_integration"], tenant_id)
    row = await connection.fetchrow(SQL["next_integration_id"], tenant_id)
    return row["next_id"], row["live"]


async def add_integration(
    connection: asyncpg.Connection, tenant_id: int, integration_id: int, row: NewIntegrationRow
) -> None:
    """Raises asyncpg's UniqueViolationError when the account is in use by another integration."""
    await connection.execute(
        SQL["add_integration"], tenant_id, integration_id, row.connector, row.account, row.environment,
        orjson.dumps(row.config).decode(), row.sealed_credentials, row.name, list(row.accepted_accounts),
        row.auto_sync, row.sync_frequency, row.credentials_expire_at,
    )  # fmt: skip


async def change_integration(
    connection: asyncpg.Connection, changed: Integration, *, has_new_credentials: bool
) -> int | None:
    """Writes what may change of `changed`; the new revision, None when its revision is not the present one."""
    revision: int | None = await connection.fetchval(
        SQL["change_integration"], changed.tenant_id, changed.integration_id, changed.revision, changed.environment,
        orjson.dumps(changed.config).decode(), changed.sealed_credentials, changed.name,
        list(changed.accepted_accounts), changed.auto_sync, changed.sync_frequency, has_new_credentials,
        changed.credentials_expire_at,
    )  # fmt: skip
    return revision


async def list_resumed(database: Database, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Which of these (tenant, integration) have nothing to wait for: they are active, or deleted."""
    async with database.platform_tx("list_resumed") as connection:
        rows = await connection.fetch(SQL["list_resumed"], *zip(*places, strict=True))
    return [(row[0], row[1]) for row in rows]


async def delete_integration(
    connection: asyncpg.Connection, tenant_id: int, integration_id: int, hook_status: HookStatus, note: str | None
) -> bool:
    """False when there is none, or not any more."""
    done = await connection.fetchval(SQL["delete_integration"], tenant_id, integration_id, hook_status, note)
    return done is not None


async def set_hook_state(
    connection: asyncpg.Connection, tenant_id: int, integration_id: int, status: HookStatus, note: str | None
) -> HookBefore | None:
    """None when the integration is not there any more. `note`: a sentence for people, never an address of ours."""
    row = await connection.fetchrow(SQL["set_hook_state"], tenant_id, integration_id, status, note)
    return None if row is None else HookBefore(*row)


async def set_hook_note(connection: asyncpg.Connection, tenant_id: int, integration_id: int, note: str) -> None:
    """Of a hook that is registered; nobody has looked at it."""
    await connection.execute(SQL["set_hook_note"], tenant_id, integration_id, note)


def _read(row: asyncpg.Record) -> Integration:
    integration = Integration(*row)
    return integration._replace(config=orjson.loads(row["config"]))

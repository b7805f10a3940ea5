"""Endpoints: making one, rotating its secret, revoking it. Each change is published before the call returns.

A change is committed first and published then; what is lost between the two is mended by the worker, which compares
the published directory with Postgres every few seconds.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
from redis.asyncio import Redis

from app.core.directory import EndpointKind, derive_directory_keys
from app.core.errors import AcequiaError, ConflictError
from app.core.sealing import TenantKeys
from app.core.settings import Settings
from app.core.tokens import hash_token, make_endpoint_token
from app.services.directory import ensure_directory_published, publish_directory
from app.services.endpoint_secrets import SECRETS_VALID_MAX, SecretKeys, make_secret, open_secrets, seal_secrets
from db import endpoints as db_endpoints
from db.endpoints import EndpointRow
from db.pool import Database
from schemas.ids import make_uuid7

__all__ = [
    "EndpointNotFoundError",
    "IssuedEndpoint",
    "add_endpoint",
    "create_endpoint",
    "ensure_directory_published",
    "list_active_endpoints",
    "open_endpoint",
    "publish_directory",
    "reseal_inline_endpoints",
    "retire_previous_secret",
    "reveal_endpoint",
    "revoke_endpoint",
    "rotate_secret",
]

SECRET_HEADER = "X-Acequia-Secret"  # noqa: S105 - the header's name
_TOKEN_PURPOSE = "endpoint_token.v1"  # noqa: S105 - the purpose that its blob is bound to
_SOURCES: dict[EndpointKind, str] = {"order_hook": "vtex", "customer_trigger": "vtex", "inline": "brand"}


class EndpointNotFoundError(AcequiaError):
    """There is no such endpoint of this tenant, or it is revoked."""

    code = "endpoint_not_found"
    http_status = 404


class IssuedEndpoint(NamedTuple):
    """An endpoint with what its caller must know. `path` is appended to PUBLIC_URL; treat all of it as a secret.

    `secret`: order_hook: the value of `header_name`; inline: a `whsec_` signing secret; customer_trigger: None, its
    address is its secret.
    """

    endpoint_id: UUID
    kind: EndpointKind
    token: str
    path: str
    header_name: str | None
    secret: str | None
    accounts: tuple[str, ...]


async def create_endpoint(
    database: Database,
    redis: Redis,
    settings: Settings,
    keys: TenantKeys,
    *,
    integration_id: int,
    kind: EndpointKind,
    accounts: Sequence[str],
) -> IssuedEndpoint:
    """Makes an endpoint of `keys.tenant_id` and publishes it. `accounts`: provider accounts whose calls it takes."""
    async with database.tenant_tx(keys.tenant_id, "endpoints") as connection:
        issued = await add_endpoint(
            connection, settings, keys, integration_id=integration_id, kind=kind, accounts=accounts
        )
    await publish_directory(database, redis, settings)
    return issued


async def add_endpoint(
    connection: asyncpg.Connection,
    settings: Settings,
    keys: TenantKeys,
    *,
    integration_id: int,
    kind: EndpointKind,
    accounts: Sequence[str],
) -> IssuedEndpoint:
    """`create_endpoint` in a transaction of the tenant's; whoever calls it publishes the directory after its end."""
    secret_keys = _secret_keys(settings, keys)
    token = make_endpoint_token(secret_keys.directory.checksum_key)
    endpoint_id = UUID(make_uuid7())
    row = EndpointRow(
        endpoint_id=endpoint_id,
        integration_id=integration_id,
        kind=kind,
        source=_SOURCES[kind],
        token_hash=hash_token(token),
        sealed_token=keys.seal(_TOKEN_PURPOSE, str(endpoint_id), token.encode()),
        header_name=SECRET_HEADER if kind == "order_hook" else None,
        secret_hashes=[],
        sealed_secrets=None,
        accounts=[account.strip().lower() for account in accounts],
        status="active",
    )
    secret = make_secret(kind)
    sealed = seal_secrets(secret_keys, row, [secret] if secret else [])
    await db_endpoints.insert_endpoint(connection, keys.tenant_id, sealed)
    return _issue(row, token, secret)


async def rotate_secret(  # noqa: PLR0917 - the first five as everywhere here
    database: Database,
    redis: Redis,
    settings: Settings,
    keys: TenantKeys,
    endpoint_id: UUID,
    also: Callable[[asyncpg.Connection], Awaitable[None]] | None = None,
    *,
    ends_older: bool = True,
) -> str:
    """A new secret; the one before stays valid until `retire_previous_secret`, any older one ends now.

    `also`: done in the same transaction. Raises EndpointNotFoundError, also for a customer_trigger: its only secret is
    its address; without `ends_older` ConflictError where an older one would end.
    """
    made: list[str] = []

    def add(row: EndpointRow, valid: list[str]) -> tuple[list[str], datetime | None]:
        if len(valid) >= SECRETS_VALID_MAX and not ends_older:
            raise ConflictError("A rotation is under way.")
        secret = make_secret(row.kind)
        if secret is None:
            raise EndpointNotFoundError("A trigger's address is its secret: revoke it and make a new one.")
        made.append(secret)
        # A provider has it when it was told (`note_rotation`), who signs documents when it was shown, which is now.
        return [secret, *valid][:SECRETS_VALID_MAX], datetime.now(UTC) if row.kind == "inline" else None

    await _change_secrets(database, settings, keys, endpoint_id, add, also)
    await publish_directory(database, redis, settings)
    return made[0]


async def retire_previous_secret(  # noqa: PLR0917 - the first five as everywhere here
    database: Database,
    redis: Redis,
    settings: Settings,
    keys: TenantKeys,
    endpoint_id: UUID,
    also: Callable[[asyncpg.Connection], Awaitable[None]] | None = None,
) -> None:
    """Ends a rotation: only the newest secret is valid. `also`: done in the same transaction. Raises
    EndpointNotFoundError."""
    await _change_secrets(database, settings, keys, endpoint_id, lambda row, valid: (valid[:1], None), also)
    await publish_directory(database, redis, settings)


async def reseal_inline_endpoints(database: Database, redis: Redis, settings: Settings, keys: TenantKeys) -> None:
    """After the tenant's inline key was rotated: its endpoints seal to the new public key."""
    async with database.tenant_tx(keys.tenant_id, "endpoints") as connection:
        rows = await db_endpoints.list_endpoints(connection, keys.tenant_id)
    for row in rows:
        if row.kind == "inline" and row.status == "active":
            await _change_secrets(database, settings, keys, row.endpoint_id, lambda row, valid: (valid, row.rotated_at))
    await publish_directory(database, redis, settings)


async def revoke_endpoint(
    database: Database, redis: Redis, settings: Settings, tenant_id: int, endpoint_id: UUID
) -> None:
    """Ends an endpoint for ever; receivers stop taking its calls within a second. Raises EndpointNotFoundError."""
    async with database.tenant_tx(tenant_id, "endpoints") as connection:
        if not await db_endpoints.revoke_endpoint(connection, tenant_id, endpoint_id):
            raise EndpointNotFoundError(f"Tenant {tenant_id} has no active endpoint {endpoint_id}.")
    await publish_directory(database, redis, settings)


async def reveal_endpoint(
    database: Database, settings: Settings, keys: TenantKeys, endpoint_id: UUID
) -> IssuedEndpoint:
    """An endpoint with its token and newest secret, for setting up the caller's side. Raises EndpointNotFoundError."""
    async with database.tenant_tx(keys.tenant_id, "endpoints") as connection:
        row = _require(await db_endpoints.find_endpoint(connection, keys.tenant_id, endpoint_id))
    return open_endpoint(settings, keys, row)


async def list_active_endpoints(
    database: Database, settings: Settings, keys: TenantKeys, integration_id: int
) -> list[IssuedEndpoint]:
    """One integration's, opened, in the order made."""
    async with database.tenant_tx(keys.tenant_id, "endpoints") as connection:
        rows = await db_endpoints.list_endpoints(connection, keys.tenant_id)
    return [
        open_endpoint(settings, keys, row)
        for row in rows
        if row.integration_id == integration_id and row.status == "active"
    ]


def open_endpoint(settings: Settings, keys: TenantKeys, row: EndpointRow) -> IssuedEndpoint:
    """Its token and newest secret, opened. Raises SealingError."""
    token = keys.open(_TOKEN_PURPOSE, str(row.endpoint_id), row.sealed_token or b"").decode()
    valid = open_secrets(_secret_keys(settings, keys), row)
    return _issue(row, token, valid[0] if valid else None)


async def _change_secrets(  # noqa: PLR0917 - as rotate_secret
    database: Database,
    settings: Settings,
    keys: TenantKeys,
    endpoint_id: UUID,
    change: Callable[[EndpointRow, list[str]], tuple[list[str], datetime | None]],
    also: Callable[[asyncpg.Connection], Awaitable[None]] | None = None,
) -> None:
    """Replaces the valid secrets and `rotated_at` by what `change` makes of them, in one transaction."""
    secret_keys = _secret_keys(settings, keys)
    async with database.tenant_tx(keys.tenant_id, "endpoints") as connection:
        row = _require(await db_endpoints.find_endpoint(connection, keys.tenant_id, endpoint_id, for_update=True))
        valid, rotated_at = change(row, open_secrets(secret_keys, row))
        sealed = seal_secrets(secret_keys, row._replace(rotated_at=rotated_at), valid)
        await db_endpoints.set_secrets(connection, keys.tenant_id, sealed)
        if also is not None:
            await also(connection)


def _issue(row: EndpointRow, token: str, secret: str | None) -> IssuedEndpoint:
    path = f"/webhooks/{row.source}/{token}"
    return IssuedEndpoint(row.endpoint_id, row.kind, token, path, row.header_name, secret, tuple(row.accounts))


def _require(row: EndpointRow | None) -> EndpointRow:
    if row is None or row.status != "active":
        raise EndpointNotFoundError("There is no such active endpoint of this tenant.")
    return row


def _secret_keys(settings: Settings, keys: TenantKeys) -> SecretKeys:
    return SecretKeys(keys, derive_directory_keys(settings.get_url("endpoint_token_key")))

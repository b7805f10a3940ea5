"""The secrets of an integration's calls as people see them: never a secret, but whether an older one is still valid and
used; and its end by hand."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from functools import partial
from typing import cast

import asyncpg
from redis.exceptions import RedisError

from app.core.directory import PREVIOUS_USED_KEY, EndpointKind
from app.core.errors import ConflictError, QueueUnavailableError
from app.services.audit import Actor, write_audit
from app.services.endpoints import retire_previous_secret
from app.services.ids import IntegrationId
from app.services.integration_reads import get_row
from app.services.office import Office
from db.endpoints import EndpointRow, list_endpoints
from schemas.integrations import SecretState

NOTHING_TO_RETIRE = "Only the newest secret is valid: there is nothing to retire."
NOT_TOLD_YET = (
    "The provider does not have the new secret yet: without the one before every call of its would be refused. Rotate "
    "again, which tells it, then retire."
)


async def list_secret_states(office: Office, tenant_id: int, integration_id: int) -> list[SecretState]:
    """Of the addresses that have a secret of their own."""
    endpoints = await _list(office, tenant_id, integration_id)
    return [await _show(office, one) for one in endpoints if one.kind != "customer_trigger"]


async def retire_integration_secret(
    office: Office, tenant_id: int, integration_id: int, *, actor: Actor
) -> list[SecretState]:
    """Ends the secret before at once; who still uses it is refused from now on. Raises NotFoundError, ConflictError
    where there is none, or the provider has no other yet."""
    await get_row(office, tenant_id, integration_id)
    held = [one for one in await _list(office, tenant_id, integration_id) if _has_previous(one)]
    if not held:
        raise ConflictError(NOTHING_TO_RETIRE)
    if any(one.rotated_at is None for one in held):
        raise ConflictError(NOT_TOLD_YET)
    keys = await office.keyring.keys_of(tenant_id)
    for one in held:
        audit = partial(_audit, IntegrationId(tenant_id, integration_id), one.kind, actor)
        await retire_previous_secret(office.database, office.queue.redis, office.settings, keys, one.endpoint_id, audit)
    return await list_secret_states(office, tenant_id, integration_id)


async def _audit(integration: IntegrationId, kind: EndpointKind, actor: Actor, connection: asyncpg.Connection) -> None:
    await write_audit(
        connection, integration.tenant_id, actor, "integration.secret_retired", "integration", str(integration),
        {"kind": kind},
    )  # fmt: skip


async def _list(office: Office, tenant_id: int, integration_id: int) -> list[EndpointRow]:
    async with office.database.tenant_tx(tenant_id, "secret_states") as connection:
        rows = await list_endpoints(connection, tenant_id)
    return [row for row in rows if row.integration_id == integration_id and row.status == "active"]


async def _show(office: Office, row: EndpointRow) -> SecretState:
    has_previous = _has_previous(row)
    used_at = await _find_use(office, row) if has_previous else None
    return SecretState(
        kind=row.kind, has_previous=has_previous, rotated_at=row.rotated_at if has_previous else None,
        previous_used_at=used_at,
    )  # fmt: skip


def _has_previous(row: EndpointRow) -> bool:
    """An inline endpoint keeps no hashes: its rotation goes on from the moment that the new secret was shown."""
    return row.rotated_at is not None if row.kind == "inline" else len(row.secret_hashes) > 1


async def _find_use(office: Office, row: EndpointRow) -> datetime | None:
    """When the secret before was last used, as far as Redis remembers. Raises QueueUnavailableError."""
    try:
        asked = office.queue.redis.hget(PREVIOUS_USED_KEY, row.token_hash.hex())
        found = await cast("Awaitable[bytes | None]", asked)
    except (RedisError, OSError) as error:
        raise QueueUnavailableError(f"Uses of secrets cannot be read ({type(error).__name__}).") from None
    return None if found is None else datetime.fromtimestamp(float(found), UTC)

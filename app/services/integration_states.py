"""Integrations paused and resumed, and their secrets rotated."""

import asyncio

import asyncpg

from app.core.errors import ConflictError, NotFoundError
from app.services import integration_reads
from app.services.audit import Actor, write_audit
from app.services.endpoints import IssuedEndpoint, list_active_endpoints, rotate_secret
from app.services.ids import IntegrationId
from app.services.integration_addresses import ensure_endpoints, list_addresses
from app.services.integration_reads import NO_INTEGRATION, get_row
from app.services.integration_views import list_notes
from app.services.office import Office
from db import integrations as db_integrations
from db.integrations import IntegrationStatus
from schemas.integrations import ChangedIntegration, HookChoice, Integration, IssuedIntegration

PAUSED_BY_HAND = "paused by hand: events wait"
REFUSED = "The provider refuses its credentials: enter new ones, which resumes it."
UNDER_WAY = "A rotation is under way, so no further secret was made: the one before stays valid until unused for a day."
NOT_TOLD = "The provider does not have the new secret, so the one before stays valid: rotate again when it can be told."
TRIGGER_STAYS = "The trigger's address is its own secret, and stays as it is."


async def pause_integration(office: Office, tenant_id: int, integration_id: int, *, actor: Actor) -> Integration:
    """Its events go on arriving and wait. Paused already: nothing changes. Raises NotFoundError."""
    await get_row(office, tenant_id, integration_id)
    await _set_status(
        office, tenant_id, integration_id, "paused", actor, seen_in=("active", "credentials_refused"),
        reason=PAUSED_BY_HAND,
    )  # fmt: skip
    shown, _ = await integration_reads.get_integration(office, tenant_id, integration_id)
    return shown


async def resume_integration(
    office: Office, tenant_id: int, integration_id: int, choice: HookChoice, *, actor: Actor
) -> ChangedIntegration:
    """What waited is worked off, and the hook is set again if it is not there. Raises NotFoundError, ConflictError
    while the provider refuses its credentials."""
    row = await get_row(office, tenant_id, integration_id)
    if row.status == "credentials_refused":
        raise ConflictError(REFUSED)
    await _set_status(office, tenant_id, integration_id, "active", actor, seen_in=("paused",), reason=None)
    await ensure_endpoints(office, row)
    state = await office.hooks.register(
        tenant_id, integration_id, replaces_foreign=choice.replace_foreign_hook, actor=actor
    )
    shown, _ = await integration_reads.get_integration(office, tenant_id, integration_id)
    return ChangedIntegration(**shown.model_dump(), notes=list_notes(state))


async def rotate_integration_secret(
    office: Office, tenant_id: int, integration_id: int, *, actor: Actor
) -> IssuedIntegration:
    """A new secret, told to the provider; the one before stays valid until it was unused for a day. Raises
    NotFoundError, ConflictError for an integration without a secret of its own."""
    row = await get_row(office, tenant_id, integration_id)
    await ensure_endpoints(office, row)
    keys = await office.keyring.keys_of(tenant_id)
    endpoints = await list_active_endpoints(office.database, office.settings, keys, integration_id)
    with_secret = [one for one in endpoints if one.secret is not None]
    if not with_secret:
        raise ConflictError("This integration has no secret to rotate.")
    notes = [note for one in with_secret for note in await _rotate(office, tenant_id, integration_id, one, actor)]
    if any(one.kind == "order_hook" for one in with_secret):
        if not notes:
            # Until then a receiver may not know the new secret, and would refuse a call that comes with it.
            await asyncio.sleep(office.settings.endpoint_cache_ttl_ms / 1000)
        state = await office.hooks.register(tenant_id, integration_id, actor=actor)
        notes += [] if state.was_set else [NOT_TOLD, *list_notes(state)]
    if any(one.kind == "customer_trigger" for one in endpoints):
        notes.append(TRIGGER_STAYS)
    shown, _ = await integration_reads.get_integration(office, tenant_id, integration_id)
    addresses = [one for one in await list_addresses(office, row) if one.secret is not None]
    return IssuedIntegration(**shown.model_dump(), notes=notes, addresses=addresses)


async def _rotate(
    office: Office, tenant_id: int, integration_id: int, endpoint: IssuedEndpoint, actor: Actor
) -> list[str]:
    async def audit(connection: asyncpg.Connection) -> None:
        await write_audit(
            connection, tenant_id, actor, "integration.secret_rotated", "integration",
            str(IntegrationId(tenant_id, integration_id)), {"kind": endpoint.kind},
        )  # fmt: skip

    keys = await office.keyring.keys_of(tenant_id)
    try:
        await rotate_secret(
            office.database, office.queue.redis, office.settings, keys, endpoint.endpoint_id, audit, ends_older=False
        )
    except ConflictError:
        # A third would end the one that the provider may still be using.
        return [UNDER_WAY]
    return []


async def _set_status(
    office: Office,
    tenant_id: int,
    integration_id: int,
    status: IntegrationStatus,
    actor: Actor,
    *,
    seen_in: tuple[IntegrationStatus, ...],
    reason: str | None,
) -> None:
    async with office.database.tenant_tx(tenant_id, "integration_status") as connection:
        if await db_integrations.set_integration_status(
            connection, tenant_id, integration_id, status, reason=reason, seen_in=seen_in
        ):
            action = "integration.paused" if status == "paused" else "integration.resumed"
            object_id = str(IntegrationId(tenant_id, integration_id))
            await write_audit(connection, tenant_id, actor, action, "integration", object_id)
        elif (found := await db_integrations.find_integration(connection, tenant_id, integration_id)) is None or (
            found.status == "deleted"
        ):
            raise NotFoundError(NO_INTEGRATION)

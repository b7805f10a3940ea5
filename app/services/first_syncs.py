"""The first sync of an integration: everything there is, of each stream that was never listed whole."""

from collections.abc import Iterable
from datetime import datetime

import asyncpg

from app.services.sync_requests import Requested, SyncRequest, list_syncable_streams, request_sync
from db.integrations import Integration
from db.sync_runs import SyncKind, list_active_streams, list_given_up, lock_syncs
from db.sync_streams import list_sync_streams
from db.tenants import find_tenant
from schemas.records import StreamName

BY_SCHEDULE = "system:schedule"


async def request_first_sync(
    connection: asyncpg.Connection, integration: Integration, requested_by: str, rests_since: datetime | None = None
) -> Requested | None:
    """In a transaction of the tenant. None when nothing is left to do for the first time, is being done already, or is
    not to be done by itself: `auto_sync` is off, or the tenant is not served. A stream of which this failed or was
    cancelled after `rests_since` is left alone."""
    tenant = await find_tenant(connection, integration.tenant_id)
    if tenant is None or tenant.status != "active" or not integration.auto_sync:
        return None
    never, _ = await divide_streams(connection, integration)
    wanted = await leave_out_active(connection, integration, "full", never)
    if rests_since is not None and wanted:
        place = integration.tenant_id, integration.integration_id
        given_up = await list_given_up(connection, *place, rests_since)
        wanted = tuple(stream for stream in wanted if stream not in given_up)
    if not wanted:
        return None
    return await request_sync(connection, integration, SyncRequest("full", "creation", requested_by, streams=wanted))


async def divide_streams(
    connection: asyncpg.Connection, integration: Integration
) -> tuple[tuple[StreamName, ...], tuple[StreamName, ...]]:
    """The integration's streams that were never listed whole, and the others."""
    states = await list_sync_streams(connection, integration.tenant_id)
    whole = {
        state.stream
        for state in states
        if state.integration_id == integration.integration_id and state.full_at is not None
    }
    streams = list_syncable_streams(integration.connector)
    return tuple(one for one in streams if one not in whole), tuple(one for one in streams if one in whole)


async def leave_out_active(
    connection: asyncpg.Connection, integration: Integration, kind: SyncKind, streams: Iterable[StreamName]
) -> tuple[StreamName, ...]:
    """Those of the streams that no run of that kind is working on or waiting for; it stays so until the transaction
    ends."""
    tenant_id, integration_id = integration.tenant_id, integration.integration_id
    await lock_syncs(connection, tenant_id, integration_id)
    active = await list_active_streams(connection, tenant_id, integration_id)
    busy = {one.stream for one in active if one.kind == kind and not one.is_cancelled}
    return tuple(stream for stream in streams if stream not in busy)

"""One event's whole life, put together: the queue, the ledger, its dead letter, its failed attempts, its records."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from app.connectors.registry import list_connectors
from app.core.errors import KeyDestroyedError, KeystoreUnavailableError, QueueUnavailableError
from app.core.queue import Place, Waiting
from app.services.attempts import Attempt, find_last_hold, read_attempts
from app.services.enqueue import KINDS
from app.services.event_ids import is_own_event_id
from app.services.ids import write_record_id
from app.services.integration_views import name_integration
from app.services.ledger import find_waiting, get_event, read_waiting
from app.services.office import Office
from app.services.told_nothing import PROBE_REASON
from db.event_pages import find_replayed_letter
from db.integrations import Integration, find_integration
from db.record_pages import page_by_external_id
from db.tenants import Tenant
from schemas.event_life import EventLife, FailedAttempt, Origin, RecordPlace, WaitsFor
from schemas.events import Event
from schemas.ledger import EventDetail
from schemas.records import RecordStream

RECORDS_MAX = 10  # the same id at further accounts of the connector
_STREAMS: dict[str, RecordStream] = {kind: stream for stream, kind in KINDS.items()}


class _Wait(NamedTuple):
    waits_for: WaitsFor | None = None
    held_until: datetime | None = None
    hold_reason: str | None = None


class _Around(NamedTuple):
    integration: Integration | None
    replay_of: UUID | None
    records: list[RecordPlace]


async def get_life(office: Office, tenant: Tenant, event_id: UUID) -> EventLife:
    """Raises NotFoundError for an event that is neither in the ledger nor in the queue, KeystoreUnavailableError."""
    tenant_id, text = tenant.tenant_id, str(event_id)
    event = await get_event(office, tenant_id, event_id)
    waiting = None if event.status == "settled" else await find_waiting(office, tenant_id, text)
    body = None if waiting is None else read_waiting(waiting)
    around = await _read_around(office, tenant_id, event, body)
    origin = await _find_origin(office, tenant_id, event, around.replay_of)
    wait = _Wait() if event.status == "settled" else await _find_wait(office, tenant, waiting, around.integration)
    integration = around.integration
    return EventLife(
        **event.model_dump(),
        **wait._asdict(),
        origin=origin,
        endpoint_kind=None if origin == "request" else _find_endpoint_kind(integration, event),
        integration_type=None if integration is None else integration.connector,
        integration_name=None if integration is None else name_integration(integration),
        integration_status=None if integration is None else integration.status,
        settled_at=None if event.latency_ms is None else event.received_at + timedelta(milliseconds=event.latency_ms),
        failed_attempts=[_show_attempt(one) for one in await read_attempts(office.cache, tenant_id, text)],
        replay_of=around.replay_of,
        records=around.records,
    )


async def find_wait(office: Office, tenant: Tenant, waiting: Waiting) -> WaitsFor:
    """What one event of the queue waits for."""
    async with office.database.tenant_tx(tenant.tenant_id, "find_wait") as connection:
        body = read_waiting(waiting)
        integration = (
            None if body is None else await find_integration(connection, tenant.tenant_id, body.integration_id)
        )
    found = await _find_wait(office, tenant, waiting, integration)
    return found.waits_for or "turn"


async def _read_around(office: Office, tenant_id: int, event: EventDetail, body: Event | None) -> _Around:
    integration_id = _find_number(event.integration_id)
    async with office.database.tenant_tx(tenant_id, "get_event_life") as connection:
        integration = None
        if integration_id is not None:
            integration = await find_integration(connection, tenant_id, integration_id)
        replay_of = await find_replayed_letter(connection, tenant_id, event.event_id)
        source = body.source if body is not None else None if integration is None else integration.connector
        records = await _find_records(connection, tenant_id, event, source)
    return _Around(integration, replay_of, records)


async def _find_records(
    connection: asyncpg.Connection, tenant_id: int, event: EventDetail, source: str | None
) -> list[RecordPlace]:
    if event.object_id is None or event.kind is None or source is None:
        return []
    stream = _STREAMS[event.kind]
    keys = await page_by_external_id(
        connection, tenant_id, stream, event.object_id, source=source, limit=RECORDS_MAX
    )  # fmt: skip
    return [RecordPlace(id=write_record_id(key), stream=stream, **key._asdict()) for key in keys]


async def _find_origin(office: Office, tenant_id: int, event: EventDetail, replay_of: UUID | None) -> Origin:
    if replay_of is not None:
        return "replay"
    if event.reason == PROBE_REASON:
        return "probe"
    try:
        keys = await office.keyring.keys_of(tenant_id)
    except (KeyDestroyedError, KeystoreUnavailableError):
        return "call"
    return "request" if is_own_event_id(keys, str(event.event_id)) else "call"


async def _find_wait(office: Office, tenant: Tenant, waiting: Waiting | None, integration: Integration | None) -> _Wait:
    """What is first in its way: a pause before a hold, a hold before its own date."""
    try:
        place: Place = (await office.queue.depth(tenant.tenant_id)).where
        held_until = await office.queue.find_hold(tenant.tenant_id)
    except QueueUnavailableError:
        return _Wait("turn")
    if place == "paused" or tenant.status != "active":
        return _Wait("tenant")
    is_untried = waiting is not None and waiting.due_at is not None and not waiting.tries
    if integration is not None and integration.status in {"paused", "credentials_refused"} and is_untried:
        return _Wait("integration")
    if held_until is not None and place != "leased":
        last = await find_last_hold(office.cache, tenant.tenant_id)
        return _Wait("hold", held_until, None if last is None else last.reason)
    if waiting is not None and waiting.due_at is not None:
        return _Wait("retry")
    if place == "leased" and waiting is not None and waiting.reads:
        return _Wait("worker")
    return _Wait("turn")


def _find_endpoint_kind(integration: Integration | None, event: EventDetail) -> str | None:
    """Each connector has one kind of address for a stream, or one for all."""
    connector = None if integration is None else list_connectors().get(integration.connector)
    if connector is None or event.kind is None:
        return None
    stream = _STREAMS[event.kind]
    return next((one.kind for one in connector.endpoints if one.stream in {stream, None}), None)


def _find_number(integration_id: str | None) -> int | None:
    return None if integration_id is None else int(integration_id.rpartition("_")[2])


def _show_attempt(attempt: Attempt) -> FailedAttempt:
    return FailedAttempt(**attempt._asdict())

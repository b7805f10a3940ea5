"""One event's whole life, put together: the queue, the ledger, its dead letter, its failed attempts, its records."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from app.connectors.registry import list_connectors
from app.core.errors import KeyDestroyedError, KeystoreUnavailableError
from app.services.attempts import Attempt, read_attempts
from app.services.enqueue import KINDS
from app.services.event_ids import is_own_event_id
from app.services.event_waits import decide_wait, read_queue_facts
from app.services.ids import write_record_id
from app.services.integration_views import name_integration
from app.services.ledger import find_waiting, get_event, read_waiting
from app.services.office import Office
from app.services.told_nothing import PROBE_REASON
from db.event_pages import find_replayed_letter
from db.integrations import Integration, find_integration
from db.record_pages import page_by_external_id
from db.tenants import Tenant
from schemas.event_life import EventLife, FailedAttempt, Origin, RecordPlace
from schemas.events import Event
from schemas.ledger import EventDetail
from schemas.records import RecordStream

RECORDS_MAX = 10  # the same id at further accounts of the connector
_STREAMS: dict[str, RecordStream] = {kind: stream for stream, kind in KINDS.items()}


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
    integration, waits_for, facts = around.integration, None, None
    if event.status != "settled":
        facts = await read_queue_facts(office, tenant)
        waits_for = decide_wait(facts, waiting, None if integration is None else integration.status)
    return EventLife(
        **event.model_dump(),
        waits_for=waits_for,
        held_until=None if facts is None else facts.held_until,
        hold_reason=None if facts is None else facts.hold_reason,
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

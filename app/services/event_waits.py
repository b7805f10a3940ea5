"""What events in the queue wait for: facts of the tenant, read once, and one pure decision for each event."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from app.core.errors import QueueUnavailableError
from app.core.queue import Depth, Waiting
from app.services.attempts import find_last_hold
from app.services.ledger import read_waiting, show_waiting
from app.services.office import Office
from db.integrations import list_integrations
from db.tenants import Tenant
from schemas.event_life import WaitsFor
from schemas.ledger import EventShown

_PAUSED = frozenset({"paused", "credentials_refused"})


class QueueFacts(NamedTuple):
    """`is_served`: the tenant's events have turns. `depth` None: the queue does not answer."""

    is_served: bool
    depth: Depth | None
    held_until: datetime | None = None
    hold_reason: str | None = None


class WaitingEvent(NamedTuple):
    event: EventShown
    waits_for: WaitsFor


class WaitingEvents(NamedTuple):
    """The first ones of a tenant's queue; how many there are says `facts.depth`."""

    facts: QueueFacts
    rows: list[WaitingEvent]


async def read_queue_facts(office: Office, tenant: Tenant) -> QueueFacts:
    """One tenant's, at one moment."""
    is_active = tenant.status == "active"
    try:
        depth = await office.queue.depth(tenant.tenant_id)
        held_until = await office.queue.find_hold(tenant.tenant_id)
    except QueueUnavailableError:
        return QueueFacts(is_active, None)
    # A drain at work has the hold behind it: the field is removed when somebody looks.
    if held_until is None or depth.where != "due":
        return QueueFacts(is_active and depth.where != "paused", depth)
    last = await find_last_hold(office.cache, tenant.tenant_id)
    return QueueFacts(is_active, depth, held_until, None if last is None else last.reason)


def decide_wait(facts: QueueFacts, waiting: Waiting | None, integration_status: str | None) -> WaitsFor:
    """What is first in its way: a pause before a hold, a hold before its own date. `waiting` None: it is on its way
    into the queue."""
    if not facts.is_served:
        return "tenant"
    if waiting is None or facts.depth is None:
        return "turn"
    is_untried = waiting.due_at is not None and not waiting.tries
    if is_untried and integration_status in _PAUSED:
        return "integration"
    if facts.held_until is not None:
        return "hold"
    if waiting.due_at is not None:
        return "retry"
    return "worker" if facts.depth.where == "leased" and waiting.reads else "turn"


async def list_waiting_events(office: Office, tenant: Tenant, limit: int) -> WaitingEvents:
    """The first ones: retries by date, then those that have waited longest. Raises QueueUnavailableError."""
    tenant_id = tenant.tenant_id
    found = await office.queue.peek(tenant_id, limit)
    facts = await read_queue_facts(office, tenant)
    async with office.database.tenant_tx(tenant_id, "list_waiting_events") as connection:
        statuses: Mapping[int, str] = {
            row.integration_id: row.status for row in await list_integrations(connection, tenant_id)
        }
    rows = []
    for waiting in found:
        event = read_waiting(waiting)
        status = None if event is None else statuses.get(event.integration_id)
        rows.append(WaitingEvent(show_waiting(tenant_id, waiting), decide_wait(facts, waiting, status)))
    return WaitingEvents(facts, rows)

"""Customers whom a limit kept out are asked for when there is room again.

1. Whoever was stored all the same, by a batch that another did not see, is asked for at once: that takes no room.
2. As many as there is room for, the longest waiting first, less those who were asked for lately and are on their way.
   A hint goes into the tenant's queue, as if the source had called; the pointer stays until the customer is stored.
3. The room that is left goes to inline documents: their dead letters are replayed.
4. Where nobody waits any more the limit's gap is closed.

An append that is lost costs WAITING_ASK_INTERVAL_S: pointers are marked as asked for before it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from app.core.errors import AcequiaError, QueueUnavailableError
from app.core.logging import get_logger
from app.core.queue import AppendBatch, Confirm, NewEntry, Queue
from app.core.settings import Settings
from app.services.audit import Actor
from app.services.dead_letters import replay_letter
from app.services.keyring import Keyring
from app.services.tenant_limits import find_limits
from db.counters import add_to_counters, find_figures, list_waiting_tenants
from db.dead_letters import count_limited_replays, list_limited_letters
from db.gaps import close_limit_gaps, list_limited_tenants
from db.pool import Database
from db.tenants import find_tenant
from db.waiting_customers import Waiting, ask_overtaken, ask_waiting, count_asked, drop_inline_waiting
from schemas.events import Event, encode_event
from schemas.ids import make_uuid7

ACTOR = Actor("system", "waiting_customers")

log = get_logger()


class _Turn(NamedTuple):
    """What is to be asked for: pointers by hints, letters by replays."""

    pointers: list[Waiting]
    letters: list[str]


async def enqueue_all_waiting(database: Database, keyring: Keyring, queue: Queue, settings: Settings) -> int:
    """For every tenant where a limit keeps somebody out; how many were asked for. What fails for one tenant, such as
    its keys, stops no other. Raises QueueUnavailableError and asyncpg's errors."""
    tenants = {*await list_waiting_tenants(database), *await list_limited_tenants(database)}
    done = 0
    for tenant_id in sorted(tenants):
        try:
            done += await enqueue_waiting(database, keyring, queue, settings, tenant_id)
        except QueueUnavailableError:
            raise
        except AcequiaError as error:
            log.warning("waiting.not_asked", tenant_id=tenant_id, reason=error.code)
    return done


async def enqueue_waiting(
    database: Database, keyring: Keyring, queue: Queue, settings: Settings, tenant_id: int
) -> int:
    """Asks for as many of one tenant's waiting customers as there is room for; how many. Nobody's while the tenant is
    not active. Raises QueueUnavailableError, KeystoreUnavailableError and asyncpg's errors."""
    turn = await _begin(database, settings, tenant_id)
    await _append_hints(queue, settings, tenant_id, turn.pointers)
    replayed = 0
    for event_id in turn.letters:
        try:
            await replay_letter(database, keyring, queue, settings, tenant_id=tenant_id, event_id=event_id, actor=ACTOR)
        except AcequiaError as error:
            if error.is_retryable:
                raise
            log.error("waiting.not_replayable", tenant_id=tenant_id, event_id=event_id, reason=error.code)
        else:
            replayed += 1
    if turn.pointers or replayed:
        log.info("waiting.asked", tenant_id=tenant_id, hints=len(turn.pointers), replays=replayed)
    return len(turn.pointers) + replayed


async def _begin(database: Database, settings: Settings, tenant_id: int) -> _Turn:
    limit = settings.waiting_batch_customers
    asked_before = datetime.now(UTC) - timedelta(seconds=settings.waiting_ask_interval_s)
    async with database.tenant_tx(tenant_id, "waiting_customers") as connection:
        tenant = await find_tenant(connection, tenant_id)
        if tenant is None or tenant.status != "active":
            return _Turn([], [])
        limits = find_limits(tenant.type, tenant.settings)
        figures = await find_figures(connection, tenant_id)
        on_their_way = await count_asked(connection, tenant_id, asked_before)
        replaying = await count_limited_replays(connection, tenant_id)
        pointers = await ask_overtaken(connection, tenant_id, asked_before, limit)
        free = 0
        if figures.stored_bytes < limits.storage_bytes:
            free = max(0, min(limit, limits.max_customers - figures.customers - on_their_way - replaying))
        if free:
            pointers += await ask_waiting(connection, tenant_id, asked_before, free)
        letters = await list_limited_letters(connection, tenant_id, max(0, free - len(pointers)))
        if free and not letters and not replaying:
            dropped = await drop_inline_waiting(connection, tenant_id)
            await add_to_counters(connection, tenant_id, "live", {"customers_waiting": -dropped})
        for integration_id in await close_limit_gaps(connection, tenant_id):
            log.info("gaps.closed", tenant_id=tenant_id, integration_id=integration_id, reason="nobody_waits")
    return _Turn(pointers, letters)


async def _append_hints(queue: Queue, settings: Settings, tenant_id: int, pointers: Sequence[Waiting]) -> None:
    events = [_make_hint(pointer) for pointer in pointers]
    confirm = Confirm(1, settings.redis_replicas_confirmed, settings.redis_confirm_timeout_ms)
    for start in range(0, len(events), settings.append_events_max):
        chunk = events[start : start + settings.append_events_max]
        batch = AppendBatch(tenant_id, "low", [NewEntry(event.event_id, encode_event(event)) for event in chunk])
        [answer] = await queue.append([batch], confirm=confirm if settings.redis_durability == "aof" else None)
        if answer == "full":
            log.warning("waiting.queue_full", tenant_id=tenant_id, customers=len(events) - start)
            return


def _make_hint(pointer: Waiting) -> Event:
    source, account, external_id = pointer.key
    return Event(make_uuid7(), source, account, pointer.integration_id, "hint", "customer", "upsert", external_id)

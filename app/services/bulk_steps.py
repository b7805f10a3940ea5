"""Operations on many dead letters, worked off step by step.

1. Claim the operation whose turn it is, under a lease: a worker that is killed leaves it to another.
2. What an earlier step tied and perhaps did not append is appended, under the same ids: however often, each makes one
   row.
3. Cancelled: it ends here. A replay waits while BULK_QUEUE_EVENTS_MAX events of the tenant wait: live ones stand
   behind.
4. Read the next letters that wait and were made before the operation; open what can be opened.
5. In one transaction: tie them to fresh events (or remove their bodies), count, and save the place. Whoever has lost
   the lease, or was told meanwhile to stop, commits nothing. So no letter is replayed twice, whoever is killed when.
6. Append the fresh events, give the operation back.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.core.errors import AcequiaError, KeyDestroyedError
from app.core.logging import get_logger
from app.core.metrics import BULK_LETTERS
from app.core.queue import AppendBatch, NewEntry, Queue
from app.core.queue_records import make_confirm
from app.core.sealing import TenantKeys
from app.core.settings import Settings
from app.services.audit import Actor, write_audit
from app.services.bulk_operations import OBJECT_KIND
from app.services.dead_letters import make_replay
from app.services.keyring import Keyring
from db import bulk_operations as db_bulk
from db.bulk_operations import BulkAction, BulkClaim, BulkEnd, BulkLeaseLostError, BulkProgress
from db.dead_letters import DeadLetter
from db.failures import classify
from db.pool import Database
from schemas.events import encode_event
from schemas.ids import make_uuid7

QUEUE_WAIT_MS = 500
GONE, TAKEN = "dead_letter_gone", "not_waiting"

log = get_logger()


class BulkOffice(NamedTuple):
    """What a step needs."""

    database: Database
    keyring: Keyring
    queue: Queue
    settings: Settings


class _Replays(NamedTuple):
    """`entries`: dead letter's id → its fresh event. `failures`: why the others cannot be replayed."""

    entries: Mapping[str, NewEntry]
    failures: "Counter[str]"


async def work_step(office: BulkOffice) -> bool:
    """One step of one operation; False when there is none to be worked on. What fails for the surroundings is tried
    again after BULK_RETRY_S. Raises asyncpg's errors when nothing can be claimed."""
    claim = await db_bulk.claim_operation(office.database, office.settings.lease_ms)
    if claim is None:
        return False
    try:
        await _step(office, claim)
    except BulkLeaseLostError:
        log.warning("bulk.lease_lost", tenant_id=claim.tenant_id, operation_id=str(claim.operation_id))
    except Exception as error:
        is_ours = not isinstance(error, AcequiaError) and classify(error) == "content"
        (log.exception if is_ours else log.warning)(
            "bulk.step_failed", tenant_id=claim.tenant_id, operation_id=str(claim.operation_id),
            error=type(error).__name__,
        )  # fmt: skip
        wait_ms = round(office.settings.bulk_retry_s * 1000)
        await db_bulk.release_operation(office.database, claim, wait_ms=wait_ms, waits_for="server", keeps_pending=True)
    return True


async def _step(office: BulkOffice, claim: BulkClaim) -> None:
    keys = await _find_keys(office, claim.tenant_id)
    if claim.pending and not await _append_pending(office, claim, keys):
        return await db_bulk.release_operation(
            office.database, claim, wait_ms=QUEUE_WAIT_MS, waits_for="queue", keeps_pending=True
        )
    if claim.is_cancelled:
        return await _end(office, claim)
    limit = await _find_room(office, claim)
    if not limit:
        return await db_bulk.release_operation(office.database, claim, wait_ms=QUEUE_WAIT_MS, waits_for="queue")
    async with office.database.tenant_tx(claim.tenant_id, "read_bulk") as connection:
        letters = await db_bulk.list_chosen_letters(connection, claim, claim.place, limit)
    if not letters:
        return await _end(office, claim)
    if claim.action == "discard":
        await _discard(office, claim, letters)
        return await db_bulk.release_operation(office.database, claim)
    entries = await _begin_replays(office, claim, letters, keys)
    if await _append(office, claim.tenant_id, entries):
        return await db_bulk.release_operation(office.database, claim)
    return await db_bulk.release_operation(
        office.database, claim, wait_ms=QUEUE_WAIT_MS, waits_for="queue", keeps_pending=True
    )


async def _find_keys(office: BulkOffice, tenant_id: int) -> TenantKeys | None:
    """None when they were destroyed: nothing can be opened any more."""
    try:
        return await office.keyring.keys_of(tenant_id)
    except KeyDestroyedError:
        return None


async def _find_room(office: BulkOffice, claim: BulkClaim) -> int:
    """How many letters this step may take."""
    settings = office.settings
    if claim.action == "discard":
        return settings.bulk_letters_per_step
    depth = await office.queue.depth(claim.tenant_id)
    free = office.queue.limits.events_max - depth.waiting - depth.retrying
    return max(0, min(settings.bulk_letters_per_step, settings.bulk_queue_events_max - depth.waiting, free))


async def _discard(office: BulkOffice, claim: BulkClaim, letters: Sequence[DeadLetter]) -> None:
    async with office.database.tenant_tx(claim.tenant_id, "bulk_discard") as connection:
        if await db_bulk.lock_operation(connection, claim):
            return
        done = await db_bulk.discard_letters(connection, claim.tenant_id, [letter.event_id for letter in letters])
        failures = {TAKEN: len(letters) - len(done)} if len(done) < len(letters) else {}
        await db_bulk.save_place(connection, claim, BulkProgress(_find_place(letters), (), len(done), failures))
    _count("discard", len(done), failures)


async def _begin_replays(
    office: BulkOffice, claim: BulkClaim, letters: Sequence[DeadLetter], keys: TenantKeys | None
) -> list[NewEntry]:
    """Ties what can be replayed; the fresh events to append, none when it was cancelled meanwhile."""
    replays = _make_replays(letters, keys)
    async with office.database.tenant_tx(claim.tenant_id, "bulk_replay") as connection:
        if await db_bulk.lock_operation(connection, claim):
            return []
        fresh_ids = {event_id: entry.event_id for event_id, entry in replays.entries.items()}
        begun = await db_bulk.begin_replays(connection, claim.tenant_id, fresh_ids)
        entries = [entry for event_id, entry in replays.entries.items() if event_id in begun]
        if len(begun) < len(fresh_ids):
            replays.failures[TAKEN] += len(fresh_ids) - len(begun)
        pending = [entry.event_id for entry in entries]
        progress = BulkProgress(_find_place(letters), pending, len(begun), replays.failures)
        await db_bulk.save_place(connection, claim, progress)
    _count("replay", len(begun), replays.failures)
    return entries


def _count(action: BulkAction, done: int, failures: Mapping[str, int]) -> None:
    """Behind the commit."""
    for outcome, letters in {"done": done, **failures}.items():
        BULK_LETTERS.labels(action, outcome).inc(letters)


def _make_replays(letters: Sequence[DeadLetter], keys: TenantKeys | None) -> _Replays:
    """What cannot be read is not begun: it would be tried again for ever."""
    entries, failures = {}, Counter[str]()
    for letter in letters:
        if keys is None:
            failures[GONE] += 1
            continue
        try:
            event = make_replay(keys, letter, letter.replay_event_id or make_uuid7())
        except AcequiaError as error:
            failures[error.code] += 1
        else:
            entries[letter.event_id] = NewEntry(event.event_id, encode_event(event))
    return _Replays(entries, failures)


async def _append_pending(office: BulkOffice, claim: BulkClaim, keys: TenantKeys | None) -> bool:
    async with office.database.tenant_tx(claim.tenant_id, "bulk_pending") as connection:
        letters = await db_bulk.list_pending_letters(connection, claim)
    return await _append(office, claim.tenant_id, list(_make_replays(letters, keys).entries.values()))


async def _append(office: BulkOffice, tenant_id: int, entries: Sequence[NewEntry]) -> bool:
    """False when the tenant's queue is full. Raises QueueUnavailableError, DurabilityError."""
    for first in range(0, len(entries), office.settings.append_events_max):
        batch = AppendBatch(tenant_id, "low", entries[first : first + office.settings.append_events_max])
        if await office.queue.append([batch], confirm=make_confirm(office.settings)) == ["full"]:
            return False
    return True


async def _end(office: BulkOffice, claim: BulkClaim) -> None:
    async with office.database.tenant_tx(claim.tenant_id, "end_bulk") as connection:
        end = await db_bulk.end_operation(connection, claim)
        if end is None:
            raise BulkLeaseLostError(str(claim.operation_id))
        actor = Actor(end.actor_kind, end.actor_id, end.request_id)
        await write_audit(
            connection, claim.tenant_id, actor, _name_end(end), OBJECT_KIND, str(claim.operation_id),
            {"status": end.status, "done": end.done, "failed": end.failed, "failures": dict(end.failures)},
        )  # fmt: skip
    log.info("bulk.ended", tenant_id=claim.tenant_id, operation_id=str(claim.operation_id), action=end.action,
             status=end.status, done=end.done, failed=end.failed)  # fmt: skip


def _name_end(end: BulkEnd) -> str:
    return "dead_letters.replayed" if end.action == "replay" else "dead_letters.discarded"


def _find_place(letters: Sequence[DeadLetter]) -> tuple[datetime, UUID]:
    return letters[-1].created_at, UUID(letters[-1].event_id)

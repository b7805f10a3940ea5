"""Dead letters: list, look at, replay, discard.

A replay is a fresh event: it is tied to the dead letter in one transaction, appended then, and closes the dead letter
in the transaction that writes its own ledger row. One whose append was lost is appended again, under the same id.
"""

from datetime import UTC, datetime, timedelta

from app.core.errors import AcequiaError, KeyDestroyedError, SealingError
from app.core.logging import get_logger
from app.core.queue import AppendBatch, Depth, NewEntry, Queue
from app.core.queue_records import make_confirm
from app.core.sealing import TenantKeys, inline_info, seal_inline
from app.core.settings import Settings
from app.services.audit import Actor, write_audit
from app.services.customer_room import DEAD_LETTER_PURPOSE
from app.services.keyring import Keyring
from db.dead_letters import (
    DeadLetter,
    begin_replay,
    discard_dead_letter,
    find_dead_letter,
    list_dead_letters,
    take_stuck_replays,
)
from db.pool import Database
from db.tenants import list_tenants
from schemas.events import Event, decode_event, encode_event
from schemas.ids import make_uuid7

STUCK_AFTER_S = 60

log = get_logger()


class DeadLetterNotFoundError(AcequiaError):
    """There is no such dead letter, or it is not waiting any more."""

    code = "dead_letter_not_found"
    http_status = 404


class DeadLetterGoneError(AcequiaError):
    """Its body is not kept any more, so it cannot be replayed."""

    code = "dead_letter_gone"
    http_status = 410


class DeadLetterUnreadableError(AcequiaError):
    """Its body is no event, so there is nothing to replay."""

    code = "dead_letter_unreadable"
    http_status = 422


async def find_letters(database: Database, tenant_id: int, limit: int = 100) -> list[DeadLetter]:
    """Those that wait or are being replayed, newest first."""
    async with database.tenant_tx(tenant_id, "dead_letters") as connection:
        return await list_dead_letters(connection, tenant_id, limit=limit)


async def get_letter(database: Database, tenant_id: int, event_id: str) -> DeadLetter:
    """One. Raises DeadLetterNotFoundError."""
    async with database.tenant_tx(tenant_id, "dead_letters") as connection:
        letter = await find_dead_letter(connection, tenant_id, event_id)
    if letter is None:
        raise DeadLetterNotFoundError(f"Tenant {tenant_id} has no dead letter {event_id}.")
    return letter


async def replay_letter(
    database: Database,
    keyring: Keyring,
    queue: Queue,
    settings: Settings,
    *,
    tenant_id: int,
    event_id: str,
    actor: Actor,
) -> str:
    """Replays one; the id of its fresh event. Raises DeadLetterNotFoundError, DeadLetterGoneError and what an append
    raises: then the replay is begun and is appended again within a minute."""
    found = await get_letter(database, tenant_id, event_id)
    try:
        keys = await keyring.keys_of(tenant_id)
        if found.status in ("waiting", "replaying"):
            read_event(keys, found)  # what cannot be read must not be begun: it would be tried again every minute
    except KeyDestroyedError:
        raise DeadLetterGoneError(f"The key of dead letter {event_id} was destroyed.") from None
    async with database.tenant_tx(tenant_id, "replay") as connection:
        letter = await begin_replay(connection, tenant_id, event_id, make_uuid7())
        if letter is not None:
            fresh = {"replay_event_id": str(letter.replay_event_id)}
            await write_audit(connection, tenant_id, actor, "dead_letter.replayed", "event", event_id, fresh)
    if letter is None:
        raise DeadLetterNotFoundError(f"Tenant {tenant_id} has no dead letter {event_id} that waits.")
    await _append(queue, settings, keys, letter)
    return str(letter.replay_event_id)


async def discard_letter(database: Database, tenant_id: int, event_id: str, *, actor: Actor) -> None:
    """Gives one up; its body is removed, its row stays. Raises DeadLetterNotFoundError."""
    async with database.tenant_tx(tenant_id, "discard") as connection:
        if not await discard_dead_letter(connection, tenant_id, event_id):
            raise DeadLetterNotFoundError(f"Tenant {tenant_id} has no dead letter {event_id} that waits.")
        await write_audit(connection, tenant_id, actor, "dead_letter.discarded", "event", event_id)


async def append_stuck_replays(database: Database, keyring: Keyring, queue: Queue, settings: Settings) -> int:
    """Appends again what was begun a minute ago and has no ledger row yet; how many.

    Not where it may still be on its way: a queue that is paused, retries or has an entry of that age would be filled
    with the same ids each minute, until live calls are refused.
    """
    begun_before = datetime.now(UTC) - timedelta(seconds=STUCK_AFTER_S)
    done = 0
    depths = await queue.depths()
    for tenant in await list_tenants(database):
        if tenant.status != "active" or _may_be_on_its_way(depths.get(tenant.tenant_id)):
            continue
        async with database.tenant_tx(tenant.tenant_id, "stuck_replays") as connection:
            letters = await take_stuck_replays(connection, tenant.tenant_id, begun_before)
        for letter in letters:
            try:
                await _append(queue, settings, await keyring.keys_of(tenant.tenant_id), letter)
            except (DeadLetterGoneError, DeadLetterUnreadableError, SealingError) as error:
                log.error("replay.impossible", tenant_id=tenant.tenant_id, event_id=letter.event_id, reason=error.code)
            else:
                done += 1
    return done


def _may_be_on_its_way(depth: Depth | None) -> bool:
    """Whether what was appended STUCK_AFTER_S ago may stand in this queue."""
    if depth is None:
        return False
    is_old = depth.oldest_ms is not None and depth.oldest_ms >= STUCK_AFTER_S * 1_000
    return depth.where == "paused" or depth.retrying > 0 or is_old


def read_event(keys: TenantKeys, letter: DeadLetter) -> Event:
    """The event as it was queued. Raises DeadLetterGoneError, DeadLetterUnreadableError, SealingError."""
    if letter.sealed_body is None:
        raise DeadLetterGoneError(f"The body of dead letter {letter.event_id} is not kept any more.")
    body = keys.open(DEAD_LETTER_PURPOSE, letter.event_id, letter.sealed_body)
    try:
        return decode_event(letter.event_id, body)
    except (ValueError, KeyError, TypeError):
        raise DeadLetterUnreadableError(
            f"The body of dead letter {letter.event_id} is no event of ours: it can only be discarded."
        ) from None


async def find_pointer(keyring: Keyring, tenant_id: int, letter: DeadLetter) -> Event | None:
    """What the event pointed at, without a document; None when its body cannot be read. Raises
    KeystoreUnavailableError."""
    try:
        return read_event(await keyring.keys_of(tenant_id), letter)._replace(sealed=None)
    except (DeadLetterGoneError, DeadLetterUnreadableError, SealingError):
        return None


def make_replay(keys: TenantKeys, letter: DeadLetter, event_id: str) -> Event:
    """The letter's event under a fresh id. Raises as `read_event`."""
    return _rename(keys, read_event(keys, letter), event_id)


async def _append(queue: Queue, settings: Settings, keys: TenantKeys, letter: DeadLetter) -> None:
    assert letter.replay_event_id is not None, "a replay has an id before it is appended"
    event = make_replay(keys, letter, letter.replay_event_id)
    batch = AppendBatch(keys.tenant_id, "normal", [NewEntry(event.event_id, encode_event(event))])
    await queue.append([batch], confirm=make_confirm(settings))


def _rename(keys: TenantKeys, event: Event, event_id: str) -> Event:
    """The same event under another id. An inline document is bound to its event's id, so it is sealed anew."""
    if event.sealed is None:
        return event._replace(event_id=event_id)
    place = (keys.tenant_id, event.source, event.kind, event.object_id)
    document = keys.open_inline(event.sealed, inline_info(*place, event.event_id))
    return event._replace(
        event_id=event_id, sealed=seal_inline(keys.public_key, inline_info(*place, event_id), document)
    )

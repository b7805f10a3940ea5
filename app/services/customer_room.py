"""Limits on customers and storage, where they bind: inside the transaction of a batch.

At the limit whoever is held goes on, and so do all orders. A *newcomer*, a customer without a row or one who comes back
from a deletion, is kept out: a pointer waits in its place, the gap of the integration's customers is marked, and its
events are ignored with the limit as their reason. An inline document has no source to go back to, so its event is a
dead letter. Figures are read without a lock: writers at the same time exceed a limit by one batch each at most.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

import asyncpg

from app.core.sealing import TenantKeys
from app.services.merge import Known
from db.counters import find_figures
from db.gaps import GapMark, set_gaps
from db.versions import Held, Key
from db.waiting_customers import Waiting, insert_waiting, remove_waiting
from schemas.events import Event, encode_event
from schemas.ids import read_uuid7_ms
from schemas.records import CustomerRecord

if TYPE_CHECKING:
    from app.services.apply import Settlement

LimitReason = Literal["customer_limit", "storage_limit"]
DEAD_LETTER_PURPOSE = "dead_letter.v1"


class WriteLimits(NamedTuple):
    """What binds a batch. `storage_bytes` are compared with the counter `stored_bytes`."""

    max_customers: int
    storage_bytes: int


class Room(NamedTuple):
    """What there is room for. `kept_out`: customers of the batch who must wait, and why; `has_waiting`: somebody waits
    already, so that whoever is stored now may have to be struck off."""

    kept_out: Mapping[Key, LimitReason]
    has_waiting: bool


class Origin(NamedTuple):
    """Where a customer of the batch was heard of, and since when that may be missing."""

    integration_id: int
    form: Literal["hint", "inline"]
    since: datetime


async def find_room(
    connection: asyncpg.Connection,
    tenant_id: int,
    limits: WriteLimits | None,
    known: Mapping[Key, Known],
    held: Mapping[Key, Held],
) -> Room:
    """Compares one tenant's figures, as this transaction sees them, with its limits. Takes no lock."""
    if limits is None:
        return Room({}, has_waiting=False)
    figures = await find_figures(connection, tenant_id)
    newcomers = list_newcomers(known, held)
    free = max(0, limits.max_customers - figures.customers)
    kept_out: dict[Key, LimitReason] = dict.fromkeys(newcomers[free:], "customer_limit")
    if figures.stored_bytes >= limits.storage_bytes:
        kept_out = {key: kept_out.get(key, "storage_limit") for key in newcomers}
    return Room(kept_out, has_waiting=figures.waiting > 0)


def list_newcomers(known: Mapping[Key, Known], held: Mapping[Key, Held]) -> list[Key]:
    """Whoever would be one customer more, in the batch's order: no row yet, or back after a deletion."""

    def is_newcomer(key: Key, told: Known) -> bool:
        if told.record.is_deleted:
            return False
        found = held.get(key)
        return found is None or (found.is_deleted and told.version > found.version)

    return [key for key, told in known.items() if is_newcomer(key, told)]


def settle_kept_out(keys: TenantKeys, settlements: "Sequence[Settlement]", room: Room) -> "list[Settlement]":
    """The batch's settlements, with those of customers who are kept out ignored or, inline, dead."""

    def settle(settlement: "Settlement") -> "Settlement":
        key = _find_customer(settlement)
        reason = None if key is None or settlement.outcome is not None else room.kept_out.get(key)
        if reason is None:
            return settlement
        if settlement.event.form != "inline":
            return settlement._replace(observation=None, outcome="ignored", reason=reason)
        event = settlement.event
        body = keys.seal(DEAD_LETTER_PURPOSE, event.event_id, encode_event(event))
        return settlement._replace(observation=None, outcome="dead", reason=reason, sealed_body=body)

    return [settle(settlement) for settlement in settlements] if room.kept_out else list(settlements)


def find_origins(settlements: "Sequence[Settlement]") -> dict[Key, Origin]:
    """By customer, of those that an event of the batch told of. A source that can be asked again stands first."""
    origins: dict[Key, Origin] = {}
    for settlement in settlements:
        key, event = _find_customer(settlement), settlement.event
        if key is not None and (key not in origins or origins[key].form == "inline"):
            origins[key] = Origin(event.integration_id, event.form, _find_acceptance(event))
    return origins


def list_given_up(settlements: "Sequence[Settlement]") -> list[Key]:
    """Customers whose hint is dead: its dead letter remembers them from now on, a pointer would be asked for ever."""
    return [
        Key(event.source, event.account, event.object_id)
        for event, _, _, outcome, *_ in settlements
        if outcome == "dead" and event.kind == "customer" and event.form == "hint"
    ]


async def update_waiting(
    connection: asyncpg.Connection,
    tenant_id: int,
    room: Room,
    origins: Mapping[Key, Origin],
    settled: Sequence[Key],
) -> dict[str, int]:
    """Puts down whoever is kept out, strikes off whoever is `settled`, marks gaps; how the counter moves: by pointers
    that really came or went, so that it is exact whatever is repeated."""
    pointers = [Waiting(key, origins[key].integration_id, origins[key].form) for key in room.kept_out]
    added = await insert_waiting(connection, tenant_id, pointers)
    if added:
        marks = [
            GapMark(origins[key].integration_id, "customers", origins[key].since, reason)
            for key, reason in room.kept_out.items()
        ]
        await set_gaps(connection, tenant_id, marks)
    removed = await remove_waiting(connection, tenant_id, settled) if room.has_waiting and settled else 0
    return {"customers_waiting": len(added) - removed}


def _find_customer(settlement: "Settlement") -> Key | None:
    observation = settlement.observation
    if observation is None or not isinstance(observation.record, CustomerRecord):
        return None
    return Key(observation.source, observation.account, observation.record.external_id)


def _find_acceptance(event: Event) -> datetime:
    return datetime.fromtimestamp(read_uuid7_ms(event.event_id) / 1000, UTC)

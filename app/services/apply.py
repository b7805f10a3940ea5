"""The one transaction of a batch: rows, ledger, dead letters and counters, or nothing of it.

1. What was observed is reduced to one state per key, newest wins, partial documents put together.
2. Customers for whom a limit leaves no room are kept out (customer_room.py).
3. Customers, then orders: one sorted statement each (upsert.py). Then who waits.
4. The ledger: a row per event, unless it has one: the first committed outcome stands.
5. Only for rows that are new: dead letters, closed replays, day totals.
6. When the integrations were current; counters and the minute's figures last, because their rows are held until the
   commit.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple

import asyncpg

from app.core.sealing import TenantKeys
from app.services.customer_room import (
    Origin,
    Room,
    WriteLimits,
    find_origins,
    find_room,
    list_given_up,
    settle_kept_out,
    update_waiting,
)
from app.services.hook_silence import TOLD_WITHIN, note_batch_found
from app.services.merge import AnyRecord, Known, merge, observe
from app.services.sealed_rows import Sealer, to_utc
from app.services.series import LATE_AFTER_MS, Fresh, find_minute, measure_batch
from app.services.told_nothing import TOLD_NOTHING, mark_given_up
from app.services.upsert import CUSTOMERS, ORDERS, RowMovedError, Stored, Upserted, upsert
from db.activity import note_activity
from db.counters import Writer
from db.ledger import LedgerEntry, find_outcomes, settle_events
from db.pool import Database, wait_in_line
from db.series import count_batch
from db.versions import Key, Version
from schemas.events import Event, Outcome
from schemas.ids import read_uuid7_ms
from schemas.records import OrderRecord, RecordStream, write_json

if TYPE_CHECKING:
    from app.services.prepare import Prepared

APPLIED_PREFIX = "applied."
ATTEMPTS_MAX = 5  # of a batch whose rows others change between its look and its write


class Observation(NamedTuple):
    """What a fetch, an inline document or a batch page told.

    `observed_at`: for what we fetched, the queue server's time before the request left; for what was sent, the
    signed time. `is_whole` False: the provider may tell a little later what it has left out.
    """

    source: str
    account: str
    record: AnyRecord
    mapper_version: int
    observed_at: datetime
    is_whole: bool = True


class Settlement(NamedTuple):
    """One event to be written into the ledger with the batch.

    Either an `observation`, and its outcome follows from what becomes of it, or an `outcome` of `ignored` or `dead`
    with its `reason`. `field`, `sealed_body`: for a dead letter; the event's body sealed with purpose `dead_letter.v1`.
    """

    event: Event
    attempts: int
    observation: Observation | None
    outcome: Literal["ignored", "dead"] | None = None
    reason: str | None = None
    field: str | None = None
    sealed_body: bytes | None = None


class Applied(NamedTuple):
    """`outcomes`: event id → outcome, of every event given: this batch's or, if it had one, the earlier one.
    `changed`: rows whose content changed, `created`: those of them that are new. `kept_out`: customers whom a limit
    left no room. `fresh`: how old each change was of which an event told first. `counted`: events that count toward the
    freshness objective; `late`: those that were not in time."""

    outcomes: dict[str, Outcome]
    changed: int
    kept_out: frozenset[Key] = frozenset()
    created: int = 0
    fresh: Sequence[Fresh] = ()
    counted: int = 0
    late: int = 0


# What else belongs into the batch's transaction; raises to undo all of it.
InTransaction = Callable[[asyncpg.Connection, Applied], Awaitable[None]]


class _ObjectKey(NamedTuple):
    is_order: bool
    key: Key


class _Batch(NamedTuple):
    """A batch, reduced. `observations`: those without an event, `integration_id`: whose they are."""

    settlements: Sequence[Settlement]
    observations: Sequence[Observation]
    customers: dict[Key, Known]
    orders: dict[Key, Known]
    versions: dict[int, Version]
    writer: Writer
    now: datetime
    integration_id: int | None
    in_transaction: InTransaction | None
    late_after_ms: int


async def apply_batch(
    database: Database,
    keys: TenantKeys,
    settlements: Sequence[Settlement],
    observations: Sequence[Observation] = (),
    *,
    writer: Writer = "live",
    now: datetime,
    country: str = "AR",
    limits: WriteLimits | None = None,
    integration_id: int | None = None,
    in_transaction: InTransaction | None = None,
    prepared: "Prepared | None" = None,
    late_after_ms: int = LATE_AFTER_MS,
) -> Applied:
    """Commits a batch of one tenant. `now`: from which latencies are counted. `country`: ISO alpha-2, the tenant's.
    `limits`: the tenant's; None binds nothing. `integration_id`: whose the `observations` without an event are, needed
    when limits bind them. `in_transaction`: called before the counters, and again with every attempt. `prepared`: what
    `prepare_batch` made of just these observations, where there are no settlements. `late_after_ms`: the age beyond
    which a change is late.

    Raises ValueError for a settlement with neither observation nor outcome, SealingError, RowMovedError when others
    kept changing the same rows, and whatever asyncpg raises: `db.failures.classify` says whose fault it is.
    """
    has_customers = any(not isinstance(observation.record, OrderRecord) for observation in observations)
    if limits is not None and has_customers and integration_id is None:
        raise ValueError("observations that limits may keep out need an integration")
    if prepared is None:
        customers, orders, versions, contents = reduce_observations(keys, [*_list_told(settlements), *observations])
        sealer = Sealer(keys, country, contents)
    else:
        customers, orders, versions, sealer = prepared.customers, prepared.orders, prepared.versions, prepared.sealer
    batch = _Batch(
        settlements, observations, customers, orders, versions, writer, now, integration_id, in_transaction,
        late_after_ms,
    )  # fmt: skip
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            async with database.tenant_tx(keys.tenant_id, f"apply.{writer}") as connection:
                if attempt > 1:
                    await wait_in_line(connection, keys.tenant_id)
                return await _write(connection, sealer, batch, limits, prepared if attempt == 1 else None)
        except RowMovedError:
            if attempt == ATTEMPTS_MAX:
                raise
    raise AssertionError("unreachable")


def _list_told(settlements: Iterable[Settlement]) -> list[Observation]:
    return [s.observation for s in settlements if s.observation is not None and s.outcome is None]


async def _write(
    connection: asyncpg.Connection,
    sealer: Sealer,
    batch: _Batch,
    limits: WriteLimits | None,
    prepared: "Prepared | None",
) -> Applied:
    tenant_id, writer = sealer.keys.tenant_id, batch.writer
    given_up = list_given_up(batch.settlements) if limits else []
    held = prepared.held_customers if prepared else {}
    room = Room({}, has_waiting=False)
    if batch.customers and not prepared:
        held = await CUSTOMERS.find_held(connection, tenant_id, sorted(batch.customers))
    if batch.customers or given_up:
        room = await find_room(connection, tenant_id, limits, batch.customers, held)
    if prepared and room.kept_out:
        # Whoever is held goes on, also if that is so only since the look beforehand.
        return await _write(connection, sealer, batch, limits, None)
    admitted = {key: state for key, state in batch.customers.items() if key not in room.kept_out}
    customer_plan, order_plan = (prepared.customer_plan, prepared.order_plan) if prepared else (None, None)
    of_customers = await upsert(connection, sealer, CUSTOMERS, admitted, held, plan=customer_plan)
    of_orders = await upsert(connection, sealer, ORDERS, batch.orders, plan=order_plan)
    of_waiting = await update_waiting(connection, tenant_id, room, _find_origins(batch, room), [*admitted, *given_up])
    settlements = settle_kept_out(sealer.keys, batch.settlements, room)
    stored: dict[_ObjectKey, Stored] = {}
    if settlements:
        stored = {_ObjectKey(False, key): state for key, state in of_customers.stored.items()}
        stored |= {_ObjectKey(True, key): state for key, state in of_orders.stored.items()}
    entries = decide_outcomes(settlements, stored, batch.versions, batch.now)
    outcomes, replays = await settle_events(connection, tenant_id, writer, entries)
    await mark_given_up(connection, tenant_id, settlements, outcomes)
    current = {
        entry.integration_id
        for entry in entries
        if outcomes.get(entry.event_id, "dead") != "dead" and entry.reason not in TOLD_NOTHING
    }
    # What a page brings says nothing yet: the run that reads it may fail. Its end says it (sync_begin.py).
    await note_activity(connection, tenant_id, writer, current)
    if writer == "bulk" and batch.integration_id is not None:
        news = [state.source_updated_at for state in of_orders.stored.values() if state.is_new]
        if news and max(news) > batch.now - TOLD_WITHIN:
            await note_batch_found(connection, tenant_id, batch.integration_id, len(news), max(news))
    changed = [s for s in chain(of_customers.stored.values(), of_orders.stored.values()) if s.is_changed]
    applied = Applied(outcomes, len(changed), frozenset(room.kept_out), sum(s.is_new for s in changed))
    if batch.in_transaction is not None:
        await batch.in_transaction(connection, applied)
    counted = _add(_count_outcomes(outcomes.values()), _count_applied(entries, outcomes))
    if batch.integration_id is not None and not batch.settlements:
        counted[f"{APPLIED_PREFIX}{batch.integration_id}"] = len(changed)
    series = measure_batch(
        sealer.keys, entries, outcomes, replays, synced=_count_synced(batch, of_customers, of_orders),
        late_after_ms=batch.late_after_ms,
    )  # fmt: skip
    deltas = _add(of_customers.counters, of_orders.counters, of_waiting, counted)
    await count_batch(connection, tenant_id, writer, deltas, find_minute(batch.now), series.counts)
    applied = applied._replace(
        fresh=series.fresh,
        counted=sum(counts.counted for counts in series.counts),
        late=sum(counts.late for counts in series.counts),
    )
    earlier = [entry.event_id for entry in entries if entry.event_id not in outcomes]
    if earlier:
        applied = applied._replace(outcomes=outcomes | await find_outcomes(connection, tenant_id, earlier))
    return applied


def _find_origins(batch: _Batch, room: Room) -> dict[Key, Origin]:
    """Where customers were heard of, if any is kept out. What no event told of is known since now."""
    if not room.kept_out:
        return {}
    loose = Origin(batch.integration_id or 0, "hint", batch.now)
    return find_origins(batch.settlements) | {_find_key(observation).key: loose for observation in batch.observations}


class Reduced(NamedTuple):
    """Observations as one state per object. `versions`: each observation's by its `id()`: many events share one.
    `contents`: for the `Sealer`."""

    customers: dict[Key, Known]
    orders: dict[Key, Known]
    versions: dict[int, Version]
    contents: dict[bytes, bytes]


def reduce_observations(keys: TenantKeys, observations: Iterable[Observation]) -> Reduced:
    """What all of them together tell. Each step is taken for all before the next: see `sealed_rows`."""
    reduced = Reduced({}, {}, {}, {})
    told = list({id(observation): observation for observation in observations}.values())
    jsons = [write_json(observation.record) for observation in told]
    hashes = [keys.content_hash(json) for json in jsons]
    reduced.contents.update(zip(hashes, jsons, strict=True))
    for observation, content_hash in zip(told, hashes, strict=True):
        source, account, record = observation.source, observation.account, observation.record
        version = reduced.versions[id(observation)] = _make_version(observation, content_hash)
        key, state = Key(source, account, record.external_id), observe(record, version)
        known = reduced.orders if isinstance(record, OrderRecord) else reduced.customers
        known[key] = merge(known[key], state) if key in known else state
    return reduced


def make_version(keys: TenantKeys, observation: Observation) -> Version:
    """Its place in the order of observations."""
    return _make_version(observation, keys.content_hash(write_json(observation.record)))


def _make_version(observation: Observation, content_hash: bytes) -> Version:
    observed_at, stamp = to_utc(observation.observed_at), observation.record.source_updated_at
    stamp = observed_at if stamp is None else to_utc(stamp)
    return Version(stamp, observation.mapper_version, observed_at, content_hash)


def decide_outcomes(
    settlements: Sequence[Settlement],
    stored: dict[_ObjectKey, Stored],
    versions: dict[int, Version],
    now: datetime,
) -> list[LedgerEntry]:
    """The table of queue_protocol.md §2.6: the newest event of an object whose row changed is applied; one whose own
    stamp lies below the stored one is superseded; the others told what was held."""
    newest: dict[_ObjectKey, tuple[datetime, str]] = {}
    stamps: dict[str, tuple[_ObjectKey, datetime]] = {}
    own_stamps: dict[str, datetime | None] = {}
    for settlement in settlements:
        if settlement.observation is None or settlement.outcome is not None:
            continue
        object_key = _find_key(settlement.observation)
        own = own_stamps[settlement.event.event_id] = _find_stamp(settlement, versions)
        stamp = own or stored[object_key].source_updated_at
        stamps[settlement.event.event_id] = object_key, stamp
        place = (stamp, settlement.event.event_id)
        newest[object_key] = max(newest.get(object_key, place), place)

    def decide(settlement: Settlement) -> Outcome:
        if settlement.outcome is not None:
            if settlement.outcome == "dead" and settlement.reason is None:
                raise ValueError("a dead event needs a reason")
            return settlement.outcome
        if settlement.observation is None:
            raise ValueError("a settlement needs an observation or an outcome")
        object_key, stamp = stamps[settlement.event.event_id]
        if stored[object_key].is_changed and newest[object_key][1] == settlement.event.event_id:
            return "applied"
        return "superseded" if stamp < stored[object_key].source_updated_at else "duplicate"

    def measure(event_id: str, outcome: Outcome) -> int | None:
        """How old the change was that it told of; None where that was held before, or nobody knows."""
        if event_id not in stamps or not stored[stamps[event_id][0]].is_changed:
            return None
        stamp = stamps[event_id][1] if outcome == "applied" else own_stamps[event_id]
        return None if stamp is None else max(0, int((now - stamp).total_seconds() * 1000))

    def settle(settlement: Settlement) -> LedgerEntry:
        event, outcome = settlement.event, decide(settlement)
        return LedgerEntry(
            event.event_id, event.integration_id, event.kind, event.object_id, event.state, outcome, settlement.reason,
            settlement.attempts, now_ms - read_uuid7_ms(event.event_id), settlement.field, settlement.sealed_body,
            measure(event.event_id, outcome),
        )  # fmt: skip

    now_ms = int(now.timestamp() * 1000)
    return list({settlement.event.event_id: settle(settlement) for settlement in settlements}.values())


def _find_stamp(settlement: Settlement, versions: dict[int, Version]) -> datetime | None:
    """The event's own stamp. An inline document is its own observation, so that one's version says it."""
    event, observation = settlement.event, settlement.observation
    if event.form == "inline" and observation is not None:
        return versions[id(observation)].source_updated_at
    return None if event.stamp is None else to_utc(event.stamp)


def _find_key(observation: Observation) -> _ObjectKey:
    key = Key(observation.source, observation.account, observation.record.external_id)
    return _ObjectKey(isinstance(observation.record, OrderRecord), key)


def _count_outcomes(outcomes: Iterable[Outcome]) -> dict[str, int]:
    counters: dict[str, int] = {}
    for outcome in outcomes:
        counters[f"events_{outcome}"] = counters.get(f"events_{outcome}", 0) + 1
    return counters


def _count_synced(batch: _Batch, customers: Upserted, orders: Upserted) -> dict[RecordStream, int]:
    """Rows that changed without an event, by stream. What an event tells in parts is that event's."""
    if batch.settlements or batch.writer == "live":
        return {}
    return {
        "customers": sum(state.is_changed for state in customers.stored.values()),
        "orders": sum(state.is_changed for state in orders.stored.values()),
    }


def _count_applied(entries: Iterable[LedgerEntry], outcomes: Mapping[str, Outcome]) -> dict[str, int]:
    """What each integration brought in: `applied.{integration_id}`."""
    return Counter(
        f"{APPLIED_PREFIX}{entry.integration_id}" for entry in entries if outcomes.get(entry.event_id) == "applied"
    )


def _add(*counters: dict[str, int]) -> dict[str, int]:
    names = {name for part in counters for name in part}
    return {name: sum(part.get(name, 0) for part in counters) for name in names}

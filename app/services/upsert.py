"""Writes one family's observations of a batch: decides row by row what wins, seals only that, and writes it at once.

1. Reduce to what the batch knows of each key. 2. Read the versions held. 3. Per key:
   absent, or older than a full document        → written, on condition that it still is (the statement's guard);
   same content, observed later                 → the observation moves, the content stays;
   anything that must be put together field by field → the held row is opened, merged, and written on condition that it
   is still the row that was opened (its revision);
   the rest has lost. 4. One statement, rows sorted by key. 5. A row whose condition failed is looked at again: lost
   after all, or the transaction starts over. Nothing is locked before the one sorted statement, so two batches over the
   same keys cannot lock each other out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

import asyncpg

from app.core.errors import AcequiaError
from app.core.sealing import TenantKeys
from app.services.merge import Known, is_changed, merge
from app.services.sealed_rows import (
    Sealer,
    State,
    make_customer_rows,
    make_order_rows,
    make_same_customer_row,
    make_same_order_row,
    open_customer,
    open_order,
)
from db.customers import CustomerRow, find_held_customers, get_customers, write_customers
from db.orders import OrderRow, find_held_orders, get_orders, list_order_items, write_orders
from db.versions import Held, Key, Version, Written

ROW_BYTES = 256  # counted per row beside its sealed bytes: typed columns and index entries, as a fixed figure
_ROWS_PER_TURN = 50

RowT = TypeVar("RowT", CustomerRow, OrderRow)
Opened = tuple[Known, int]  # what a held row says, and its revision


class RowMovedError(AcequiaError):
    """Another transaction changed a row between our look at it and our write. Start over: it is rare."""

    code = "row_moved"
    is_retryable = True


class Family(NamedTuple, Generic[RowT]):
    """How one kind of record is stored."""

    name: str
    find_held: Callable[[asyncpg.Connection, int, Sequence[Key]], Awaitable[dict[Key, Held]]]
    open_held: Callable[[asyncpg.Connection, TenantKeys, Sequence[Key]], Awaitable[dict[Key, Opened]]]
    make_rows: Callable[[Sealer, Sequence[State]], list[RowT]]
    make_same_row: Callable[[Key, Known, int], RowT]
    write: Callable[[asyncpg.Connection, int, Sequence[RowT]], Awaitable[dict[Key, Written]]]


class Stored(NamedTuple):
    """How a key stands after the batch. `is_changed`: this batch changed its content or its source's stamp. `is_new`:
    nothing was held of it before."""

    is_changed: bool
    source_updated_at: datetime
    is_new: bool = False


class Upserted(NamedTuple):
    stored: dict[Key, Stored]
    counters: dict[str, int]


class Plan(NamedTuple, Generic[RowT]):
    """Filled in step by step: what to write, how each key will stand, and what must be opened first."""

    rows: list[RowT]
    stored: dict[Key, Stored]
    to_merge: list[Key]


async def open_held_customers(
    connection: asyncpg.Connection, keys: TenantKeys, wanted: Sequence[Key]
) -> dict[Key, Opened]:
    """Stored profiles, opened, with their revisions. Raises SealingError."""
    rows = await get_customers(connection, keys.tenant_id, wanted)
    return {key: (open_customer(keys, key, row), row["revision"]) for key, row in rows.items()}


async def open_held_orders(
    connection: asyncpg.Connection, keys: TenantKeys, wanted: Sequence[Key]
) -> dict[Key, Opened]:
    """Stored orders with their lines, opened, with their revisions. Raises SealingError."""
    rows = await get_orders(connection, keys.tenant_id, wanted)
    items = await list_order_items(connection, keys.tenant_id, wanted)
    return {key: (open_order(keys, key, row, items.get(key, [])), row["revision"]) for key, row in rows.items()}


CUSTOMERS = Family(
    "customers", find_held_customers, open_held_customers, make_customer_rows, make_same_customer_row, write_customers
)
ORDERS = Family("orders", find_held_orders, open_held_orders, make_order_rows, make_same_order_row, write_orders)


async def upsert(
    connection: asyncpg.Connection,
    sealer: Sealer,
    family: Family[RowT],
    known: Mapping[Key, Known],
    held: Mapping[Key, Held] | None = None,
    *,
    plan: Plan[RowT] | None = None,
) -> Upserted:
    """Writes what a batch knows of one family. `held`: what the caller found to be held of these keys, if it has
    looked. `plan`: of just these, if it was made beforehand; used up by this call. However old both are, a row that
    moved since is noticed by the statement. Raises RowMovedError, SealingError, and asyncpg's errors."""
    if not known:
        return Upserted({}, {})
    tenant_id = sealer.keys.tenant_id
    if plan is None:
        if held is None:
            held = await family.find_held(connection, tenant_id, sorted(known))
        plan = await make_plan(sealer, family, known, held)
    if plan.to_merge:
        await _merge_into_held(connection, sealer, family, known, plan)
    written = await family.write(connection, tenant_id, plan.rows)
    failed = [row for row in plan.rows if row.key not in written]
    if any(row.revision or row.is_partial for row in failed):
        raise RowMovedError("A row to be merged into was changed meanwhile.")
    if any(row.sealed == b"" and written[row.key].is_new for row in plan.rows if row.key in written):
        raise RowMovedError("A row was removed meanwhile.")
    lost = await _look_again(connection, tenant_id, family, failed) if failed else {}
    return Upserted(plan.stored | lost, _count(family.name, plan.rows, written))


async def make_plan(
    sealer: Sealer, family: Family[RowT], known: Mapping[Key, Known], held: Mapping[Key, Held]
) -> Plan[RowT]:
    """Decides what is to be written, given what is held, and seals it. Raises SealingError."""
    plan = Plan[RowT]([], {}, [])
    to_seal: list[State] = []
    for key, told in known.items():
        found = held.get(key)
        if found is None or (not told.is_partial and told.version > found.version):
            is_same = found is not None and _is_same_content(found, told.version)
            if found is not None and is_same and not found.is_deleted:
                plan.rows.append(family.make_same_row(key, told, found.revision + 1))
            else:
                to_seal.append(State(key, told))
            plan.stored[key] = Stored(not is_same, told.version.source_updated_at, is_new=found is None)
        elif not found.is_partial and told.version <= found.version:
            plan.stored[key] = Stored(is_changed=False, source_updated_at=found.version.source_updated_at)
        else:
            plan.to_merge.append(key)
    for at in range(0, len(to_seal), _ROWS_PER_TURN):
        if at:
            await asyncio.sleep(0)  # sealing is CPU work: the other drains of this process get their turn
        plan.rows.extend(family.make_rows(sealer, to_seal[at : at + _ROWS_PER_TURN]))
    return plan


async def _merge_into_held(
    connection: asyncpg.Connection, sealer: Sealer, family: Family[RowT], known: Mapping[Key, Known], plan: Plan[RowT]
) -> None:
    opened = await family.open_held(connection, sealer.keys, sorted(plan.to_merge))
    merged: list[State] = []
    for key in plan.to_merge:
        if key not in opened:
            raise RowMovedError("A row to be merged into was removed meanwhile.")
        before, revision = opened[key]
        after = merge(before, known[key])
        if after != before:
            merged.append(State(key, after, revision + 1))
        plan.stored[key] = Stored(is_changed(before, after), after.version.source_updated_at)
    plan.rows.extend(family.make_rows(sealer, merged))


def _is_same_content(held: Held, told: Version) -> bool:
    """Only when, or by which mapper, it was seen differs: the hash is over all of the record, its stamp too. A partial
    row's fields have versions of their own inside, which must move with it."""
    return not held.is_partial and held.version.content_hash == told.content_hash


async def _look_again(
    connection: asyncpg.Connection, tenant_id: int, family: Family[RowT], failed: Iterable[RowT]
) -> dict[Key, Stored]:
    """What was newer when we looked and was not when we wrote has lost to another transaction, which has committed."""
    versions = {row.key: row.version for row in failed}
    held = await family.find_held(connection, tenant_id, sorted(versions))
    for key, version in versions.items():
        if key not in held or held[key].is_partial or held[key].version < version:
            raise RowMovedError("A row was changed meanwhile and must be merged into.")
    return {key: Stored(is_changed=False, source_updated_at=held[key].version.source_updated_at) for key in versions}


def _count(name: str, rows: Iterable[RowT], written: Mapping[Key, Written]) -> dict[str, int]:
    """How the counters move: rows that are there, tombstones, stored bytes."""
    here, gone = name, f"{name}_deleted"
    counters = {here: 0, gone: 0, "stored_bytes": 0}
    for row in rows:
        before = written.get(row.key)
        if before is None:
            continue
        counters["stored_bytes"] += before.sealed_bytes + (ROW_BYTES if before.is_new else 0)
        if not before.is_new:
            counters[gone if before.was_deleted else here] -= 1
        counters[gone if row.deleted_at is not None else here] += 1
    return counters

"""The cast of these tests: acme and globex with keys of their own, and what is observed of their objects."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from app.core.sealing import TenantKeys
from app.services.apply import Observation, Settlement
from app.services.merge import AnyRecord, Known
from app.services.sealed_rows import open_customer, open_order
from db.customers import get_customers
from db.orders import get_orders, list_order_items
from db.pool import Database
from db.versions import Key
from schemas.events import Event
from schemas.ids import make_uuid7
from schemas.records import CustomerRecord, OrderRecord

ACME, GLOBEX = 56, 57
T0 = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def make_keys(tenant_id: int = ACME) -> TenantKeys:
    seal, index, content, inline = (os.urandom(32) for _ in range(4))
    return TenantKeys(tenant_id, seal_keys={1: seal}, index_keys={1: index}, hash_key=content, inline_keys={1: inline})


def make_customer(external_id: str = "c-1", **fields: Any) -> CustomerRecord:
    return CustomerRecord(external_id=external_id, **{"source_updated_at": T0, "first_name": "Ana"} | fields)


def make_order(external_id: str = "o-1", **fields: Any) -> OrderRecord:
    return OrderRecord(external_id=external_id, **{"source_updated_at": T0, "currency": "ARS"} | fields)


def make_observation(record: AnyRecord, *, seconds: float = 0, mapper_version: int = 1) -> Observation:
    """`seconds`: when it was observed, after T0."""
    return Observation("vtex", "acmestore", record, mapper_version, at(seconds))


def make_settlement(
    observation: Observation | None, *, event_id: str | None = None, stamp: datetime | None = None, **fields: Any
) -> Settlement:
    """A hint's event, settled by an observation or by an outcome among `fields`."""
    is_order = observation is not None and isinstance(observation.record, OrderRecord)
    event = Event(
        event_id=event_id or make_uuid7(),
        source="vtex",
        account="acmestore",
        integration_id=1,
        form="hint",
        kind="order" if is_order else "customer",
        action="upsert",
        object_id=observation.record.external_id if observation else "c-1",
        stamp=stamp,
    )
    return Settlement(event, 1, observation, **fields)


class Found(NamedTuple):
    """A stored object, opened, with its dependent rows."""

    known: Known
    identities: list[tuple[str, bytes]]


async def open_all(
    database: Database, superuser: Any, keys: TenantKeys, external_ids: Sequence[str], *, account: str = "acmestore"
) -> list[Found]:
    """What is stored of these objects, customers before orders."""
    wanted = [Key("vtex", account, external_id) for external_id in external_ids]
    found = []
    async with database.tenant_tx(keys.tenant_id, "test") as connection:
        for key, row in sorted((await get_customers(connection, keys.tenant_id, wanted)).items()):
            identities = await _list_identities(superuser, "customer_identities", keys.tenant_id, key)
            found.append(Found(open_customer(keys, key, row), identities))
        items = await list_order_items(connection, keys.tenant_id, wanted)
        for key, row in sorted((await get_orders(connection, keys.tenant_id, wanted)).items()):
            identities = await _list_identities(superuser, "order_identities", keys.tenant_id, key)
            found.append(Found(open_order(keys, key, row, items.get(key, [])), identities))
    return found


async def _list_identities(superuser: Any, table: str, tenant_id: int, key: Key) -> list[tuple[str, bytes]]:
    rows = await superuser.fetch(
        f"SELECT kind, blind_index FROM {table} WHERE (tenant_id, source, account, external_id) = ($1, $2, $3, $4)"
        " ORDER BY 1, 2",
        *(tenant_id, *key),
    )
    return [tuple(row) for row in rows]

"""Stored records, opened: for a page, for a check. Whoever calls this has the tenant's keys."""

from app.core.sealing import TenantKeys
from app.services.upsert import open_held_customers, open_held_orders
from db.pool import Database
from db.versions import Key
from schemas.records import CustomerRecord, OrderRecord


async def find_stored_order(
    database: Database, keys: TenantKeys, source: str, account: str, external_id: str
) -> OrderRecord | None:
    """One order as it is held, a tombstone included. Raises SealingError."""
    key = Key(source, account, external_id)
    async with database.tenant_tx(keys.tenant_id, "read_order") as connection:
        found = await open_held_orders(connection, keys, [key])
    record = found[key][0].record if key in found else None
    assert record is None or isinstance(record, OrderRecord)
    return record


async def find_stored_customer(
    database: Database, keys: TenantKeys, source: str, account: str, external_id: str
) -> CustomerRecord | None:
    """One profile as it is held, a tombstone included. Raises SealingError."""
    key = Key(source, account, external_id)
    async with database.tenant_tx(keys.tenant_id, "read_customer") as connection:
        found = await open_held_customers(connection, keys, [key])
    record = found[key][0].record if key in found else None
    assert record is None or isinstance(record, CustomerRecord)
    return record

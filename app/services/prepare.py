"""The part of a batch that needs no open transaction: a bulk writer prepares a page while the one before is written.

What is held is looked up in a transaction of its own, so that only what looks as if it were to be written is sealed.
By the time of the write another may have changed a row: the statement notices, and the batch starts over unprepared.
"""

from collections.abc import Sequence
from typing import NamedTuple

from app.core.sealing import TenantKeys
from app.services.apply import Observation, reduce_observations
from app.services.merge import Known
from app.services.sealed_rows import Sealer
from app.services.upsert import CUSTOMERS, ORDERS, Family, Plan, RowT, make_plan
from db.customers import CustomerRow
from db.orders import OrderRow
from db.pool import Database
from db.versions import Held, Key, Version


class Prepared(NamedTuple):
    """Observations, reduced and sealed, for one call of `apply_batch`."""

    customers: dict[Key, Known]
    orders: dict[Key, Known]
    versions: dict[int, Version]
    sealer: Sealer
    held_customers: dict[Key, Held]
    customer_plan: Plan[CustomerRow]
    order_plan: Plan[OrderRow]


async def prepare_batch(
    database: Database, keys: TenantKeys, observations: Sequence[Observation], *, country: str = "AR"
) -> Prepared:
    """`country` as in `apply_batch`. Gives other tasks their turn every few milliseconds. Raises SealingError, and
    whatever asyncpg raises."""
    customers, orders, versions, contents = reduce_observations(keys, observations)
    sealer = Sealer(keys, country, contents)
    held_customers, customer_plan = await _prepare(database, sealer, CUSTOMERS, customers)
    _, order_plan = await _prepare(database, sealer, ORDERS, orders)
    return Prepared(customers, orders, versions, sealer, held_customers, customer_plan, order_plan)


async def _prepare(
    database: Database, sealer: Sealer, family: Family[RowT], known: dict[Key, Known]
) -> tuple[dict[Key, Held], Plan[RowT]]:
    held: dict[Key, Held] = {}
    if known:
        tenant_id = sealer.keys.tenant_id
        async with database.tenant_tx(tenant_id, "prepare") as connection:
            held = await family.find_held(connection, tenant_id, sorted(known))
    return held, await make_plan(sealer, family, known, held)

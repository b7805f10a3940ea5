"""Who shares an e-mail, phone, document or profile id with a record: profiles and orders, masked.

That two profiles share an identity is itself told by what is personal: profiles are shown to who may reveal. The orders
of a customer are not: the API finds them for whoever reads records.
"""

from typing import NamedTuple

from app.services.office import Office
from app.services.record_lists import list_kept_customers, list_kept_orders
from db.record_pages import list_identities, page_by_identities
from db.tenants import Tenant
from db.versions import Key
from schemas.records import RecordStream
from schemas.shown_records import CustomerShown, OrderShown

RELATED_MAX = 20


class Related(NamedTuple):
    """At most RELATED_MAX of each; `has_more_…`: there are others."""

    customers: list[CustomerShown]
    orders: list[OrderShown]
    has_more_customers: bool = False
    has_more_orders: bool = False


async def list_related(
    office: Office, tenant: Tenant, stream: RecordStream, key: Key, *, with_customers: bool
) -> Related:
    """Without the record itself. Raises GoneError, KeystoreUnavailableError."""
    tenant_id = tenant.tenant_id
    keys: dict[RecordStream, list[Key]] = {"customers": [], "orders": []}
    async with office.database.tenant_tx(tenant_id, "list_related") as connection:
        identities = await list_identities(connection, tenant_id, stream, [key])
        for wanted in keys:
            if wanted == "customers" and not with_customers:
                continue
            found = await page_by_identities(connection, tenant_id, wanted, identities, limit=RELATED_MAX + 2)
            keys[wanted] = [one for one in found if (wanted, one) != (stream, key)]
    return Related(
        await list_kept_customers(office, tenant, keys["customers"][:RELATED_MAX]),
        await list_kept_orders(office, tenant, keys["orders"][:RELATED_MAX]),
        len(keys["customers"]) > RELATED_MAX,
        len(keys["orders"]) > RELATED_MAX,
    )

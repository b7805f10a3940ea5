"""What the provider's "no such customer" means, given what we hold.

Master Data answers a read by id with the truth of the moment, and its triggers come late, twice, and out of order. So
a 404 for a deletion is that deletion, and a 404 for a change of somebody who is deleted here already says only that.
A 404 for a change of anybody else is never taken for a deletion: a provider that answers 404 to everything for a
minute must not cost a brand its customers. Such an event is tried again, and dead if that does not help.
"""

from datetime import datetime

from app.connectors.vtex.mapping import MAPPER_VERSION
from app.connectors.vtex.webhook import USER_ID_PREFIX
from app.core.errors import ObjectNotFoundError
from app.core.identity import normalise_profile
from app.core.sealing import TenantKeys
from app.services.apply import Observation
from db.customers import find_customers_by_identity, find_held_customers
from db.identities import Identity
from db.pool import Database
from db.versions import Key
from schemas.events import Event
from schemas.records import CustomerRecord


async def explain_missing(
    database: Database, keys: TenantKeys, event: Event, observed_at: datetime, error: ObjectNotFoundError
) -> Observation:
    """A tombstone, or raises `error` again. `observed_at`: before the request left.

    A tombstone's version is the time of asking: a state with an older stamp, even one not seen yet, is gone too and
    must not come back.
    """
    key = await _find_key(database, keys, event)
    if key is None:
        raise error
    if event.action != "delete":
        async with database.tenant_tx(keys.tenant_id, "find_tombstone") as connection:
            held = await find_held_customers(connection, keys.tenant_id, [key])
        if key not in held or not held[key].is_deleted:
            raise error
    record = CustomerRecord(external_id=key.external_id, is_deleted=True)
    return Observation(event.source, event.account, record, MAPPER_VERSION, observed_at)


async def _find_key(database: Database, keys: TenantKeys, event: Event) -> Key | None:
    """The row that the event points at; a pointer by user id is resolved by the profile's blind index."""
    if not event.object_id.startswith(USER_ID_PREFIX):
        return Key(event.source, event.account, event.object_id)
    profile = normalise_profile(event.object_id.removeprefix(USER_ID_PREFIX))
    if profile is None:
        return None
    identity = Identity("profile", keys.index_version, keys.blind_index("profile", profile))
    async with database.tenant_tx(keys.tenant_id, "find_profile") as connection:
        found = await find_customers_by_identity(connection, keys.tenant_id, identity)
    own = [key for key in found if (key.source, key.account) == (event.source, event.account)]
    return own[0] if own else None

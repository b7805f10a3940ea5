"""Who has an e-mail, a phone or a document, and all that is held of them: found once, audited, and looked at by a
short-lived id, so that no address shows what was asked for.

In the cache stand keys at the source, never what somebody typed: `found:{tenant}:{id}`, for whoever asked and nobody
else, for SEARCH_KEPT_S.
"""

from secrets import token_urlsafe
from typing import Annotated, NamedTuple, cast

from pydantic import StringConstraints, TypeAdapter
from redis.exceptions import RedisError

from app.core.errors import ForbiddenError, NotFoundError, QueueUnavailableError
from app.core.queue_runner import send_command
from app.services.audit import write_audit
from app.services.office import Office
from app.services.record_search import PERSONAL_FILTERS, read_search
from app.services.records import Reader, get_keys
from db.record_pages import page_by_identities
from db.tenants import Tenant
from db.versions import Key
from schemas.shown_records import CustomersQuery

KEPT_MAX = 100  # customers, and as many orders
_ID = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")]


class Found(NamedTuple):
    """`is_more`: there are others, beyond KEPT_MAX. `filters`: by what, such as `email`; never which one."""

    asked_by: str
    filters: list[str]
    customers: list[Key]
    orders: list[Key]
    is_more: bool

    @property
    def object_ids(self) -> list[str]:
        return sorted({key.external_id for key in (*self.customers, *self.orders)})


_FOUND = TypeAdapter(Found)


async def find_people(office: Office, tenant: Tenant, query: CustomersQuery, reader: Reader) -> str:
    """Looks for whoever has an `email`, `phone` or `document`, and for their orders; the id of what was found.

    Raises ForbiddenError, InvalidInputError, GoneError, KeystoreUnavailableError, QueueUnavailableError.
    """
    if not reader.may_reveal:
        raise ForbiddenError("To find somebody by personal data needs the permission records:reveal.")
    tenant_id, keys = tenant.tenant_id, await get_keys(office, tenant.tenant_id)
    search = read_search(keys, tenant.country, query, KEPT_MAX)
    async with office.database.tenant_tx(tenant_id, "find_people") as connection:
        found = [
            await page_by_identities(connection, tenant_id, stream, search.identities, limit=KEPT_MAX + 1)
            for stream in ("customers", "orders")
        ]
        customers, orders = (some[:KEPT_MAX] for some in found)
        filters = [name for name in PERSONAL_FILTERS if getattr(query, name)]
        details = {"rows": len(customers) + len(orders), "filters": filters}
        await write_audit(connection, tenant_id, reader.actor, "records.searched", "events", "page", details)
    is_more = any(len(some) > KEPT_MAX for some in found)
    return await _keep(office, tenant_id, Found(reader.actor.id, filters, customers, orders, is_more))


async def read_found(office: Office, tenant_id: int, search_id: str, reader: Reader) -> Found:
    """What was found. Raises NotFoundError when that is too long ago, or somebody else asked; QueueUnavailableError."""
    try:
        TypeAdapter(_ID).validate_python(search_id)
        told = cast("bytes | None", await send_command(office.cache, "GET", f"found:{tenant_id}:{search_id}"))
    except ValueError:
        told = None
    except (RedisError, OSError):
        raise QueueUnavailableError("Redis does not answer: search again in a moment.") from None
    found = None if told is None else _FOUND.validate_json(told)
    if found is None or found.asked_by != reader.actor.id:
        raise NotFoundError("What was found is not kept any more: search again.")
    return found


async def _keep(office: Office, tenant_id: int, found: Found) -> str:
    search_id = token_urlsafe(16)
    try:
        kept_s = office.settings.search_kept_s
        await send_command(office.cache, "SET", f"found:{tenant_id}:{search_id}", _FOUND.dump_json(found), "EX", kept_s)
    except (RedisError, OSError):
        raise QueueUnavailableError("Redis does not answer: search again in a moment.") from None
    return search_id

"""What is used of each of a tenant's limits just now."""

from datetime import UTC, datetime
from typing import Literal, NamedTuple

from app.services.office import Office
from app.services.tenant_limits import find_limits
from db.api_usage import find_api_calls
from db.counters import list_counters
from db.tenants import Tenant

LimitName = Literal["max_customers", "max_api_calls_day", "storage_gb"]


class LimitUsed(NamedTuple):
    """`used`, `limit`: in the unit that is counted: customers, calls of today (UTC), bytes. `is_own`: set for this
    tenant and not its type's."""

    name: LimitName
    used: int
    limit: int
    is_own: bool


async def list_limit_use(office: Office, tenant: Tenant) -> list[LimitUsed]:
    """The limits in force. API calls are those written down, a few seconds old."""
    limits = find_limits(tenant.type, tenant.settings)
    async with office.database.tenant_tx(tenant.tenant_id, "limit_use") as connection:
        counters = await list_counters(connection, tenant.tenant_id)
        calls = await find_api_calls(connection, tenant.tenant_id, datetime.now(UTC).date())
    held = tenant.settings
    return [
        LimitUsed("max_customers", counters.get("customers", 0), limits.max_customers, "max_customers" in held),
        LimitUsed("max_api_calls_day", calls, limits.max_api_calls_day, "max_api_calls_day" in held),
        LimitUsed("storage_gb", counters.get("stored_bytes", 0), limits.storage_bytes, "storage_gb" in held),
    ]

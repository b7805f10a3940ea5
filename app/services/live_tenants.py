"""What drains need to know of a tenant beside its keys, cached for a few seconds: a raised limit binds soon."""

import time
from typing import NamedTuple

from app.services.customer_room import WriteLimits
from app.services.tenant_limits import find_limits
from db.pool import Database
from db.tenants import Tenant, find_tenant

CACHE_TTL_S = 5.0
CACHED_MAX = 50_000
DEFAULT_COUNTRY = "AR"


class LiveTenant(NamedTuple):
    """`country`: ISO alpha-2, how its shoppers' phones are dialled. `limits`: None for a tenant that is not there.
    `type`: trial, business, enterprise."""

    country: str
    limits: WriteLimits | None
    type: str = "trial"


class LiveTenants:
    """One per process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache: dict[int, tuple[float, LiveTenant]] = {}

    async def get(self, tenant_id: int) -> LiveTenant:
        """As it was at most CACHE_TTL_S ago. Raises asyncpg's and OS errors."""
        cached = self._cache.get(tenant_id)
        if cached is not None and time.monotonic() < cached[0]:
            return cached[1]
        async with self._database.tenant_tx(tenant_id, "live_tenant") as connection:
            tenant = read_live(await find_tenant(connection, tenant_id))
        if len(self._cache) >= CACHED_MAX:
            self._cache.clear()
        self._cache[tenant_id] = (time.monotonic() + CACHE_TTL_S, tenant)
        return tenant


def read_live(tenant: Tenant | None) -> LiveTenant:
    if tenant is None:
        return LiveTenant(DEFAULT_COUNTRY, None)
    limits = find_limits(tenant.type, tenant.settings)
    return LiveTenant(tenant.country, WriteLimits(limits.max_customers, limits.storage_bytes), tenant.type)

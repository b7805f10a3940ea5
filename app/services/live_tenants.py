"""What drains need to know of a tenant beside its keys, cached for a minute."""

import time

from db.pool import Database
from db.tenants import find_tenant

CACHE_TTL_S = 60.0
CACHED_MAX = 50_000
DEFAULT_COUNTRY = "AR"


class LiveTenants:
    """One per process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._countries: dict[int, tuple[float, str]] = {}

    async def get_country(self, tenant_id: int) -> str:
        """ISO alpha-2: how this tenant's shoppers' phones are dialled. Raises asyncpg's and OS errors."""
        cached = self._countries.get(tenant_id)
        if cached is not None and time.monotonic() < cached[0]:
            return cached[1]
        async with self._database.tenant_tx(tenant_id, "country") as connection:
            tenant = await find_tenant(connection, tenant_id)
        country = DEFAULT_COUNTRY if tenant is None else tenant.country
        if len(self._countries) >= CACHED_MAX:
            self._countries.clear()
        self._countries[tenant_id] = (time.monotonic() + CACHE_TTL_S, country)
        return country

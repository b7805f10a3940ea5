"""Whose alerts: a tenant's, or with 0 the platform's, in tables of the same form with statements of the same names."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg

from db.pool import Database
from db.queries import load_queries

PLATFORM_ID = 0


class ScopedQueries:
    """`queries[tenant_id]["find_alert"]`."""

    def __init__(self, file_name: str) -> None:
        self._tenants = load_queries(file_name)
        self._platforms = load_queries(f"platform_{file_name}")

    def __getitem__(self, tenant_id: int) -> Mapping[str, str]:
        return self._tenants if tenant_id else self._platforms


@asynccontextmanager
async def alerts_tx(database: Database, tenant_id: int, purpose: str) -> AsyncIterator[asyncpg.Connection]:
    """The transaction in which that tenant's alerts, or the platform's, are read and written."""
    transaction = database.tenant_tx(tenant_id, purpose) if tenant_id else database.platform_tx(purpose)
    async with transaction as connection:
        yield connection

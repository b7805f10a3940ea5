"""These tests only write rows: they share one copy of the database, emptied before each."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.databases import clone_databases

EMPTY = """
DELETE FROM customers; DELETE FROM customer_identities; DELETE FROM orders; DELETE FROM order_items;
DELETE FROM order_identities; DELETE FROM events; DELETE FROM event_day_totals; DELETE FROM dead_letters;
DELETE FROM counters; DELETE FROM waiting_customers; DELETE FROM gaps; DELETE FROM integration_activity;
DELETE FROM ad_spend; DELETE FROM ad_spend_days;
"""


@pytest.fixture(scope="module")
async def shared_installation(postgres: Any, template_installation: Any) -> AsyncIterator[Any]:
    async with clone_databases(postgres, template_installation) as clone:
        yield clone


@pytest.fixture
async def installation(shared_installation: Any) -> Any:
    connection = await asyncpg.connect(shared_installation.database_urls["postgres"])
    await connection.execute(EMPTY)
    await connection.close()
    return shared_installation

"""Orders by day are read by the index on creation, of 400,000 too, under the web's role and its row security."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from db import ad_reports
from db.pool import Database
from scripts.stack.installation import read_settings_of
from tests.databases import clone_databases
from tests.integration.db.cast import ACME, GLOBEX
from tests.integration.db.test_page_plans import list_nodes

ORDERS, DAYS_HELD, DAYS_ASKED = 400_000, 400, 30
FIRST = date(2026, 1, 1)
FILL = """
INSERT INTO organizations (organization_id, name) VALUES (1, 'The cast') ON CONFLICT DO NOTHING;
INSERT INTO orders (tenant_id, source, account, external_id, source_updated_at, mapper_version, observed_at,
                    content_hash, source_created_at, status_class, currency, total_minor, sealed)
SELECT 56, 'vtex', 'store-' || n % 4, 'o-' || n, now(), 1, now(), '',
       timestamptz '2025-06-01T12:00Z' + interval '1 day' * (n % {days}), 'invoiced', 'ARS', 100, 'sealed'
FROM generate_series(1, {orders}) AS n;
ANALYZE orders;
"""


@pytest.fixture
async def web(postgres: Any, template_installation: Any) -> AsyncIterator[Database]:
    async with clone_databases(postgres, template_installation) as clone:
        superuser = await asyncpg.connect(clone.database_urls["postgres"])
        await superuser.execute(FILL.format(orders=ORDERS, days=DAYS_HELD), timeout=120)
        await superuser.close()
        async with await Database.open(read_settings_of(clone.environment("web")), application_name="plans") as found:
            yield found


async def test_a_months_orders_of_400_000_are_read_by_the_index_on_creation(web: Database) -> None:
    begins = {
        FIRST + timedelta(days=n): datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(DAYS_ASKED)
    }
    until = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=DAYS_ASKED)
    given = (list(begins), list(begins.values()), until)
    sql = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {ad_reports.SQL['sum_orders_by_day']}"
    async with web.tenant_tx(ACME, "plans") as connection:
        found = await ad_reports.sum_orders_by_day(connection, ACME, begins, until)
        plans = []
        for mode in ("force_custom_plan", "force_generic_plan"):
            await connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
            plans.append(json.loads(await connection.fetchval(sql, ACME, *given))[0])
        foreign = await ad_reports.sum_orders_by_day(connection, GLOBEX, begins, until)
    assert not foreign
    assert len(found) == DAYS_ASKED, "a day's orders are of one store here"
    assert sum(day.orders for day in found) == ORDERS // DAYS_HELD * DAYS_ASKED
    assert {day.day for day in found} == set(begins)
    for plan in plans:
        nodes = list(list_nodes(plan["Plan"]))
        assert [node for node in nodes if node.get("Index Name") == "orders_by_creation"], plan
        assert not [node for node in nodes if node["Node Type"] == "Seq Scan"], plan

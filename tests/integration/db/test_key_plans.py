"""Look-ups by key take the key's index in a backfill's first minute too, when nothing is known of the tables yet."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from db import customers, held_states, orders
from db.pool import Database
from scripts.stack.installation import read_settings_of
from tests.databases import clone_databases
from tests.integration.db.cast import ACME
from tests.integration.db.test_page_plans import explain_kept_plan, list_nodes

FILL = """
INSERT INTO customers (tenant_id, source, account, external_id, source_updated_at, mapper_version, observed_at,
                       content_hash, source_created_at, sealed)
SELECT 56, 'vtex', 'acme', n, now(), 1, now(), '', now(), 'sealed' FROM generate_series(1, 2000) AS n;
INSERT INTO orders (tenant_id, source, account, external_id, source_updated_at, mapper_version, observed_at,
                    content_hash, source_created_at, status_class, sealed)
SELECT 56, 'vtex', 'acme', n, now(), 1, now(), '', now(), 'invoiced', 'sealed' FROM generate_series(1, 2000) AS n;
"""
KEYS = (["vtex"], ["acme"], ["1"])
PLACE = ("vtex", "acme", ["1"])
STATEMENTS: list[tuple[Any, str, str, tuple[Any, ...]]] = [
    (customers, "find_held_customers", "customers_pkey", KEYS),
    (customers, "get_customers", "customers_pkey", KEYS),
    (orders, "find_held_orders", "orders_pkey", KEYS),
    (orders, "get_orders", "orders_pkey", KEYS),
    (held_states, "find_customer_states", "customers_pkey", PLACE),
    (held_states, "find_order_states", "orders_pkey", PLACE),
]


@pytest.fixture(scope="module")
async def syncer(postgres: Any, template_installation: Any) -> AsyncIterator[Database]:
    """The syncer's way to tables that were filled a moment ago and never analysed."""
    async with clone_databases(postgres, template_installation) as clone:
        superuser = await asyncpg.connect(clone.database_urls["postgres"])
        await superuser.execute(FILL)
        await superuser.close()
        settings = read_settings_of(clone.environment("syncer"))
        async with await Database.open(settings, application_name="plans") as found:
            yield found


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement[1])
async def test_a_plan_made_without_figures_looks_keys_up(
    syncer: Database, statement: tuple[Any, str, str, tuple[Any, ...]]
) -> None:
    module, name, index, arguments = statement
    async with syncer.tenant_tx(ACME, "plans") as connection:
        plan = await explain_kept_plan(connection, module.SQL[name], (ACME, *arguments))
    assert [node["Index Name"] for node in list_nodes(plan) if "Index Name" in node] == [index]

"""Pages are read by index, under the web's role and its row security, with the plan that a prepared statement keeps."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from db import dead_groups, event_pages, record_pages
from db.pool import Database
from scripts.stack.installation import read_settings_of
from tests.databases import clone_databases
from tests.integration.db.cast import ACME, GLOBEX

ROWS = 20_000
FIRST_ID, LAST_ID = UUID(int=0), UUID(int=2**128 - 1)
FILL = """
INSERT INTO organizations (organization_id, name) VALUES (1, 'The cast') ON CONFLICT DO NOTHING;
INSERT INTO customers (tenant_id, source, account, external_id, source_updated_at, mapper_version, observed_at,
                       content_hash, updated_at, sealed)
SELECT t, 'vtex', 'store-' || n % 4, 'c-' || n, now(), 1, now(), '', now() - interval '1 minute' * n, 'sealed'
FROM unnest(ARRAY[56, 57]) AS t, generate_series(1, {rows}) AS n;
INSERT INTO orders (tenant_id, source, account, external_id, source_updated_at, mapper_version, observed_at,
                    content_hash, updated_at, status, status_class, sealed)
SELECT t, 'vtex', 'store-' || n % 4, 'o-' || n, now(), 1, now(), '', now() - interval '1 minute' * n,
       CASE WHEN n % 5000 = 0 THEN 'rare' ELSE 'invoiced' END, 'invoiced', 'sealed'
FROM unnest(ARRAY[56, 57]) AS t, generate_series(1, {rows}) AS n;
INSERT INTO customer_identities SELECT t, 'email', 1, int4send(n % 5000), 'vtex', 'store-' || n % 4, 'c-' || n
FROM unnest(ARRAY[56, 57]) AS t, generate_series(1, {rows}) AS n;
INSERT INTO order_identities SELECT t, 'email', 1, int4send(n % 5000), 'vtex', 'store-' || n % 4, 'o-' || n
FROM unnest(ARRAY[56, 57]) AS t, generate_series(1, {rows}) AS n;
INSERT INTO events (tenant_id, received_on, event_id, integration_id, attempts, latency_ms, kind, object_id, outcome)
SELECT t, current_date - n % 3, lpad(to_hex(n), 32, '0')::uuid, 1, 1, 1, 'order', 'o-' || n % 2000,
       CASE WHEN n % 1000 = 0 THEN 'ignored' ELSE 'applied' END
FROM unnest(ARRAY[56, 57]) AS t, generate_series(1, {rows}) AS n;
INSERT INTO dead_letters (tenant_id, event_id, received_on, integration_id, kind, object_id, reason, field, attempts,
                          created_at)
SELECT t, lpad(to_hex(n), 32, '0')::uuid, current_date, 1, 'order', 'o',
       CASE WHEN n % 4 = 0 THEN 'unmappable' ELSE 'cause_' || n % 4 END, 'items[' || n % 3 || '].price', 1,
       now() - interval '1 minute' * n
FROM unnest(ARRAY[56, 57]) AS t, generate_series(1, {rows}) AS n;
ANALYZE;
"""

Statement = tuple[Any, str, str, tuple[Any, ...]]


def at(minutes: int) -> str:
    return f"now() - interval '1 minute' * {minutes}"


# Module, statement, the index it must use, its arguments after the tenant's id. `$…` are SQL texts, evaluated first.
STATEMENTS: list[Statement] = [
    (record_pages, "page_customers_by_change", "customers_by_change", (f"${at(9_000)}", "vtex", "", "", 51)),
    (record_pages, "page_orders_by_change", "orders_by_change", (f"${at(9_000)}", "vtex", "", "", 51)),
    (record_pages, "page_orders_by_status", "orders_by_status", (f"${at(19_000)}", "", "", "", 51, "rare")),
    (record_pages, "page_customers_newest", "customers_by_change", (f"${at(9_000)}", "vtex", "", "", 51)),
    (record_pages, "page_orders_newest", "orders_by_change", (f"${at(9_000)}", "vtex", "", "", 51)),
    (record_pages, "page_orders_newest_by_status", "orders_by_status", (f"${at(4_000)}", "", "", "", 51, "rare")),
    (record_pages, "page_customers_by_external_id", "customers_pkey", ("c-77", "", "", 51, None, None, 200)),
    (record_pages, "page_orders_by_external_id", "orders_pkey", ("o-77", "", "", 51, None, None, 200)),
    (
        record_pages, "page_customers_by_identities", "customer_identities_pkey",
        (["email"] * 2, [1, 1], [b"\x00\x00\x00\x07", b"\x00\x00\x00\x08"], "", "", "", 51),
    ),
    (
        record_pages, "page_orders_by_identities", "order_identities_pkey",
        (["email"] * 2, [1, 1], [b"\x00\x00\x00\x07", b"\x00\x00\x00\x08"], "", "", "", 51),
    ),
    (
        record_pages, "list_customers_identities", "customers_pkey",
        (["vtex", "vtex"], ["store-1", "store-2"], ["c-1", "c-2"]),
    ),
    (
        event_pages, "page_object_events", "object_id_received_on_event_id",
        ("$current_date + 1", LAST_ID, "$current_date - 30",
         FIRST_ID, 10_000, 51, None, None, None, None, "o-77"),
    ),
    (
        event_pages, "page_rare_events", "outcome_received_on_event_id",
        ("$current_date + 1", LAST_ID, "$current_date - 30",
         FIRST_ID, 100, 51, "ignored", None, None, None),
    ),
    (
        event_pages, "page_objects_events", "object_id_received_on_event_id",
        ("$current_date + 1", LAST_ID, "$current_date - 30",
         FIRST_ID, 10_000, 51, None, None, None, None, ["o-77", "o-78"]),
    ),
    (
        event_pages, "page_dead_letters", "dead_letters_by_time",
        ("$now()", LAST_ID, 200, 51, None, None, None, None, None),
    ),
    (dead_groups, "list_dead_groups", "dead_letters_by_cause", (200, 500)),
    (
        dead_groups, "page_group_letters", "dead_letters_by_cause",
        (1, "unmappable", "order", "items[].price", "$now()", LAST_ID, 51),
    ),
]  # fmt: skip
BUFFERS_MAX = 260  # of 8 kB; each table here has over a thousand


@pytest.fixture(scope="module")
async def web(postgres: Any, template_installation: Any) -> AsyncIterator[Database]:
    """The web's way to two tenants with ROWS of everything each."""
    async with clone_databases(postgres, template_installation) as clone:
        superuser = await asyncpg.connect(clone.database_urls["postgres"])
        await superuser.execute(FILL.format(rows=ROWS))
        # Index-only scans ask the visibility map, which vacuum writes.
        for table in ("customers", "orders", "customer_identities", "order_identities", "dead_letters"):
            await superuser.execute(f"VACUUM {table}")
        await superuser.close()
        async with await Database.open(read_settings_of(clone.environment("web")), application_name="plans") as found:
            yield found


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement[1])
async def test_a_page_is_read_by_its_index_and_touches_little(web: Database, statement: Statement) -> None:
    module, name, index, arguments = statement
    sql = module.SQL[name]
    async with web.tenant_tx(ACME, "plans") as connection:
        given = [
            await connection.fetchval(f"SELECT {one[1:]}") if isinstance(one, str) and one.startswith("$") else one
            for one in arguments
        ]
        rows = await connection.fetch(sql, ACME, *given)
        kept = await explain_kept_plan(connection, sql, (ACME, *given))
        run = json.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", ACME, *given))
        foreign = await connection.fetch(sql, GLOBEX, *given)
    assert rows, "the arguments lead to rows"
    assert not foreign
    for plan in (kept, run[0]["Plan"]):
        assert [node for node in list_nodes(plan) if index in node.get("Index Name", "")], plan
    # Partitions without rows may be read as they lie.
    assert not [node for node in list_nodes(run[0]["Plan"]) if node["Node Type"] == "Seq Scan" and count_read(node)]
    touched = run[0]["Plan"]["Shared Hit Blocks"] + run[0]["Plan"]["Shared Read Blocks"]
    assert touched <= BUFFERS_MAX, touched


async def explain_kept_plan(connection: asyncpg.Connection, sql: str, given: Sequence[Any]) -> dict[str, Any]:
    """The plan of a prepared statement after its first calls: made for any values, so none are given but days, without
    which no partition would be left in it."""
    await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    await connection.execute(f"PREPARE page AS {sql}")
    days = ", ".join(f"'{one}'" if type(one) is date else "NULL" for one in given)
    plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE page({days})"))
    await connection.execute("DEALLOCATE page")
    await connection.execute("SET LOCAL plan_cache_mode = auto")
    found: dict[str, Any] = plan[0]["Plan"]
    return found


async def test_the_whole_ledger_is_walked_no_further_than_a_page_looks(web: Database) -> None:
    """In order, day by day, and not sorted: the first rows cost what the page costs."""
    sql, rows_seen = event_pages.SQL["page_events"], 500
    async with web.tenant_tx(ACME, "plans") as connection:
        last, first = await connection.fetchrow("SELECT current_date + 1, current_date - 30")
        given = (last, LAST_ID, first, FIRST_ID, rows_seen, 51, "dead", None, None, None)
        plan = json.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", ACME, *given))
    scans = [node for node in list_nodes(plan[0]["Plan"]) if node["Node Type"].startswith("Index")]
    assert scans
    assert rows_seen <= sum(count_read(node) for node in scans) <= 1.2 * rows_seen


def count_read(node: dict[str, Any]) -> float:
    rows: float = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return rows


def list_nodes(node: dict[str, Any]) -> Any:
    yield node
    for part in node.get("Plans", ()):
        yield from list_nodes(part)

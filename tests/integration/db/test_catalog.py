"""P4, by its catalog: nothing there is outside the walls; and every planted hole is named by the walk."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.databases import clone_databases
from tests.integration.db.catalog import walk


@pytest.fixture(scope="module")
async def catalog(postgres: Any, template_installation: Any) -> AsyncIterator[Any]:
    """A superuser's connection to a copy of the migrated database, one for all: each test plants and rolls back."""
    async with clone_databases(postgres, template_installation) as installation:
        connection = await asyncpg.connect(installation.database_urls["postgres"])
        yield connection
        await connection.close()


async def test_the_migrated_database_breaks_no_rule(catalog: Any) -> None:
    assert await walk(catalog) == []


GOOD = "CREATE TABLE planted (tenant_id integer NOT NULL, id integer NOT NULL, {}, PRIMARY KEY (tenant_id, id));"
WALLS = (
    "ALTER TABLE planted ENABLE ROW LEVEL SECURITY; ALTER TABLE planted FORCE ROW LEVEL SECURITY;"
    "CREATE POLICY of_tenant ON planted USING (tenant_id = (SELECT security.current_tenant_id()))"
    " WITH CHECK (tenant_id = (SELECT security.current_tenant_id()));"
)
DEFINER = "CREATE FUNCTION security.planted() RETURNS integer LANGUAGE sql SECURITY DEFINER {} AS 'SELECT 1';"


async def test_a_new_table_with_all_its_walls_is_no_violation(catalog: Any) -> None:
    assert await _walk_with(catalog, GOOD.format("name text") + WALLS) == []


@pytest.mark.parametrize(
    ("plant", "named"),
    [
        ("CREATE TABLE planted (id integer PRIMARY KEY)", "planted does not begin with tenant_id"),
        ("CREATE TABLE planted (id integer, tenant_id integer NOT NULL)", "planted does not begin with tenant_id"),
        ("CREATE TABLE planted (tenant_id bigint NOT NULL)", "planted does not begin with tenant_id"),
        ("CREATE TABLE planted (tenant_id integer)", "planted has no primary key"),
        (GOOD.format("name text"), "planted lacks row security"),
        (GOOD.format("name text") + WALLS + "ALTER TABLE planted NO FORCE ROW LEVEL SECURITY", "lacks row security"),
        (GOOD.format("name text") + WALLS + "DROP POLICY of_tenant ON planted", "lacks the policy of_tenant"),
        (GOOD.format("name text UNIQUE") + WALLS, "planted_name_key of public.planted does not begin"),
        (GOOD.format("x integer REFERENCES organizations") + WALLS, "foreign key planted_x_fkey"),
        (GOOD.format("x numeric") + WALLS + "CREATE INDEX ON planted (tenant_id, x)", "useless under row security"),
        (GOOD.format("x text") + WALLS + "CREATE INDEX ON planted (tenant_id, lower(x))", "useless under row security"),
        ("ALTER POLICY of_tenant ON orders USING (true)", "orders lacks the policy of_tenant"),
        ("ALTER POLICY of_tenant ON orders WITH CHECK (true)", "orders lacks the policy of_tenant"),
        ("ALTER POLICY of_tenant ON orders TO acequia_web", "orders lacks the policy of_tenant"),
        ("CREATE POLICY all_of_it ON orders FOR SELECT USING (true)", "lets more through: all_of_it"),
        ("CREATE POLICY of_platform ON orders FOR SELECT USING ((SELECT security.is_platform()))", "lets more through"),
        ("CREATE VIEW planted AS SELECT * FROM orders", "view public.planted lacks security_invoker"),
        ("CREATE MATERIALIZED VIEW planted AS SELECT * FROM orders", "planted is of kind m"),
        ("CREATE SEQUENCE planted", "planted is of kind S"),
        ("CREATE SCHEMA planted", "schema planted is not ours"),
        ("GRANT SELECT ON events_default TO acequia_web", "partition public.events_default is granted"),
        ("GRANT SELECT ON orders TO PUBLIC", "orders is granted to PUBLIC"),
        ("GRANT SELECT ON orders TO acequia_operator", "orders grants SELECT to acequia_operator"),
        ("GRANT TRUNCATE ON orders TO acequia_worker", "orders grants TRUNCATE to acequia_worker"),
        ("GRANT DELETE ON events TO acequia_worker", "events grants DELETE to acequia_worker"),
        ("GRANT SELECT ON security.token_keys TO acequia_web", "token_keys is granted to acequia_web"),
        ("GRANT CREATE ON SCHEMA public TO acequia_web", "schema public grants CREATE to acequia_web"),
        ("GRANT USAGE ON SCHEMA public TO PUBLIC", "schema public grants USAGE to PUBLIC"),
        (DEFINER.format(""), "security.planted() runs as its owner without a pinned search_path"),
        (DEFINER.format("SET search_path = ''"), "security.planted() runs as its owner without a pinned search_path"),
        (DEFINER.format("SET search_path = pg_catalog, pg_temp"), "security.planted() of postgres is not on the list"),
        ("GRANT EXECUTE ON FUNCTION security.token_scope() TO PUBLIC", "token_scope() may be run by PUBLIC"),
        ("ALTER FUNCTION security.is_platform() RESET ALL", "is_platform() runs as its owner without a pinned"),
        ("ALTER ROLE acequia_web BYPASSRLS", "role acequia_web has rolbypassrls"),
        ("ALTER ROLE acequia_security LOGIN", "role acequia_security can log in"),
        ("GRANT acequia_owner TO acequia_web", "role acequia_web has is_member"),
        ("ALTER TABLE gaps OWNER TO acequia_worker", "role acequia_worker has is_owner"),
        ("ALTER ROLE acequia_web RESET lock_timeout", "role acequia_web lacks time-outs"),
    ],
    ids=lambda text: text[:60],
)
async def test_the_walk_names_what_is_planted(catalog: Any, plant: str, named: str) -> None:
    problems = await _walk_with(catalog, plant)
    assert any(named in problem for problem in problems), problems


async def test_the_walk_names_temporary_rights(catalog: Any) -> None:
    database = await catalog.fetchval("SELECT current_database()")
    problems = await _walk_with(catalog, f'GRANT TEMP ON DATABASE "{database}" TO acequia_web')
    assert problems == ["role acequia_web has temp"]


async def test_a_day_made_by_the_function_has_its_own_walls(catalog: Any) -> None:
    made = "SELECT security.keep_event_partitions(20, 30)"
    assert await _walk_with(catalog, made) == []


async def _walk_with(catalog: Any, plant: str) -> list[str]:
    transaction = catalog.transaction()
    await transaction.start()
    try:
        await catalog.execute(plant)
        return await walk(catalog)
    finally:
        await transaction.rollback()

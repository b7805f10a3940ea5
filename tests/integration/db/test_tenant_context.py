"""P4: no token, no rows; a bad one, an error; and the two ways that were found to get hold of another tenant's."""

import time
from typing import Any

import asyncpg
import pytest

from app.core.errors import ConfigurationError, TenantContextError
from app.services.apply import apply_batch
from db import pool
from db.pool import Database
from db.token import TokenKey, make_pads, mint_token, read_token_key
from tests.integration.db.cast import ACME, GLOBEX, NOW, make_customer, make_keys, make_observation
from tests.integration.db.sweep.rows import ROWS

COUNT = "SELECT count(*) FROM customers"


@pytest.fixture
async def both(database: Database) -> Database:
    """acme and globex hold one customer each."""
    for tenant_id in (ACME, GLOBEX):
        await apply_batch(database, make_keys(tenant_id), [], [make_observation(make_customer())], now=NOW)
    return database


@pytest.fixture
async def worker(installation: Any) -> Any:
    """A bare connection as the worker role: what an injected statement would run on."""
    connection = await asyncpg.connect(installation.database_urls["acequia_worker"])
    yield connection
    await connection.close()


@pytest.fixture
def key(installation: Any) -> TokenKey:
    return TokenKey(*installation.tenant_token_key)


async def count_with(connection: Any, token: str) -> int:
    async with connection.transaction():
        await connection.fetchval(pool.SQL["set_tenant_token"], token)
        return int(await connection.fetchval(COUNT))


async def test_without_a_token_there_are_no_rows(both: Database, worker: Any) -> None:
    assert await worker.fetchval(COUNT) == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await worker.execute(
            "INSERT INTO gaps (tenant_id, integration_id, stream, gap_since, reason) VALUES (56, 1, 's', now(), 'r')"
        )


async def test_a_token_shows_its_tenant_and_no_other(both: Database, worker: Any, key: TokenKey) -> None:
    assert await count_with(worker, mint_token(key, ACME, "test", 60)) == 1
    async with both.tenant_tx(ACME, "test") as connection:
        assert await connection.fetchval(f"{COUNT} WHERE tenant_id = $1", GLOBEX) == 0
        assert await connection.execute("UPDATE customers SET revision = 9 WHERE tenant_id = 57") == "UPDATE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE customers SET tenant_id = 57")


async def test_a_bad_token_is_an_error_in_every_statement(both: Database, worker: Any, key: TokenKey) -> None:
    good = mint_token(key, ACME, "test", 60)
    version, scope, purpose, _, key_id, signature = good.split("|")
    forgeries = {
        "another tenant's name on a good signature": good.replace("|56|", "|57|"),
        "platform on a good signature": good.replace("|56|", "|platform|"),
        "a later end on a good signature": "|".join((version, scope, purpose, "9999999999", key_id, signature)),
        "a signature cut short": good[:-1],
        "no signature": good.removesuffix(signature),
        "another key under the same id": mint_token(key._replace(key=b"x" * 32), ACME, "test", 60),
        "a key that is not installed": mint_token(key._replace(key_id="k9"), ACME, "test", 60),
        "an expired one": mint_token(key, ACME, "test", 60, now=time.time() - 62),
        "a bare tenant id": "56",
        "only bars": "|||||",
        "another version": "v2" + good[2:],
        "too many parts": good + "|",
        "garbage": "\x7f'; DROP TABLE customers; --",
        "a very long one": good + "0" * 100_000,
    }
    for name, token in forgeries.items():
        for statement in (COUNT, "SELECT count(*) FROM counters", "SELECT security.is_platform()"):
            refusal = await find_refusal(worker, token, statement)
            assert refusal is not None, f"{name} was taken by {statement}"
            assert token not in refusal


async def find_refusal(connection: Any, token: str, statement: str) -> str | None:
    try:
        async with connection.transaction():
            await connection.fetchval(pool.SQL["set_tenant_token"], token)
            await connection.fetchval(statement)
    except asyncpg.InsufficientPrivilegeError as refused:
        return str(refused)
    return None


async def test_a_pooled_connection_forgets_its_tenant(both: Database) -> None:
    async with both.tenant_tx(ACME, "test") as connection:
        assert await connection.fetchval(COUNT) == 1
    with pytest.raises(RuntimeError):
        async with both.tenant_tx(ACME, "test"):
            raise RuntimeError
    # Even one that was set for the session, past the transaction, by an injected statement.
    async with both.tenant_tx(ACME, "test") as connection:
        token = await connection.fetchval("SELECT current_setting('app.tenant_token')")
        await connection.execute(f"SELECT set_config('app.tenant_token', '{token}', false)")
    for _ in range(3):
        async with both._pool.acquire() as connection:
            assert await connection.fetchval(COUNT) == 0


async def test_injected_statements_cannot_change_the_tenant(both: Database) -> None:
    for injected in ("57", "v1|57|x|9999999999|k1|" + "0" * 64):
        async with both.tenant_tx(ACME, "test") as connection:
            await connection.execute(f"SELECT set_config('app.tenant_token', '{injected}', true)")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetchval(COUNT)


ONE_ROW_EACH = """
INSERT INTO organizations VALUES (1, 'o');
INSERT INTO people (person_id, email_index, sealed, password_hash)
    VALUES ('00000000-0000-7000-8000-000000000001', decode(repeat('00', 16), 'hex'), '', '');
INSERT INTO tenants (tenant_id, organization_id, name, slug, type, plan) VALUES (56, 1, 'acme', 'acme', 'trial', 'p');
INSERT INTO tenant_integrations (tenant_id, integration_id, connector, account) VALUES (56, 1, 'vtex', 'a');
INSERT INTO endpoints (tenant_id, endpoint_id, integration_id, kind, source, token_hash)
    VALUES (56, gen_random_uuid(), 1, 'inline', 'brand', sha256('x'));
INSERT INTO gaps VALUES (56, 1, 'orders', now(), 'r');
INSERT INTO queue_ticks VALUES ('q', 1);
INSERT INTO events VALUES (56, '2026-11-01', gen_random_uuid(), 1, 1, 1, 'order', 'o', NULL, 'applied');
INSERT INTO event_day_totals VALUES (56, '2026-11-01', 'applied', 'live', 1);
INSERT INTO dead_letters (tenant_id, event_id, received_on, integration_id, kind, object_id, reason, attempts)
    VALUES (56, gen_random_uuid(), '2026-11-01', 1, 'order', 'o', 'r', 1);
INSERT INTO order_items VALUES (56, 'v', 'a', 'o', 1);
INSERT INTO orders (tenant_id, source, account, external_id, source_updated_at, mapper_version, observed_at,
                    content_hash, status_class, sealed) VALUES (56, 'v', 'a', 'o', now(), 1, now(), '', 'x', 'x');
INSERT INTO customer_identities VALUES (56, 'email', 1, '', 'v', 'a', 'c');
INSERT INTO order_identities VALUES (56, 'email', 1, '', 'v', 'a', 'c');
INSERT INTO integration_activity VALUES (56, 1, 'live', now());
INSERT INTO waiting_customers VALUES (56, 'v', 'a', 'c', 1, 'hint');
INSERT INTO api_usage VALUES (56, '2026-11-01', 1);
INSERT INTO person_roles (person_id, scope, scope_id, role, accepted_at)
    VALUES ('00000000-0000-7000-8000-000000000001', 'tenant', 56, 'owner', now());
INSERT INTO api_keys (key_id, name, scope, scope_id, role, secret_hashes, created_by)
    VALUES ('0123456789', 'k', 'tenant', 56, 'owner', ARRAY[sha256('x')], 'cli');
INSERT INTO idempotent_calls (actor, key_hash, fingerprint) VALUES ('key', sha256('k'), sha256('f'));
INSERT INTO platform_alert_rules VALUES ('backup_missing', 0);
INSERT INTO platform_alerts (alert_id, tenant_id, rule, severity, opened_at, last_seen_at)
    VALUES (gen_random_uuid(), 0, 'backup_missing', 'critical', now(), now());
INSERT INTO platform_alert_channels (channel_id, tenant_id, kind, name, sealed)
    VALUES (gen_random_uuid(), 0, 'slack', 'n', 'x');
INSERT INTO platform_alert_deliveries (delivery_id, tenant_id, alert_id, channel_id, occasion, created_at, due_at)
    VALUES (gen_random_uuid(), 0, gen_random_uuid(), gen_random_uuid(), 'opened', now(), now());
INSERT INTO backup_reports (report_id, kind, taken_at, reported_by) VALUES (gen_random_uuid(), 'data', now(), 'cli:x');
INSERT INTO entered_tokens (entry) VALUES ('x');
"""


SEEN_OF_SYNCS = {"sync_runs", "sync_run_streams", "sync_streams", "sync_schedules", "hook_watches"}
SEEN_OF_HEALTH = {
    "tenant_snapshots", "integration_snapshots", "event_minutes", "event_hours", "objective_states",
}  # fmt: skip
SEEN_OF_BULK = {"bulk_operations"}
SEEN_OF_ALERTS = {"alert_rules", "alerts", "alert_channels", "alert_deliveries"}
OF_PLATFORM_ALERTS = {f"platform_{table}" for table in SEEN_OF_ALERTS} | {"backup_reports"}
HIDDEN_OF_SYNCS = {"listing_marks", "completeness_days", "completeness_findings", "ad_spend", "ad_spend_days"}


async def test_the_platform_sees_only_its_tables(both: Database, superuser: Any) -> None:
    rows = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'"
        "::regnamespace AND has_table_privilege('acequia_worker', oid, 'SELECT')"
    )
    await superuser.execute(ONE_ROW_EACH)
    for table in SEEN_OF_SYNCS | SEEN_OF_HEALTH | SEEN_OF_BULK | SEEN_OF_ALERTS | HIDDEN_OF_SYNCS:
        await superuser.execute(ROWS[table].format(t=ACME, c="c", n=1))
    seen = set()
    async with both.platform_tx("test") as connection:
        for row in rows:
            if await connection.fetchval(f"SELECT count(*) FROM {row['relname']}"):
                seen.add(row["relname"])
    platform = {"organizations", "tenants", "tenant_integrations", "endpoints", "counters", "gaps", "queue_ticks"}
    access = {"person_roles", "api_keys", "idempotent_calls", "entered_tokens"}
    alerts = SEEN_OF_ALERTS | OF_PLATFORM_ALERTS
    figures = {"event_day_totals", "integration_activity", "api_usage", "dead_letter_counts"} | SEEN_OF_HEALTH
    assert seen == platform | access | alerts | figures | SEEN_OF_SYNCS | SEEN_OF_BULK
    hidden = 9 + len(HIDDEN_OF_SYNCS)  # those that hold something too and show nothing
    assert len(rows) == len(seen) + hidden


# The first known attack: any session of the same role reads the others' statements in pg_stat_activity.


async def test_a_token_cannot_be_read_from_another_sessions_activity(both: Database, worker: Any) -> None:
    async with both.tenant_tx(ACME, "test") as connection:
        assert await find_tokens(worker, connection) == []
        await connection.fetchval(COUNT)
        assert await find_tokens(worker, connection) == []


async def test_the_same_token_as_a_literal_is_read_and_used(both: Database, worker: Any, key: TokenKey) -> None:
    async with both._pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SELECT set_config('app.tenant_token', '{mint_token(key, ACME, 'test', 60)}', true)")
        [stolen] = await find_tokens(worker, connection)
    assert await count_with(worker, stolen) == 1


async def find_tokens(attacker: Any, victim: Any) -> list[str]:
    rows = await attacker.fetch(
        "SELECT substring(query FROM 'v1\\|[^'']+') AS token FROM pg_stat_activity WHERE pid = $1 AND query <> ''",
        victim.get_server_pid(),
    )
    assert rows, "the attack needs to see the victim's statement"
    return [row["token"] for row in rows if row["token"]]


# The second: temporary objects that take the place of names inside the function, which runs as the key's owner.

SHADOWS = """
CREATE TEMP TABLE loot (stolen text);
GRANT ALL ON loot TO PUBLIC;
CREATE FUNCTION pg_temp.spy(value pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO pg_temp.loot SELECT pg_catalog.encode(inner_pad, 'hex') FROM security.token_keys;
    RETURN true;
END $$;
GRANT EXECUTE ON FUNCTION pg_temp.spy TO PUBLIC;
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.spy(VALUE));
CREATE DOMAIN pg_temp.int4 AS pg_catalog.int4 CHECK (pg_temp.spy(VALUE::pg_catalog.text));
CREATE DOMAIN pg_temp.bytea AS pg_catalog.bytea CHECK (pg_temp.spy('x'));
CREATE TYPE pg_temp.token_keys AS (key_id pg_catalog.text, inner_pad pg_catalog.bytea, outer_pad pg_catalog.bytea);
CREATE FUNCTION pg_temp.sha256(pg_catalog.bytea) RETURNS pg_catalog.bytea LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_temp.spy('x'); RETURN 'x'; END $$;
CREATE FUNCTION pg_temp.always(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_temp.spy('x'); RETURN false; END $$;
CREATE OPERATOR pg_temp.<> (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = pg_temp.always);
CREATE OPERATOR pg_temp.= (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = pg_temp.always);
"""
# The check as it would be written without the pinned path: the same steps, names resolved through the empty one.
CARELESS = """
CREATE FUNCTION security.careless_scope() RETURNS pg_catalog.text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
DECLARE token text := current_setting('app.tenant_token', true);
BEGIN RETURN split_part(token, '|', 2); END $$;
GRANT EXECUTE ON FUNCTION security.careless_scope() TO PUBLIC;
GRANT CREATE ON SCHEMA security TO acequia_security;
ALTER FUNCTION security.careless_scope() OWNER TO acequia_security;
ALTER FUNCTION security.careless_scope() VOLATILE;
"""


async def test_a_process_cannot_make_temporary_objects(worker: Any) -> None:
    for statement in ("CREATE TEMP TABLE t (x integer)", "CREATE DOMAIN pg_temp.text AS pg_catalog.text"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute(statement)


async def test_even_with_temporary_objects_no_name_of_the_check_can_be_shadowed(
    both: Database, superuser: Any, installation: Any, key: TokenKey
) -> None:
    attacker = await shadow(superuser, installation)
    assert await count_with(attacker, mint_token(key, ACME, "test", 60)) == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="wrong signature"):
        await count_with(attacker, mint_token(key, ACME, "test", 60).replace("|56|", "|57|"))
    assert await attacker.fetch("SELECT stolen FROM pg_temp.loot") == []
    await attacker.close()


async def test_the_same_shadows_rob_a_function_with_an_empty_path(
    both: Database, superuser: Any, installation: Any, key: TokenKey
) -> None:
    await superuser.execute(CARELESS)
    attacker = await shadow(superuser, installation)
    async with attacker.transaction():
        await attacker.fetchval(pool.SQL["set_tenant_token"], mint_token(key, ACME, "test", 60))
        await attacker.fetchval("SELECT security.careless_scope()")
    stolen = {row["stolen"] for row in await attacker.fetch("SELECT stolen FROM pg_temp.loot")}
    assert stolen == {make_pads(key.key)[0].hex()}
    await attacker.close()


async def shadow(superuser: Any, installation: Any) -> Any:
    """A worker's session with the shadows in place, TEMPORARY granted to it for the occasion."""
    database = await superuser.fetchval("SELECT current_database()")
    await superuser.execute(f'GRANT TEMP ON DATABASE "{database}" TO acequia_worker')
    attacker = await asyncpg.connect(installation.database_urls["acequia_worker"])
    await attacker.execute(SHADOWS)
    return attacker


# What a process refuses to start with.


@pytest.mark.parametrize(
    ("role", "complaint"),
    [("postgres", "is a superuser, has BYPASSRLS"), ("acequia_owner", "owns relations, is a member of another role")],
)
async def test_a_process_refuses_a_role_that_could_pass_the_walls(
    installation: Any, make_settings: Any, role: str, complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        await Database.open(make_settings(database_url=installation.database_urls[role]), application_name="test")


async def test_a_process_refuses_a_key_that_the_database_does_not_know(make_settings: Any) -> None:
    with pytest.raises(ConfigurationError, match="refuses our tokens"):
        await Database.open(make_settings(tenant_token_key="k1:" + "00" * 32), application_name="test")


async def test_production_refuses_an_unpatched_server_and_development_warns(
    database: Database, make_settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SERVER_VERSION_FLOOR", 990_001)
    with pytest.raises(ConfigurationError, match=r"older than 99\.1"):
        await Database.open(make_settings(environment="production"), application_name="test")
    warned = await Database.open(make_settings(), application_name="test")
    assert "older than 99.1" in warned.warnings[0]
    await warned.close()
    monkeypatch.setattr(pool, "SERVER_VERSION_FLOOR", 180_000)
    patched = await Database.open(make_settings(environment="production"), application_name="test")
    assert patched.warnings == ()
    await patched.close()


@pytest.mark.parametrize("scope", [0, -1, 2**31, True, "57", "Platform", ""])
def test_no_token_is_minted_for_what_is_no_scope(scope: Any) -> None:
    with pytest.raises(TenantContextError):
        mint_token(TokenKey("k", b"x" * 32), scope, "test", 60)


@pytest.mark.parametrize("text", ["", "k1", "k1:00", "k|1:" + "00" * 32, ":" + "00" * 32, "k1:" + "0g" * 32])
def test_a_malformed_token_key_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        read_token_key(text)

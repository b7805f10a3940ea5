"""Each tenant's facts, as they stand in tables and queues, and as they are put down."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.queue import AppendBatch, NewEntry
from app.services.tenant_facts import read_facts
from db.dead_letters import begin_replay, discard_dead_letter
from db.ledger import LedgerEntry, settle_events
from db.snapshots import list_snapshots
from schemas.ids import make_uuid7
from tests.integration.health.conftest import ACME, GLOBEX, Ward

HOUR = timedelta(hours=1)


async def bury(ward: Ward, tenant_id: int, count: int) -> list[str]:
    """Dead letters, made as drains make them; their ids."""
    ids = [make_uuid7() for _ in range(count)]
    entries = [LedgerEntry(event_id, 1, "order", f"o-{event_id}", None, "dead", "not_found", 1, 5) for event_id in ids]
    async with ward.database.tenant_tx(tenant_id, "test") as connection:
        await settle_events(connection, tenant_id, "live", entries)
        await settle_events(connection, tenant_id, "live", entries)  # told again, they are the same ones
    return ids


async def count_dead(ward: Ward) -> dict[int, int]:
    return {tenant_id: facts.dead_waiting for tenant_id, facts in (await ward.read()).items()}


async def check_counts(ward: Ward) -> None:
    """The counts against the table itself."""
    rows: Sequence[Any] = await ward.superuser.fetch(
        "SELECT t.tenant_id, count(l.event_id) FROM tenants AS t"
        " LEFT JOIN dead_letters AS l ON l.tenant_id = t.tenant_id AND l.status = 'waiting' GROUP BY t.tenant_id"
    )
    assert await count_dead(ward) == dict(rows)


async def test_figures_limits_and_queues_are_each_tenants_own(ward: Ward) -> None:
    await ward.add_tenant(ACME, settings='{"max_customers": 7, "storage_gb": 1.5}')
    await ward.add_tenant(GLOBEX, type="enterprise")
    await ward.add_tenant(58, status="active")
    await ward.superuser.execute("UPDATE tenants SET status = 'deleted', delete_after = now() WHERE tenant_id = 58")
    today = datetime.now(UTC).date()
    await ward.superuser.execute(
        f"INSERT INTO counters VALUES ({ACME}, 'customers', 'live', 3), ({ACME}, 'customers', 'bulk', 2),"
        f" ({ACME}, 'stored_bytes', 'api', 900), ({ACME}, 'customers_waiting', 'live', 1),"
        f" ({ACME}, 'orders', 'live', 9),"
        f" ({GLOBEX}, 'customers', 'live', 40)"
    )
    await ward.superuser.execute(
        f"INSERT INTO api_usage VALUES ({ACME}, '{today}', 11), ({ACME}, '{today - timedelta(days=1)}', 99)"
    )
    await ward.queue.append([AppendBatch(GLOBEX, "normal", [NewEntry(make_uuid7(), b"x")] * 3)], confirm=None)
    facts = await ward.read()
    assert list(facts) == [ACME, GLOBEX]
    acme, globex = facts[ACME], facts[GLOBEX]
    assert (acme.customers, acme.customers_max, acme.customers_waiting) == (5, 7, 1)
    assert (acme.stored_bytes, acme.storage_bytes_max) == (900, 1_500_000_000)
    assert (acme.api_calls_today, acme.api_calls_day_max) == (11, 10_000)
    assert (acme.waiting, acme.oldest_s, acme.queue_state) == (0, None, "none")
    assert (globex.customers, globex.customers_max, globex.api_calls_today) == (40, 10_000_000, 0)
    assert (globex.waiting, globex.queue_state) == (3, "ready")
    assert globex.oldest_s is not None


async def test_one_tenants_facts_are_the_same_when_read_alone(ward: Ward) -> None:
    for tenant_id in (ACME, GLOBEX):
        await ward.add_tenant(tenant_id)
        await ward.add_integration(tenant_id, 1, last_sync=datetime.now(UTC) - tenant_id * HOUR)
        await bury(ward, tenant_id, tenant_id - ACME + 1)
    facts = await ward.read()
    alone = await read_facts(ward.web, ward.queue, ward.settings, facts[ACME].tenant)
    assert alone._replace(taken_at=None, integrations=(), worst=None) == facts[ACME]._replace(
        taken_at=None, integrations=(), worst=None
    )
    [one], [same] = alone.integrations, facts[ACME].integrations
    assert one._replace(late_s=0.0) == same._replace(late_s=0.0)
    assert abs(one.late_s - same.late_s) < 60


async def test_a_tenant_is_as_well_as_its_worst_integration_which_is_named(ward: Ward) -> None:
    now = datetime.now(UTC)
    for tenant_id in (ACME, GLOBEX):
        await ward.add_tenant(tenant_id)
        await ward.add_integration(tenant_id, 1, last_sync=now)
    await ward.add_integration(ACME, 2, last_sync=now - 30 * HOUR, name="The old store")
    await ward.add_integration(ACME, 3, last_sync=now - 90 * HOUR, status="deleted")
    await ward.add_integration(ACME, 4, last_sync=now - 90 * HOUR, status="paused")
    facts = await ward.read()
    assert (facts[ACME].health, facts[GLOBEX].health) == ("critical", "healthy")
    worst = facts[ACME].worst
    assert worst is not None
    assert (worst.integration_id, worst.name) == (2, "The old store")
    assert 28 * 3600 < worst.late_s < 30 * 3600
    assert [one.health for one in facts[ACME].integrations] == ["healthy", "critical", "paused"]


async def test_a_run_that_goes_on_a_gap_and_a_silent_hook_are_told(ward: Ward) -> None:
    now = datetime.now(UTC)
    for tenant_id in (ACME, GLOBEX):
        await ward.add_tenant(tenant_id)
        await ward.add_integration(tenant_id, 1, hook_status="registered")
    await ward.superuser.execute(
        f"INSERT INTO sync_runs (tenant_id, run_id, integration_id, kind, trigger, status, requested_by)"
        f" VALUES ({ACME}, gen_random_uuid(), 1, 'full', 'manual', 'running', 'x'),"
        f" ({ACME}, gen_random_uuid(), 1, 'full', 'manual', 'running', 'x')"
    )
    await ward.superuser.execute("INSERT INTO gaps VALUES ($1, 1, 'orders', $2, 'r')", ACME, now)
    await ward.superuser.execute(
        "INSERT INTO hook_watches (tenant_id, integration_id, silent_since) VALUES ($1, 1, $2)", ACME, now
    )
    facts = await ward.read()
    [acme], [globex] = facts[ACME].integrations, facts[GLOBEX].integrations
    assert (acme.is_syncing, acme.gap_since, acme.silent_since, acme.rule) == (True, now, now, "age")
    assert (globex.is_syncing, globex.gap_since, globex.silent_since) == (False, None, None)


async def test_dead_letters_are_counted_where_they_are_made_replayed_and_discarded(ward: Ward) -> None:
    for tenant_id in (ACME, GLOBEX):
        await ward.add_tenant(tenant_id)
    ids = await bury(ward, ACME, 4)
    await bury(ward, GLOBEX, 1)
    assert await count_dead(ward) == {ACME: 4, GLOBEX: 1}
    async with ward.web.tenant_tx(ACME, "test") as connection:
        assert await begin_replay(connection, ACME, ids[0], make_uuid7())
        assert await discard_dead_letter(connection, ACME, ids[1])
    assert await count_dead(ward) == {ACME: 2, GLOBEX: 1}
    await check_counts(ward)
    await ward.superuser.execute("UPDATE dead_letters SET status = 'waiting', replay_event_id = NULL")
    await check_counts(ward)
    writers = await ward.superuser.fetch("SELECT DISTINCT writer FROM dead_letter_counts ORDER BY 1")
    assert [row[0] for row in writers] == ["acequia_web", "acequia_worker", "postgres"]


async def test_what_is_put_down_is_what_was_read_and_goes_with_its_tenant(ward: Ward) -> None:
    for tenant_id in (ACME, GLOBEX):
        await ward.add_tenant(tenant_id)
        await ward.add_integration(tenant_id, 1, last_sync=datetime.now(UTC))
    await ward.add_integration(ACME, 2, last_sync=datetime.now(UTC) - 30 * HOUR)
    facts = await ward.watch()
    async with ward.web.platform_tx("test") as connection:
        acme, globex = await list_snapshots(connection)
        assert await list_snapshots(connection, [GLOBEX]) == [globex]
    assert (acme.tenant_id, acme.health, acme.worst_integration_id, acme.integrations) == (ACME, "critical", 2, 2)
    assert (acme.customers_max, acme.taken_at) == (facts[ACME].customers_max, facts[ACME].taken_at)
    async with ward.web.tenant_tx(GLOBEX, "test") as connection:
        assert [row.tenant_id for row in await list_snapshots(connection)] == [GLOBEX]
    await ward.superuser.execute("UPDATE tenants SET status = 'deleted', delete_after = now() WHERE tenant_id = 57")
    await ward.superuser.execute("UPDATE tenant_integrations SET status = 'deleted' WHERE integration_id = 2")
    await ward.watch()
    assert await ward.superuser.fetchval("SELECT array_agg(tenant_id) FROM tenant_snapshots") == [ACME]
    assert await ward.superuser.fetchval("SELECT count(*) FROM integration_snapshots") == 1

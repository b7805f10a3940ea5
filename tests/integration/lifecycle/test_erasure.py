"""The end of a tenant: nothing of it is left but what must stay, nothing of its neighbour is touched, and a worker
that is killed in the middle of it leaves a tenant that the next one finishes."""

import os
from typing import Any

import pytest

from app.core.errors import KeyDestroyedError, KeystoreUnavailableError
from app.core.queue import Queue
from app.services import tenant_erasure
from app.services.apply import apply_batch
from app.services.audit import Actor
from app.services.customer_room import WriteLimits
from app.services.endpoints import create_endpoint
from app.services.keyring import Keyring
from app.services.tenant_erasure import erase_due_tenants
from app.services.tenant_lifecycle import (
    TenantNotFoundError,
    TenantStateError,
    cancel_deletion,
    confirm_deletion,
    get_lifecycle,
    keep_hooks,
    request_deletion,
)
from db.erasure import BATCHED_TABLES, SMALL_TABLES, SQL
from db.lifecycle import list_due_erasures
from db.pool import Database
from schemas.records import Buyer, OrderItem
from tests.integration.db.cast import (
    ACME,
    GLOBEX,
    NOW,
    make_customer,
    make_observation,
    make_order,
    make_settlement,
)
from tests.integration.db.sweep.rows import ROWS
from tests.integration.lifecycle.conftest import World

SYNC_TABLES = (
    "sync_runs", "sync_run_streams", "sync_streams", "sync_schedules", "listing_marks", "completeness_days",
    "completeness_findings",
)  # fmt: skip
ALERT_TABLES = ("alert_rules", "alerts", "alert_channels", "alert_deliveries")
SERIES_TABLES = ("event_hours", "objective_states")
ADMIN = Actor("person", "01a20d17-aca5-7762-9001-f6447d2940c7")


async def fill(world: World, tenant_id: int) -> None:
    """Something of everything that a tenant can have."""
    keys, office = world.keys[tenant_id], world.office
    buyer = Buyer(email="ana@example.org")
    order = make_order(items=(OrderItem(sku="A", quantity=1),), buyer=buyer)
    customers = [make_settlement(make_observation(make_customer(f"c-{n}", email="ana@example.org"))) for n in range(5)]
    dead = make_settlement(None, outcome="dead", reason="not_found", sealed_body=b"sealed")
    batch = [*customers, make_settlement(make_observation(order)), dead]
    limits = WriteLimits(4, 10**12)
    await apply_batch(world.backstage.database, keys, batch, now=NOW, limits=limits)
    person = os.urandom(16).hex()
    await world.superuser.execute(f"""
        INSERT INTO api_usage VALUES ({tenant_id}, '2026-11-01', 7);
        INSERT INTO people (person_id, email_index, sealed, password_hash)
        VALUES ('{person}', decode('{person}', 'hex'), '', 'x');
        INSERT INTO person_roles (person_id, scope, scope_id, role, accepted_at)
        VALUES ('{person}', 'tenant', {tenant_id}, 'owner', now()),
               ('{person}', 'organization', 1, 'owner', now());
        INSERT INTO api_keys (key_id, name, scope, scope_id, role, secret_hashes, created_by)
        VALUES ('{person[:10]}', 'key', 'tenant', {tenant_id}, 'owner', '{{x}}', 'x'),
               ('{person[10:20]}', 'key', 'organization', 1, 'owner', '{{x}}', 'x');
    """)
    for kind in ("order_hook", "inline"):
        await create_endpoint(
            office.database,
            world.redis,
            office.settings,
            keys,
            integration_id=1,
            kind=kind,
            accounts=["x"],
        )
    for table in (
        "ad_spend_days",
        "ad_spend",
        "integration_tokens",
        "hook_watches",
        "bulk_operations",
        "tenant_snapshots",
        "integration_snapshots",
        *SERIES_TABLES,
        *SYNC_TABLES,
        *ALERT_TABLES,
    ):
        await world.superuser.execute(ROWS[table].format(t=tenant_id, c="c", n=1))
    await world.append(tenant_id, 3)


async def take_stock(world: World, tenant_id: int) -> dict[str, Any]:
    """What there is of a tenant, by table, with what may still be opened or used."""
    tables = (*BATCHED_TABLES, *SMALL_TABLES, "events", "event_day_totals", "tenant_slugs")
    found: dict[str, Any] = {
        table: await world.superuser.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant_id)
        for table in tables
    }
    counts = {
        "sealed": "endpoints WHERE (sealed_token IS NOT NULL OR sealed_secrets IS NOT NULL) AND tenant_id = $1",
        "endpoints": "endpoints WHERE status = 'active' AND tenant_id = $1",
        "credentials": "tenant_integrations WHERE sealed_credentials IS NOT NULL AND tenant_id = $1",
        "roles": "person_roles WHERE scope = 'tenant' AND scope_id = $1",
        "keys": "api_keys WHERE revoked_at IS NULL AND scope = 'tenant' AND scope_id = $1",
    }
    for name, what in counts.items():
        found[name] = await world.superuser.fetchval(f"SELECT count(*) FROM {what}", tenant_id)
    depth = await world.queue.depth(tenant_id)
    return found | {"queued": depth.waiting, "accepted": depth.accepted}


KEPT = {"events": 7, "event_day_totals": 3, "tenant_slugs": 1}


async def delete(world: World, tenant_id: int = ACME) -> None:
    """Both steps, and the grace is over."""
    asked = await request_deletion(world.office, tenant_id, ADMIN)
    await confirm_deletion(world.office, tenant_id, asked.code, ADMIN)
    await world.end_grace(tenant_id)


async def erase(world: World) -> int:
    return await erase_due_tenants(world.backstage, world.keyring, world.queue)


async def finish(world: World) -> None:
    """Until every process has forgotten the keys: KEYS_CACHE_TTL_S is long over."""
    assert await erase(world) == 0, "too early: somebody may still hold the keys"
    await world.superuser.execute(
        "UPDATE tenants SET status_changed_at = now() - interval '1 hour' WHERE status = 'deleted'"
    )
    assert await erase(world) == 1


async def check_erased(world: World) -> None:
    stock = await take_stock(world, ACME)
    assert {name: amount for name, amount in stock.items() if amount} == KEPT
    world.keyring.forget(ACME)
    with pytest.raises(KeyDestroyedError):
        await world.keyring.keys_of(ACME)
    assert await world.read_status() == "deleted"
    assert await erase(world) == 0


async def test_all_of_a_tenant_goes_and_nothing_of_its_neighbour(world: World) -> None:
    await fill(world, ACME)
    await fill(world, GLOBEX)
    before = await take_stock(world, GLOBEX)
    assert all(before.values()), "a table that holds nothing proves nothing"
    await delete(world)
    await finish(world)
    await check_erased(world)
    assert await take_stock(world, GLOBEX) == before
    assert await world.keyring.keys_of(GLOBEX)
    kept = "SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM person_roles WHERE scope = 'organization')"
    assert tuple(await world.superuser.fetchrow(kept)) == (2, 2)
    assert await world.superuser.fetchval("SELECT count(*) FROM api_keys WHERE revoked_at IS NULL") == 3


async def test_the_audit_tells_what_was_dropped_and_stays(world: World) -> None:
    await fill(world, ACME)
    await delete(world)
    await finish(world)
    entries = await world.read_audit()
    assert [entry["action"] for entry in entries] == [
        "tenant.deletion_requested", "tenant.deletion_confirmed", "tenant.erasure_begun", "tenant.data_erased",
        "tenant.erased",
    ]  # fmt: skip
    told = entries[3]["details"]
    assert '"events_dropped": 3' in told
    assert '"customers": 4' in told
    assert '"orders": 1' in told


async def test_nothing_begins_before_the_grace_is_over_nor_after_a_cancellation(world: World) -> None:
    await fill(world, ACME)
    before = await take_stock(world, ACME)
    asked = await request_deletion(world.office, ACME, ADMIN)
    await confirm_deletion(world.office, ACME, asked.code, ADMIN)
    assert await erase(world) == 0
    before["gaps"] += 1  # orders, which are missed from now on; customers were marked already
    assert await take_stock(world, ACME) == before
    await cancel_deletion(world.office, ACME, ADMIN)
    await world.superuser.execute("UPDATE tenants SET delete_after = NULL")
    assert await erase(world) == 0
    assert await take_stock(world, ACME) == before


async def test_once_begun_it_can_neither_be_cancelled_nor_found(world: World) -> None:
    await delete(world)
    await erase(world)
    with pytest.raises(TenantNotFoundError):
        await cancel_deletion(world.office, ACME, ADMIN)
    with pytest.raises(TenantNotFoundError):
        await get_lifecycle(world.office.database, ACME)
    assert await keep_hooks(world.backstage.database, world.hooks, world.backstage.settings) == 0


async def test_a_cancellation_that_comes_first_wins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await delete(world)

    async def list_then_cancel(database: Database) -> list[int]:
        found = await list_due_erasures(database)
        await cancel_deletion(world.office, ACME, ADMIN)
        return found

    monkeypatch.setattr(tenant_erasure, "list_due_erasures", list_then_cancel)
    assert await erase(world) == 0
    assert await world.read_status() == "suspended"
    assert await world.keyring.keys_of(ACME)


async def test_what_a_process_with_old_keys_still_writes_is_erased_too(world: World) -> None:
    await fill(world, ACME)
    await delete(world)
    assert await erase(world) == 0, "too early: somebody may still hold the keys"
    late = make_settlement(make_observation(make_customer("c-late")))
    await apply_batch(world.backstage.database, world.keys[ACME], [late], now=NOW)
    await finish(world)
    stock = await take_stock(world, ACME)
    assert {name: amount for name, amount in stock.items() if amount} == KEPT | {"events": 8}


async def test_one_that_fails_is_tried_again_and_keeps_no_other_from_its_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(world, ACME)
    await delete(world)
    await delete(world, GLOBEX)
    with monkeypatch.context() as patch:
        destroy = Keyring.destroy

        async def fail_for_acme(self: Keyring, tenant_id: int) -> None:
            if tenant_id == ACME:
                raise KeystoreUnavailableError("away")
            await destroy(self, tenant_id)

        patch.setattr(Keyring, "destroy", fail_for_acme)
        await erase(world)
    assert [await world.read_status(tenant_id) for tenant_id in (ACME, GLOBEX)] == ["deleted", "deleted"]
    assert (await take_stock(world, ACME))["customers"] == 4, "no row goes before its keys"
    world.keyring.forget(GLOBEX)
    with pytest.raises(KeyDestroyedError):
        await world.keyring.keys_of(GLOBEX)
    await world.superuser.execute("UPDATE tenants SET status_changed_at = now() - interval '1 hour'")
    assert await erase(world) == 2
    await check_erased(world)


class KilledError(BaseException):
    """Stands for a kill -9: nothing catches it."""


STEPS = ["destroy", "close_doors", "publish_directory", "empty", *BATCHED_TABLES, "erase_small", "_finish"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_worker_that_is_killed_in_the_middle_leaves_it_to_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    await fill(world, ACME)
    await delete(world)
    with monkeypatch.context() as patch:
        plant_kill(patch, step, when)
        with pytest.raises(KilledError):
            await erase(world)
    if step != "destroy" or when == "after":
        world.keyring.forget(ACME)
        with pytest.raises(KeyDestroyedError):
            await world.keyring.keys_of(ACME)
    with pytest.raises((TenantNotFoundError, TenantStateError)):
        await cancel_deletion(world.office, ACME, ADMIN)
    await finish(world)
    await check_erased(world)


def plant_kill(patch: pytest.MonkeyPatch, step: str, when: str) -> None:
    is_table = step in BATCHED_TABLES
    place: Any = {"destroy": Keyring, "empty": Queue}.get(step, tenant_erasure)
    name = "_erase_table" if is_table else step
    original = getattr(place, name)

    async def kill(*args: Any, **kwargs: Any) -> Any:
        if is_table and step not in args:
            return await original(*args, **kwargs)
        if when == "after":
            await original(*args, **kwargs)
        raise KilledError

    patch.setattr(place, name, kill)


async def test_many_rows_go_in_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenant_erasure, "ROWS_PER_BATCH", 2)
    await fill(world, ACME)
    await delete(world)
    await finish(world)
    await check_erased(world)


async def test_a_batch_of_a_large_table_is_deleted_by_addresses(world: World) -> None:
    await world.superuser.execute(f"""
        INSERT INTO customer_identities
        SELECT {ACME}, 'email', 1, substr(sha256(n::text::bytea), 1, 16), 'vtex', 'acme', 'c-' || n
        FROM generate_series(1, 50000) AS n""")
    async with world.backstage.database.tenant_tx(ACME, "test") as connection:
        await connection.fetchval(SQL["plan_afresh"])
        await connection.execute(f"PREPARE erase (integer, integer) AS {SQL['erase_customer_identities']}")
        rows = await connection.fetch(f"EXPLAIN EXECUTE erase ({ACME}, 10)")
    assert any("Tid Scan on customer_identities" in row[0] for row in rows), rows

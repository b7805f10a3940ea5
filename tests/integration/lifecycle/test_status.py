"""A tenant's status: who may change it from what, that it is audited and published, and what providers are told."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.core.directory import FINGERPRINT_KEY
from app.services.audit import Actor, write_audit
from app.services.deletion_code import VALID_S, DeletionCodeError, check_deletion_code, make_deletion_code
from app.services.directory import ensure_directory_published
from app.services.tenant_lifecycle import (
    TenantNotFoundError,
    TenantStateError,
    activate_tenant,
    cancel_deletion,
    confirm_deletion,
    expire_trials,
    get_lifecycle,
    keep_hooks,
    request_deletion,
    suspend_tenant,
)
from db.integrations import insert_integration
from tests.integration.db.cast import ACME, GLOBEX
from tests.integration.lifecycle.conftest import World

ADMIN = Actor("person", "01a20d17-aca5-7762-9001-f6447d2940c7", "req-1")


async def test_a_suspension_is_published_audited_and_told_to_the_provider(world: World) -> None:
    before = await get_lifecycle(world.office.database, ACME)
    await suspend_tenant(world.office, ACME, "unpaid since Ana Paz left", ADMIN)
    after = await get_lifecycle(world.office.database, ACME)
    assert (after.status, after.status_reason) == ("suspended", "unpaid since Ana Paz left")
    assert after.revision == before.revision + 1
    assert after.status_changed_at > before.status_changed_at
    assert await world.read_hook() == "removed"
    assert not await ensure_directory_published(world.office.database, world.redis), "it is published already"
    assert await world.redis.exists(FINGERPRINT_KEY)
    [entry] = await world.read_audit()
    assert entry[:4] == ("tenant.suspended", "person", ADMIN.id, "req-1")
    assert "Ana" not in entry["details"]
    assert await world.read_status(GLOBEX) == "active"
    assert await world.read_hook(GLOBEX) == "registered"
    assert await world.read_audit(GLOBEX) == []


async def test_an_activation_registers_the_hook_again(world: World) -> None:
    await suspend_tenant(world.office, ACME, "unpaid", ADMIN)
    await activate_tenant(world.office, ACME, ADMIN)
    assert (await world.read_status(), await world.read_hook()) == ("active", "registered")
    assert world.hooks.told == [("remove", ACME), ("register", ACME)]
    assert (await get_lifecycle(world.office.database, ACME)).status_reason is None


async def test_a_provider_that_is_down_stops_no_decision_and_is_told_later(world: World) -> None:
    world.hooks.is_down = True
    await suspend_tenant(world.office, ACME, "unpaid", ADMIN)
    assert (await world.read_status(), await world.read_hook()) == ("suspended", "registered")
    assert await keep(world) == 0
    world.hooks.is_down = False
    assert await keep(world) == 1
    assert await world.read_hook() == "removed"
    world.hooks.is_down = True
    await activate_tenant(world.office, ACME, ADMIN)
    world.hooks.is_down = False
    world.hooks.told.clear()
    assert await keep(world) == 1
    assert world.hooks.told == [("register", ACME)]
    assert await keep(world) == 0


async def test_a_hook_that_cannot_be_set_is_tried_ever_later(world: World) -> None:
    await suspend_tenant(world.office, ACME, "unpaid", ADMIN)
    world.hooks.is_down = True
    await activate_tenant(world.office, ACME, ADMIN)
    world.hooks.told.clear()
    for failures, wait_s in ((1, 60), (2, 120), (3, 240)):
        await keep(world)
        await keep(world)
        assert world.hooks.told == [("register", ACME)] * failures, "once, until its time has come"
        watch = await world.superuser.fetchrow(
            "SELECT failures, due_at - now() AS due_in FROM hook_watches WHERE tenant_id = $1", ACME
        )
        assert watch["failures"] == failures
        assert wait_s - 30 < watch["due_in"].total_seconds() <= wait_s
        await world.superuser.execute("UPDATE hook_watches SET due_at = now()")
    world.hooks.is_down = False
    assert await keep(world) == 1
    assert await world.read_hook() == "registered"
    assert await world.superuser.fetchval("SELECT count(*) FROM hook_watches WHERE tenant_id = $1", GLOBEX) == 0


async def keep(world: World) -> int:
    return await keep_hooks(world.backstage.database, world.hooks, world.backstage.settings)


async def test_only_a_status_that_allows_it_is_changed(world: World) -> None:
    with pytest.raises(TenantStateError):
        await activate_tenant(world.office, ACME, ADMIN)
    await suspend_tenant(world.office, ACME, "unpaid", ADMIN)
    with pytest.raises(TenantStateError):
        await suspend_tenant(world.office, ACME, "again", ADMIN)
    with pytest.raises(TenantStateError):
        await cancel_deletion(world.office, ACME, ADMIN)
    with pytest.raises(TenantNotFoundError):
        await suspend_tenant(world.office, 99, "nobody", ADMIN)
    assert [entry["action"] for entry in await world.read_audit()] == ["tenant.suspended"]


async def test_a_trial_whose_time_is_over_expires_once_and_needs_a_new_end_to_go_on(world: World) -> None:
    assert await expire_trials(world.backstage) == 0
    past, future = datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(days=9)
    await world.superuser.execute("UPDATE tenants SET trial_ends_at = $2 WHERE tenant_id = $1", ACME, past)
    await world.superuser.execute("UPDATE tenants SET trial_ends_at = $2 WHERE tenant_id = $1", GLOBEX, future)
    assert await expire_trials(world.backstage) == 1
    assert await expire_trials(world.backstage) == 0
    assert (await world.read_status(), await world.read_status(GLOBEX)) == ("expired", "active")
    assert await world.read_hook() == "removed"
    assert [entry[:3] for entry in await world.read_audit()] == [("tenant.expired", "system", "lifecycle")]
    with pytest.raises(TenantStateError, match="time is over"):
        await activate_tenant(world.office, ACME, ADMIN)
    await activate_tenant(world.office, ACME, ADMIN, trial_ends_at=future)
    assert await expire_trials(world.backstage) == 0
    assert await world.read_status() == "active"


async def test_a_trial_that_cannot_be_ended_keeps_no_other_from_its_turn(world: World) -> None:
    await world.superuser.execute("UPDATE tenants SET trial_ends_at = now() - interval '1 second'")
    await world.superuser.execute("ALTER TABLE tenants ADD CONSTRAINT broken CHECK (tenant_id <> 56 OR revision < 2)")
    assert await expire_trials(world.backstage) == 1
    assert (await world.read_status(), await world.read_status(GLOBEX)) == ("active", "expired")
    await world.superuser.execute("ALTER TABLE tenants DROP CONSTRAINT broken")
    assert await expire_trials(world.backstage) == 1
    assert await world.read_status() == "expired"


async def test_a_deletion_takes_two_steps_and_can_be_cancelled(world: World) -> None:
    asked = await request_deletion(world.office, ACME, ADMIN)
    assert await world.read_status() == "active", "the first step changes nothing"
    with pytest.raises(DeletionCodeError):
        await confirm_deletion(world.office, GLOBEX, asked.code, ADMIN)
    delete_after = await confirm_deletion(world.office, ACME, asked.code, ADMIN)
    assert delete_after - datetime.now(UTC) > timedelta(days=29)
    assert (await world.read_status(), await world.read_hook()) == ("deleting", "removed")
    with pytest.raises(DeletionCodeError):
        await confirm_deletion(world.office, ACME, asked.code, ADMIN)
    with pytest.raises(TenantStateError):
        await request_deletion(world.office, ACME, ADMIN)
    await cancel_deletion(world.office, ACME, ADMIN)
    found = await get_lifecycle(world.office.database, ACME)
    assert (found.status, found.delete_after) == ("suspended", None)
    assert [entry["action"] for entry in await world.read_audit()] == [
        "tenant.deletion_requested", "tenant.deletion_confirmed", "tenant.deletion_cancelled",
    ]  # fmt: skip


async def test_a_code_ends_with_its_time_and_with_any_change_of_the_tenant(world: World) -> None:
    settings, now = world.office.settings, datetime.now(UTC)
    code, _ = make_deletion_code(settings, ACME, 3, now)
    check_deletion_code(settings, ACME, 3, code, now)
    forged = "7" + code[1:] if code[0] != "7" else "8" + code[1:]
    for tenant_id, revision, told, at in (
        (ACME, 4, code, now),
        (GLOBEX, 3, code, now),
        (ACME, 3, code, now + timedelta(seconds=VALID_S + 1)),
        (ACME, 3, forged, now),
        (ACME, 3, "", now),
        (ACME, 3, "-", now),
        (ACME, 3, f"{'f' * 99}-{code.partition('-')[2]}", now),
        (ACME, 3, "ñandú", now),
    ):
        with pytest.raises(DeletionCodeError):
            check_deletion_code(settings, tenant_id, revision, told, at)
    asked = await request_deletion(world.office, ACME, ADMIN)
    await suspend_tenant(world.office, ACME, "unpaid", ADMIN)
    with pytest.raises(DeletionCodeError):
        await confirm_deletion(world.office, ACME, asked.code, ADMIN)


async def test_of_two_who_decide_at_once_one_is_told(world: World) -> None:
    results = await asyncio.gather(
        *(suspend_tenant(world.office, ACME, f"reason {n}", ADMIN) for n in range(4)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["NoneType"] + ["TenantStateError"] * 3
    assert len(await world.read_audit()) == 1


async def test_the_audit_takes_entries_of_tenants_and_of_none_and_gives_none_back(world: World) -> None:
    database = world.office.database
    async with database.tenant_tx(ACME, "test") as connection:
        await write_audit(connection, ACME, ADMIN, "test.done", "thing", "1", {"fields": ["name"]})
    async with database.platform_tx("test") as connection:
        await write_audit(connection, None, Actor("cli", "acequia"), "test.done", "thing", "2")
    assert [entry["details"] for entry in await world.read_audit()] == ['{"fields": ["name"]}']
    assert await world.superuser.fetchval("SELECT object_id FROM platform_audit_entries") == "2"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tenant_tx(GLOBEX, "test") as connection:
            await write_audit(connection, ACME, ADMIN, "test.forged", "thing", "3")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await world.superuser.execute("DELETE FROM audit_entries")


async def read_gaps(world: World, tenant_id: int = ACME) -> list[Any]:
    statement = "SELECT integration_id, stream, gap_since, reason FROM gaps WHERE tenant_id = $1 ORDER BY 1, 2"
    return [tuple(row) for row in await world.superuser.fetch(statement, tenant_id)]


async def test_what_is_missed_while_a_tenant_is_not_served_is_marked_from_the_beginning(world: World) -> None:
    async with world.office.database.tenant_tx(ACME, "test") as connection:
        await insert_integration(connection, ACME, 2, connector="brand", account="erp")
    await suspend_tenant(world.office, ACME, "unpaid", ADMIN)
    left = await world.superuser.fetchval("SELECT status_changed_at FROM tenants WHERE tenant_id = $1", ACME)
    marked = await read_gaps(world)
    assert [(row[:2], row[3]) for row in marked] == [
        ((1, "customers"), "tenant_not_served"), ((1, "orders"), "tenant_not_served"),
    ]  # fmt: skip
    assert all(abs(row[2] - left) < timedelta(seconds=5) for row in marked)
    # A repair that was under way then may have closed the mark.
    await world.superuser.execute("DELETE FROM gaps")
    await activate_tenant(world.office, ACME, ADMIN)
    assert [row[2] for row in await read_gaps(world)] == [left, left]
    assert await read_gaps(world, GLOBEX) == []


async def test_a_trial_that_expired_and_a_deletion_that_was_cancelled_are_marked_too(world: World) -> None:
    past, future = datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(days=9)
    await world.superuser.execute("UPDATE tenants SET trial_ends_at = $2 WHERE tenant_id = $1", GLOBEX, past)
    await expire_trials(world.backstage)
    asked = await request_deletion(world.office, ACME, ADMIN)
    await confirm_deletion(world.office, ACME, asked.code, ADMIN)
    expired, deleting = await read_gaps(world, GLOBEX), await read_gaps(world)
    assert len(expired) == len(deleting) == 2
    await cancel_deletion(world.office, ACME, ADMIN)
    await activate_tenant(world.office, ACME, ADMIN)
    await activate_tenant(world.office, GLOBEX, ADMIN, trial_ends_at=future)
    again = [*await read_gaps(world), *await read_gaps(world, GLOBEX)]
    for before, after in zip([*deleting, *expired], again, strict=True):
        assert after[:2] == before[:2]
        assert timedelta(0) <= before[2] - after[2] < timedelta(seconds=5), "the earliest stands"

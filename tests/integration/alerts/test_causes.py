"""Each alert opened by its real cause, told, and closed with a recovery when the cause has gone."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.services import live_tenants
from app.services.api_usage import ApiUsage
from app.services.audit import Actor
from app.services.backups import report_backup
from app.services.dead_letters import replay_letter
from app.services.integration_states import pause_integration, resume_integration
from app.services.integrations import seal_credentials
from app.services.waiting_customers import enqueue_waiting
from db.integrations import set_credentials
from schemas.alerts import NewBackupReport
from schemas.integrations import HookChoice
from tests.integration.alerts.conftest import CLI, PLATFORM, Watch
from tests.integration.hooks.conftest import Hooks
from tests.integration.hooks.test_silence import stand_since, tell
from tests.integration.receiver.support import Receiver
from tests.integration.workers.works import ACME, GLOBEX, VTEX, until
from workers import jobs
from workers.context import DrainContext
from workers.upkeep import notice_lost_memory

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OTHERS = {"app_key": "vtexappkey-test-OTHERS", "app_token": "token2"}

Change = Callable[[], Awaitable[object]]


@pytest.fixture(autouse=True)
def quick_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed limit binds at once."""
    monkeypatch.setattr(live_tenants, "CACHE_TTL_S", 0.0)


async def see_open(watch: Watch, context: DrainContext, rule: str, tenant_id: int = ACME) -> str:
    """It is opened, once, told, and not to globex; what was told of it."""
    await watch.look(context)
    await watch.look(context)
    assert rule in await watch.open_names(tenant_id)
    assert await watch.open_names(GLOBEX) == []
    await watch.send(context)
    told = [call.json["data"] for call in watch.web.calls if call.json["data"]["rule"] == rule]
    assert [(one["state"], one["tenant_id"]) for one in told] == [("open", tenant_id)]
    return str(told[0]["text"])


async def see_closed(watch: Watch, context: DrainContext, rule: str, tenant_id: int = ACME) -> None:
    """It is closed, and that is told."""
    watch.web.calls.clear()
    await watch.look(context)
    assert rule not in await watch.open_names(tenant_id)
    await watch.send(context)
    told = [call.json for call in watch.web.calls if call.json["data"]["rule"] == rule]
    assert [(one["type"], one["data"]["closed_because"]) for one in told] == [("alert.closed", "recovered")]


async def test_a_sync_that_is_late(watch: Watch) -> None:
    await watch.add_channel("webhook")
    await watch.set_integration(created_at=datetime.now(UTC) - 9 * HOUR)
    async with watch.worker() as context:
        text = await see_open(watch, context, "sync_late")
        assert "9 horas" in text or "8 horas" in text
        assert "nunca" in text
        await watch.works.wait_for(await watch.works.append(watch.works.hint(await watch.works.change_order())))
        await see_closed(watch, context, "sync_late")


async def test_api_calls_that_are_nearly_used_up(watch: Watch) -> None:
    await watch.add_channel("webhook")
    await watch.set_limits(max_api_calls_day=10)
    async with watch.worker() as context:
        usage = ApiUsage(watch.office)
        for _ in range(9):
            await usage.count(ACME, 10)
        await usage.flush()
        await watch.look(context)
        assert await watch.open_names() == [], "90 % is not above 90 %"
        await usage.count(ACME, 10)
        await usage.flush()
        assert "10 de 10" in await see_open(watch, context, "api_calls")
        await watch.set_limits(max_api_calls_day=11)
        await watch.look(context)
        assert await watch.open_names() == ["api_calls"], "90.9 % is not behind the closing threshold"
        await watch.set_limits(max_api_calls_day=100)
        await see_closed(watch, context, "api_calls")


async def test_storage_that_fills_up(watch: Watch) -> None:
    await watch.add_channel("webhook")
    async with watch.worker() as context:
        await watch.works.wait_for(await watch.works.append(watch.works.hint(await watch.works.change_order())))
        stored = await watch.works.read_counter("stored_bytes")
        await watch.set_limits(storage_gb=stored * 1.1 / 10**9)
        await see_open(watch, context, "storage")
        await watch.set_limits(storage_gb=1)
        await see_closed(watch, context, "storage")


async def test_customers_near_and_over_their_limit(watch: Watch) -> None:
    await watch.add_channel("webhook")
    await watch.set_limits(max_customers=1)
    works = watch.works
    async with watch.worker() as context:
        customers = [await works.change("customer") for _ in range(2)]
        await works.wait_for(await works.append(works.hint(customers[0], kind="customer")))
        assert "1 de 1" in await see_open(watch, context, "customers")
        assert await watch.open_names() == ["customers"]
        await works.wait_for(await works.append(works.hint(customers[1], kind="customer")))
        await works.wait_for_rest()
        assert "1 quedan en espera" in await see_open(watch, context, "customers_over")
        await watch.set_limits(max_customers=9)
        await enqueue_waiting(context.database, context.keyring, context.queue, context.settings, ACME)

        async def are_in() -> bool:
            return await works.read_counter("customers") == 2

        await until(are_in)
        await works.wait_for_rest()
        await see_closed(watch, context, "customers_over")
        assert await watch.open_names() == []


async def test_dead_letters_that_rise(watch: Watch) -> None:
    await watch.add_channel("webhook")
    works = watch.works
    await works.superuser.execute(f"INSERT INTO alert_rules VALUES ({ACME}, 'dead_letters', true, 0)")
    async with watch.worker() as context:
        order = await works.change_order(items=[{"id": "1", "quantity": 1, "price": 10.5}])
        [dead] = await works.append(works.hint(order))
        await works.wait_for([dead])
        await see_open(watch, context, "dead_letters")
        alert = await watch.find_open("dead_letters")
        assert alert.details["example"] == {"event_id": dead, "kind": "order", "reason": "unmappable"}
        assert dead in watch.web.calls[0].body.decode()
        await works.change_order(order.order_id, items=[{"id": "1", "quantity": 1, "price": 1_050}])
        fresh = await replay_letter(
            works.office, works.keyring, context.queue, context.settings, tenant_id=ACME, event_id=dead, actor=CLI
        )
        await works.wait_for([fresh])
        await works.superuser.execute("UPDATE event_minutes SET minute = minute - interval '5 hours'")
        await see_closed(watch, context, "dead_letters")


async def test_credentials_that_are_refused(watch: Watch) -> None:
    await watch.add_channel("webhook")
    works = watch.works
    async with watch.worker(postpone_s=600) as context:
        await works.sandbox.put_account(works.accounts[ACME], **OTHERS, replaces_keys=True)
        ids = await works.append(works.hint(await works.change_order()))

        async def are_refused() -> bool:
            status = await works.superuser.fetchval(
                "SELECT status FROM tenant_integrations WHERE tenant_id = $1 AND integration_id = 1", ACME
            )
            return bool(status == "credentials_refused")

        await until(are_refused)
        await see_open(watch, context, "credentials_refused")
        assert (await watch.find_open("credentials_refused")).integration_id == f"int_{ACME}_{VTEX}"
        sealed = seal_credentials(await works.keys_of(ACME), "vtex", works.accounts[ACME], OTHERS)
        async with works.database.tenant_tx(ACME, "test") as connection:
            await set_credentials(connection, ACME, VTEX, sealed)
        await works.wait_for(ids)
        await see_closed(watch, context, "credentials_refused")


async def test_credentials_that_expire_soon(watch: Watch) -> None:
    await watch.add_channel("webhook")
    await watch.set_integration(credentials_expire_at=datetime.now(UTC) + 13 * DAY)
    async with watch.worker() as context:
        assert "quedan 13 días" in await see_open(watch, context, "credentials_expiring")
        await watch.set_integration(credentials_expire_at=datetime.now(UTC) + 15 * DAY)
        await watch.look(context)
        assert await watch.open_names() == ["credentials_expiring"]
        await watch.set_integration(credentials_expire_at=datetime.now(UTC) + 90 * DAY)
        await see_closed(watch, context, "credentials_expiring")


async def test_a_hook_that_is_silent(watch: Watch, receiver: Receiver) -> None:
    await watch.add_channel("webhook")
    hooks = Hooks(watch.works, f"http://127.0.0.1:{receiver.port}", dict(watch.settings))
    async with hooks.worker() as context:
        await stand_since(hooks, context)
        await tell(hooks, datetime.now(UTC) - HOUR)
        assert context.watchdog is not None
        await context.watchdog.run_turn()
        await see_open(watch, context, "hook_silent")
        works = watch.works
        await works.wait_for(await works.append(works.hint(await works.change_order())))
        await context.watchdog.run_turn()
        await see_closed(watch, context, "hook_silent")


async def test_events_that_wait_longer_than_a_minute(watch: Watch) -> None:
    await watch.add_channel("webhook")
    works = watch.works
    order = await works.change_order()
    ids = await works.append(works.hint(order))
    key = f"t:{ACME}:events"
    [(entry, fields)] = await works.redis.xrange(key)
    # As time would have brought it: a stream takes no entry that is older than its last.
    await works.redis.delete(key)
    await works.redis.xadd(key, fields, id=f"{int(entry.split(b'-')[0]) - 90_000}-0")
    async with watch.idle_worker() as context:
        text = await see_open(watch, context, "queue_waiting")
        assert "90 segundos" in text or "91 segundos" in text or "92 segundos" in text
    async with watch.worker() as context:
        await works.wait_for(ids)
        await see_closed(watch, context, "queue_waiting")


async def test_an_objective_whose_budget_burns(watch: Watch) -> None:
    await watch.add_channel("webhook")
    works = watch.works
    late = datetime.now(UTC) - timedelta(seconds=90)
    orders = [await works.change_order() for _ in range(2)]
    async with watch.worker(objective_late_min=2) as context:
        await works.wait_for(await works.append(*(works.hint(order.order_id, stamp=late) for order in orders)))
        text = await see_open(watch, context, "freshness_burns_fast")
        assert "2 llegaron tarde" in text
        assert "99" in text
        # As time would have brought it: hours later, and nothing was late meanwhile.
        await works.superuser.execute("UPDATE event_minutes SET minute = minute - interval '5 hours'")
        await jobs.roll_up_series({"drain": context})
        await see_closed(watch, context, "freshness_burns_fast")
        await see_open(watch, context, "freshness_burns_slowly")
        await works.superuser.execute("UPDATE objective_states SET h6_late = 0")
        await see_closed(watch, context, "freshness_burns_slowly")


async def test_a_trial_that_ends(watch: Watch) -> None:
    await watch.add_channel("webhook")
    await watch.set_tenant(type="trial", trial_ends_at=datetime.now(UTC) + 6 * DAY)
    async with watch.worker() as context:
        assert "6 días" in await see_open(watch, context, "trial_ending")
        await watch.set_tenant(trial_ends_at=datetime.now(UTC) + 30 * DAY)
        await see_closed(watch, context, "trial_ending")


async def test_backups_that_are_missing_and_unverified(watch: Watch) -> None:
    await watch.add_channel("webhook", PLATFORM)
    async with watch.worker(backup_max_age_h=26, backup_verify_days=35) as context:
        await watch.look_at_platform(context)
        await watch.look_at_platform(context)
        assert await watch.open_names(PLATFORM) == ["backup_missing", "backup_unverified"]
        assert (await watch.find_open("backup_missing", PLATFORM)).details["kinds"] == ["data", "keys", "keystore"]
        assert await watch.send(context) == 2
        now = datetime.now(UTC)
        for kind in ("data", "keys", "keystore"):
            report = NewBackupReport(kind=kind, verified_at=now if kind != "keystore" else None)
            await report_backup(watch.office, report, actor=CLI)
        await watch.look_at_platform(context)
        assert await watch.open_names(PLATFORM) == ["backup_unverified"]
        assert (await watch.find_open("backup_unverified", PLATFORM)).details["kinds"] == ["keystore"]
        await report_backup(watch.office, NewBackupReport(kind="keystore", verified_at=now), actor=CLI)
        await watch.look_at_platform(context)
        assert await watch.open_names(PLATFORM) == []
        watch.web.calls.clear()
        assert await watch.send(context) == 2
        assert {call.json["type"] for call in watch.web.calls} == {"alert.closed"}
        watch.after = 27 * HOUR
        await watch.look_at_platform(context)
        assert await watch.open_names(PLATFORM) == ["backup_missing"]


async def test_backups_are_not_watched_where_nobody_asked_for_it(watch: Watch) -> None:
    async with watch.worker() as context:
        await watch.look_at_platform(context)
        assert await watch.open_names(PLATFORM) == []


async def test_a_queue_that_lost_its_memory(watch: Watch) -> None:
    await watch.add_channel("webhook", PLATFORM)
    async with watch.worker() as context:
        for _ in range(5):
            assert not await notice_lost_memory(context)
        await watch.works.redis.flushall()
        assert await notice_lost_memory(context)
        await watch.look_at_platform(context)
        assert await watch.open_names(PLATFORM) == ["queue_memory_lost"]
        for tenant_id in (ACME, GLOBEX):
            await watch.works.superuser.execute("DELETE FROM gaps WHERE tenant_id = $1", tenant_id)
        await watch.look_at_platform(context)
        assert await watch.open_names(PLATFORM) == []
        await watch.send(context)
        assert [call.json["type"] for call in watch.web.calls] == ["alert.opened", "alert.closed"]


async def test_a_paused_integration_and_a_tenant_that_is_not_served_are_watched_no_more(watch: Watch) -> None:
    await watch.add_channel("webhook")
    await watch.set_integration(created_at=datetime.now(UTC) - 9 * HOUR)
    async with watch.worker() as context:
        await watch.look(context)
        assert await watch.open_names() == ["sync_late"]
        await pause_integration(watch.office, ACME, VTEX, actor=Actor("cli", "test"))
        await watch.look(context)
        assert await watch.open_names() == []
        await watch.send(context)
        assert [call.json["data"]["closed_because"] for call in watch.web.calls] == [None, "unwatched"]
        await resume_integration(watch.office, ACME, VTEX, HookChoice(), actor=CLI)
        await watch.look(context)
        assert await watch.open_names() == ["sync_late"]
        await watch.set_tenant(status="suspended")
        await watch.look(context)
        assert await watch.open_names() == []

"""How often somebody is told: once, again after a time, not once acknowledged, and never twice by two rounds."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from app.core.errors import ConflictError, InvalidInputError, NotFoundError
from app.services.alert_cleaning import forget_old_alerts
from app.services.alert_views import (
    acknowledge_alert,
    change_alert_rule,
    list_alert_rules,
    list_alerts,
    snooze_alert,
    unsnooze_alert,
)
from app.services.alerts import evaluate_alerts, tell_open_alerts
from app.services.tenant_facts import read_all_facts
from schemas.alerts import RuleChange, Snooze
from tests.integration.alerts.conftest import CLI, Watch
from tests.integration.workers.works import ACME, GLOBEX

HOUR = timedelta(hours=1)


async def make_late(watch: Watch, tenant_id: int = ACME) -> None:
    await watch.set_integration(tenant_id, created_at=datetime.now(UTC) - 12 * HOUR)


async def mend(watch: Watch, tenant_id: int = ACME) -> None:
    await watch.set_integration(tenant_id, created_at=datetime.now(UTC))


def list_types(watch: Watch) -> list[str]:
    return [call.json["type"].removeprefix("alert.") for call in watch.web.calls]


async def test_it_is_told_once_again_after_a_day_and_closed_with_a_recovery(watch: Watch) -> None:
    await watch.add_channel("webhook")
    await make_late(watch)
    async with watch.idle_worker() as context:
        for hours in (0, 1, 23, 24.1, 25, 48.3):
            watch.after = hours * HOUR
            await watch.look(context)
        await watch.send(context)
        assert list_types(watch) == ["opened", "repeated", "repeated"]
        assert watch.web.calls[2].json["data"]["repeats"] == 2
        await mend(watch)
        watch.after = 49 * HOUR
        await watch.look(context)
        await watch.look(context)
        await watch.send(context)
    assert list_types(watch) == ["opened", "repeated", "repeated", "closed"]
    assert len({call.headers["webhook-id"] for call in watch.web.calls}) == 4
    [alert] = (await list_alerts(watch.office, ACME, "closed", 10)).data
    told = await watch.get(alert.alert_id)
    assert [(one.occasion, one.state) for one in told.deliveries] == [
        ("opened", "sent"), ("repeated", "sent"), ("repeated", "sent"), ("closed", "sent"),
    ]  # fmt: skip


async def test_what_is_critical_is_told_again_after_six_hours(watch: Watch) -> None:
    await watch.add_channel("webhook")
    await watch.set_integration(status="credentials_refused")
    async with watch.idle_worker() as context:
        for hours in (0, 5, 6.1, 8, 12.3):
            watch.after = hours * HOUR
            await watch.look(context)
        await watch.send(context)
    assert list_types(watch) == ["opened", "repeated", "repeated"]


async def test_an_acknowledged_one_is_not_told_again_but_that_it_recovered(watch: Watch) -> None:
    await watch.add_channel("webhook")
    await make_late(watch)
    async with watch.idle_worker() as context:
        await watch.look(context)
        alert = await watch.find_open("sync_late")
        shown = await acknowledge_alert(watch.office, ACME, alert.alert_id, actor=CLI)
        again = await acknowledge_alert(watch.office, ACME, alert.alert_id, actor=CLI)
        assert (shown.acknowledged_by, again.acknowledged_at) == ("cli:test", shown.acknowledged_at)
        watch.after = 30 * HOUR
        await watch.look(context)
        await mend(watch)
        watch.after = 31 * HOUR
        await watch.look(context)
        await watch.send(context)
        with pytest.raises(ConflictError):
            await acknowledge_alert(watch.office, ACME, alert.alert_id, actor=CLI)
        with pytest.raises(NotFoundError):
            await acknowledge_alert(watch.office, GLOBEX, alert.alert_id, actor=CLI)
    assert list_types(watch) == ["opened", "closed"]
    actions = await watch.works.superuser.fetch("SELECT action, actor_id FROM audit_entries WHERE tenant_id = $1", ACME)
    assert [tuple(row) for row in actions if row["action"] == "alert.acknowledged"] == [("alert.acknowledged", "test")]


async def test_a_snoozed_one_is_silent_until_its_time_and_told_then(watch: Watch) -> None:
    await watch.add_channel("webhook")
    await make_late(watch)
    async with watch.idle_worker() as context:
        await watch.look(context)
        alert = await watch.find_open("sync_late")
        until = datetime.now(UTC) + 40 * HOUR
        shown = await snooze_alert(watch.office, ACME, alert.alert_id, Snooze(until=until), actor=CLI)
        assert shown.snoozed_until == until
        for hours in (30, 39):
            watch.after = hours * HOUR
            await watch.look(context)
        await watch.send(context)
        assert list_types(watch) == ["opened"]
        watch.after = 41 * HOUR
        await watch.look(context)
        await watch.send(context)
        assert list_types(watch) == ["opened", "repeated"]
        await unsnooze_alert(watch.office, ACME, alert.alert_id, actor=CLI)
        for snooze in (Snooze(until=datetime.now(UTC) - HOUR), Snooze(until=datetime.now(UTC) + 24 * 91 * HOUR)):
            with pytest.raises(InvalidInputError):
                await snooze_alert(watch.office, ACME, alert.alert_id, snooze, actor=CLI)


async def test_what_recovers_while_it_is_snoozed_says_nothing(watch: Watch) -> None:
    await watch.add_channel("webhook")
    await make_late(watch)
    async with watch.idle_worker() as context:
        await watch.look(context)
        alert = await watch.find_open("sync_late")
        await snooze_alert(watch.office, ACME, alert.alert_id, Snooze(minutes=600), actor=CLI)
        await mend(watch)
        await watch.look(context)
        await watch.send(context)
    assert list_types(watch) == ["opened"]
    assert await watch.open_names() == []


async def test_two_rounds_at_once_open_tell_and_close_once(watch: Watch) -> None:
    await watch.add_channel("webhook")
    await make_late(watch)

    async def look_together() -> None:
        now = datetime.now(UTC) + watch.after
        facts = await read_all_facts(one.database, one.queue, one.settings)
        await asyncio.gather(
            *(evaluate_alerts(other.database, other.settings, facts, now) for other in (one, two) for _ in range(4))
        )

    async with watch.idle_worker() as one, watch.idle_worker() as two:
        await look_together()
        watch.after = 25 * HOUR
        await look_together()
        await mend(watch)
        watch.after = 26 * HOUR
        await look_together()
        await asyncio.gather(*(watch.send(context) for context in (one, two, one, two)))
    assert sorted(list_types(watch)) == ["closed", "opened", "repeated"]
    assert await watch.works.superuser.fetchval("SELECT count(*) FROM alerts") == 1


async def test_a_slow_round_undoes_nothing_that_newer_facts_said(watch: Watch) -> None:
    async with watch.idle_worker() as context:
        before = datetime.now(UTC)
        good = await read_all_facts(context.database, context.queue, context.settings)
        await make_late(watch)
        bad = await read_all_facts(context.database, context.queue, context.settings)
        await watch.look(context)
        await evaluate_alerts(context.database, context.settings, good, before)
        assert await watch.open_names() == ["sync_late"], "not closed by older facts"
        middle = datetime.now(UTC)
        await mend(watch)
        await watch.look(context)
        assert await watch.open_names() == []
        await evaluate_alerts(context.database, context.settings, bad, middle)
        assert await watch.open_names() == [], "not opened again by older facts"


async def test_who_gets_a_channel_later_is_told_of_what_is_open(watch: Watch) -> None:
    await make_late(watch)
    async with watch.idle_worker() as context:
        await watch.look(context)
        assert (await watch.find_open("sync_late")).notified_at is None
        await watch.add_channel("webhook")
        await watch.look(context)
        await watch.look(context)
        await watch.send(context)
    assert list_types(watch) == ["opened"]


async def test_what_nobody_was_told_of_recovers_without_a_word(watch: Watch) -> None:
    await make_late(watch)
    async with watch.idle_worker() as context:
        await watch.look(context)
        await mend(watch)
        await watch.add_channel("webhook")
        await watch.look(context)
        assert await watch.send(context) == 0


async def test_channels_choose_by_severity_and_rule(watch: Watch) -> None:
    await watch.add_channel("webhook", min_severity="critical", url=f"{watch.web.url}/critical")
    await watch.add_channel("webhook", rules=["sync_late"], url=f"{watch.web.url}/late")
    await watch.add_channel("webhook", is_enabled=False, url=f"{watch.web.url}/off")
    await watch.add_channel("webhook", GLOBEX, url=f"{watch.web.url}/globex")
    await watch.set_integration(created_at=datetime.now(UTC) - 12 * HOUR, status="credentials_refused")
    async with watch.idle_worker() as context:
        await watch.look(context)
        await watch.send(context)
    told = sorted((call.path, call.json["data"]["rule"]) for call in watch.web.calls)
    assert told == [("/critical", "credentials_refused"), ("/late", "sync_late")]
    with pytest.raises(InvalidInputError):
        await watch.add_channel("webhook", rules=["backup_missing"])


async def test_thresholds_are_each_tenants_own_and_a_rule_can_be_switched_off(watch: Watch) -> None:
    for tenant_id in (ACME, GLOBEX):
        await make_late(watch, tenant_id)
    changed = await change_alert_rule(watch.office, ACME, "sync_late", RuleChange(threshold=24.0), actor=CLI)
    assert (changed.threshold, changed.default_threshold) == (24, 6)
    async with watch.idle_worker() as context:
        await watch.look(context)
        assert (await watch.open_names(), await watch.open_names(GLOBEX)) == ([], ["sync_late"])
        await change_alert_rule(watch.office, GLOBEX, "sync_late", RuleChange(is_enabled=False), actor=CLI)
        await watch.look(context)
        assert await watch.open_names(GLOBEX) == []
    rules = {rule.rule: rule for rule in await list_alert_rules(watch.office, ACME)}
    assert rules["sync_late"].threshold == 24
    assert rules["storage"].closes_at == 76
    for name, threshold in (("sync_late", 1_000.0), ("sync_late", 0.5), ("customers_over", 5.0)):
        with pytest.raises(InvalidInputError):
            await change_alert_rule(watch.office, ACME, name, RuleChange(threshold=threshold), actor=CLI)
    with pytest.raises(NotFoundError):
        await change_alert_rule(watch.office, ACME, "backup_missing", RuleChange(), actor=CLI)


async def test_closed_alerts_and_their_messages_are_forgotten_after_their_time(watch: Watch) -> None:
    await watch.add_channel("webhook")
    await make_late(watch)
    async with watch.idle_worker() as context:
        await watch.look(context)
        await mend(watch)
        await watch.look(context)
        await watch.send(context)
        await watch.set_integration(status="credentials_refused")
        await watch.look(context)
        await watch.send(context)
        now = datetime.now(UTC)
        await forget_old_alerts(context.database, context.settings, now + 89 * 24 * HOUR)
        assert await count(watch, "alerts") == (2, 3)
        await forget_old_alerts(context.database, context.settings, now + 91 * 24 * HOUR)
        assert await count(watch, "alerts") == (1, 0)
        assert await watch.open_names() == ["credentials_refused"]


async def count(watch: Watch, table: str) -> tuple[int, int]:
    superuser = watch.works.superuser
    rows = await superuser.fetchval(f"SELECT count(*) FROM {table}")
    return rows, await superuser.fetchval("SELECT count(*) FROM alert_deliveries")


async def test_a_tenants_fault_keeps_no_other_from_its_turn(watch: Watch) -> None:
    for tenant_id in (ACME, GLOBEX):
        await make_late(watch, tenant_id)
    await watch.works.superuser.execute("ALTER TABLE alerts ADD CONSTRAINT broken CHECK (tenant_id <> 56)")
    async with watch.idle_worker() as context:
        await watch.look(context)
    assert (await watch.open_names(), await watch.open_names(GLOBEX)) == ([], ["sync_late"])


async def test_a_list_goes_on_behind_its_cursor_and_shows_no_neighbour(watch: Watch) -> None:
    await watch.set_integration(GLOBEX, status="credentials_refused")
    async with watch.idle_worker() as context:
        for _ in range(3):
            await make_late(watch)
            await watch.look(context)
            await mend(watch)
            await watch.look(context)
    first = await list_alerts(watch.office, ACME, None, 2)
    rest = await list_alerts(watch.office, ACME, None, 2, first.next_cursor)
    found = [*first.data, *rest.data]
    assert [alert.rule for alert in found] == ["sync_late"] * 3
    assert rest.next_cursor is None
    assert sorted({alert.alert_id for alert in found}, reverse=True) == [alert.alert_id for alert in found]
    assert [alert.rule for alert in (await list_alerts(watch.office, GLOBEX, "open", 9)).data] == [
        "credentials_refused"
    ]


async def test_every_process_tells_how_many_are_open(watch: Watch) -> None:
    def read(rule: str) -> float | None:
        return REGISTRY.get_sample_value("acequia_alerts_open", {"rule": rule, "severity": "warning"})

    for tenant_id in (ACME, GLOBEX):
        await make_late(watch, tenant_id)
    async with watch.idle_worker() as one, watch.idle_worker() as other:
        await watch.look(one)
        await tell_open_alerts(other.database)
        assert (read("sync_late"), read("storage")) == (2, 0)
        await mend(watch)
        await watch.look(one)
        await tell_open_alerts(other.database)
        assert read("sync_late") == 1

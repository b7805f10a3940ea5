"""Syncs that begin by themselves: when, what, and once, whoever looks and whatever was missed."""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.connectors.frequency import parse_frequency
from app.services.schedule_times import find_next_moment, find_shift
from app.services.sync_schedules import start_due_syncs
from db.sync_runs import list_run_streams
from db.sync_schedules import list_due
from tests.integration.db.cast import ACME, GLOBEX
from tests.integration.syncs.conftest import HOUR, MINUTE, NOW, World

DAY = timedelta(days=1)


def find_expected(world: World, tenant_id: int, frequency: str, zone: str, after: datetime) -> datetime:
    most_s = {"hourly": world.settings.sync_jitter_hourly_s, "daily": world.settings.sync_jitter_daily_s}
    shift = find_shift(tenant_id, 1, most_s.get(frequency, world.settings.sync_jitter_cron_s))
    return find_next_moment(parse_frequency(frequency), ZoneInfo(zone), after - shift) + shift


async def look(world: World, now: datetime) -> int:
    return await start_due_syncs(world.syncer, world.settings, now)


async def describe_runs(world: World, tenant_id: int = ACME) -> list[tuple[str, str, set[str]]]:
    runs = await world.list_runs(tenant_id)
    async with world.web.tenant_tx(tenant_id, "test") as connection:
        streams = await list_run_streams(connection, tenant_id, [run.run_id for run in runs])
    return [(run.kind, run.trigger, {one.stream for one in streams[run.run_id]}) for run in runs]


async def test_a_schedule_is_reckoned_in_the_tenants_time_zone_and_what_was_missed_runs_once(world: World) -> None:
    zone = "America/Sao_Paulo"
    await world.change_tenant(settings=f'{{"timezone": "{zone}"}}')
    await world.change_integration(sync_frequency="daily")
    await world.note_whole()
    assert await look(world, NOW) == 0
    first = await world.find_next()
    assert first == find_expected(world, ACME, "daily", zone, NOW)
    assert 3 <= first.astimezone(ZoneInfo(zone)).hour < 5
    assert await look(world, first - MINUTE) in {0, 1}, "globex's hourly one"
    assert await world.list_runs() == []
    late = first + 3 * DAY + HOUR
    await look(world, late)
    assert [(run.kind, run.trigger, run.requested_by) for run in await world.list_runs()] == [
        ("incremental", "schedule", "system:schedule")
    ]
    assert await world.find_next() == first + 4 * DAY
    await look(world, late + MINUTE)
    assert len(await world.list_runs()) == 1


async def test_any_number_of_syncers_start_each_due_sync_once(world: World) -> None:
    await world.note_whole(ACME)
    await world.note_whole(GLOBEX)
    assert await look(world, NOW) == 0
    started = await asyncio.gather(*(look(world, NOW + 2 * HOUR) for _ in range(8)))
    assert sum(started) == 2
    assert len(await world.list_runs(ACME)) == len(await world.list_runs(GLOBEX)) == 1


async def test_what_was_never_listed_whole_is_and_the_rest_as_usual(world: World) -> None:
    await world.note_whole(ACME, "orders")
    await look(world, NOW)
    await look(world, NOW + 2 * HOUR)
    assert await describe_runs(world) == [("full", "creation", {"customers"}), ("incremental", "schedule", {"orders"})]
    # They go on: nothing is asked for a second time.
    assert await look(world, NOW + 4 * HOUR) == 2
    assert len(await world.list_runs()) == 2
    await world.end_runs()
    await world.note_whole(ACME, "customers")
    await look(world, NOW + 6 * HOUR)
    assert (await describe_runs(world))[2:] == [("incremental", "schedule", {"orders", "customers"})]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_a_first_sync_that_came_to_nothing_begins_again_a_day_later(world: World, status: str) -> None:
    await world.note_whole(ACME, "orders")
    await look(world, NOW)
    await look(world, NOW + 2 * HOUR)
    await world.end_runs(status, NOW + 3 * HOUR)
    for hours in range(4, 8):
        await look(world, NOW + hours * HOUR)
    assert (await describe_runs(world))[2:] == [("incremental", "schedule", {"orders"})]
    await look(world, NOW + 28 * HOUR)
    assert (await describe_runs(world))[3:] == [("full", "creation", {"customers"})]


@pytest.mark.parametrize("is_of", ["integration", "credentials", "tenant"])
async def test_nothing_begins_while_it_must_not_and_the_missed_one_begins_once_then(world: World, is_of: str) -> None:
    await world.note_whole()
    await look(world, NOW)
    status = {"integration": "paused", "credentials": "credentials_refused", "tenant": "suspended"}[is_of]
    change = world.change_tenant if is_of == "tenant" else world.change_integration
    await change(status=status)
    for hours in range(2, 6):
        await look(world, NOW + hours * HOUR)
    assert await world.list_runs() == []
    missed = await world.find_next()
    assert missed is not None
    assert missed < NOW + 2 * HOUR
    await change(status="active")
    await look(world, NOW + 6 * HOUR)
    await look(world, NOW + 6 * HOUR + MINUTE)
    assert len(await world.list_runs()) == 1


async def test_another_frequency_or_time_zone_reckons_anew(world: World) -> None:
    await look(world, NOW)
    hourly = await world.find_next()
    assert hourly == find_expected(world, ACME, "hourly", "America/Argentina/Buenos_Aires", NOW)
    await world.change_integration(sync_frequency="30 22 * * *")
    await look(world, NOW)
    assert await world.find_next() == find_expected(world, ACME, "30 22 * * *", "America/Argentina/Buenos_Aires", NOW)
    await world.change_tenant(settings='{"timezone": "America/Mexico_City"}')
    await look(world, NOW)
    there = await world.find_next()
    assert there == find_expected(world, ACME, "30 22 * * *", "America/Mexico_City", NOW)
    assert there.astimezone(ZoneInfo("America/Mexico_City")).strftime("%H:%M") >= "22:30"


async def test_without_auto_sync_nothing_begins_and_switching_it_on_reckons_anew(world: World) -> None:
    await world.note_whole()
    await look(world, NOW)
    await world.change_integration(auto_sync=False)
    assert await look(world, NOW + 5 * HOUR) == 1, "globex's"
    assert await world.find_next() is None
    await world.change_integration(auto_sync=True)
    await look(world, NOW + 5 * HOUR)
    assert await world.list_runs() == []
    following = await world.find_next()
    assert following is not None
    assert following > NOW + 5 * HOUR


async def test_what_cannot_be_listed_has_no_schedule(world: World) -> None:
    await world.change_integration(GLOBEX, sealed_credentials=None)
    await look(world, NOW)
    rows = await world.superuser.fetch("SELECT tenant_id, integration_id FROM sync_schedules")
    assert [tuple(row) for row in rows] == [(ACME, 1)]


async def test_one_that_cannot_be_started_keeps_no_other_from_its_turn(world: World) -> None:
    await world.note_whole(ACME)
    await world.note_whole(GLOBEX)
    await look(world, NOW)
    await world.superuser.execute(
        "ALTER TABLE sync_runs ADD CONSTRAINT broken CHECK (tenant_id <> $1) NOT VALID".replace("$1", str(ACME))
    )
    assert await look(world, NOW + 2 * HOUR) == 1
    assert (len(await world.list_runs(ACME)), len(await world.list_runs(GLOBEX))) == (0, 1)
    await world.superuser.execute("ALTER TABLE sync_runs DROP CONSTRAINT broken")
    assert await look(world, NOW + 2 * HOUR) == 1
    assert len(await world.list_runs(ACME)) == 1


async def test_one_look_starts_as_many_as_it_may_and_the_next_goes_on(world: World) -> None:
    await look(world, NOW)
    few = world.settings.model_copy(update={"sync_starts_max": 1})
    assert [await start_due_syncs(world.syncer, few, NOW + 2 * HOUR) for _ in range(3)] == [1, 1, 0]
    assert await list_due(world.syncer, NOW + 2 * HOUR, 10) == []

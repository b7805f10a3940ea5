"""The view `tenant_health` against the facts, and both against what one reckons by hand."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.connectors.frequency import parse_frequency
from db.health import HealthRow, list_health
from tests.integration.health.conftest import ACME, GLOBEX, Ward

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
ZONES = ("America/Argentina/Buenos_Aires", "America/Sao_Paulo", "UTC")
FREQUENCIES = ("hourly", "daily", "weekly", "*/20 * * * *", "15 9 * * 1-5", "0 0 1 * *")
WORST_FIRST = ("critical", "warning", "unknown", "healthy", "paused")


async def see(ward: Ward, tenant_id: int | None = None, **page: Any) -> dict[int, HealthRow]:
    """As web sees it: all, as the platform; or as a tenant."""
    asked = {"after": (0, 0), "limit": 1_000, **page}
    scope = ward.web.platform_tx("test") if tenant_id is None else ward.web.tenant_tx(tenant_id, "test")
    async with scope as connection:
        rows = await list_health(connection, None, **asked)
    return {row.tenant_id: row for row in rows}


def reckon(fields: dict[str, Any], zone: str, created_at: datetime, now: datetime) -> str:
    """The health of one integration, a minute at a time."""
    if fields["status"] == "paused":
        return "paused"
    if fields["status"] == "credentials_refused":
        return "critical"
    last_sync, frequency = fields["last_sync"], fields["sync_frequency"]
    since = last_sync or created_at
    if not fields["auto_sync"] and fields["hook_status"] != "registered":
        return "healthy" if last_sync and now - last_sync <= 24 * HOUR else "unknown"
    if fields["hook_status"] == "registered" or frequency == "hourly":
        late = now - since
    else:
        late = now - find_due(frequency, zone, since)
    if late <= 2 * HOUR:
        return "unknown" if last_sync is None else "healthy"
    return "warning" if late <= 24 * HOUR else "critical"


def find_due(frequency: str, zone: str, since: datetime) -> datetime:
    schedule, moment = parse_frequency(frequency), since.replace(second=0, microsecond=0)
    while True:
        moment += MINUTE
        wall = moment.astimezone(ZoneInfo(zone))
        fits = (
            wall.minute in schedule.minutes and wall.hour in schedule.hours and wall.day in schedule.days
            and wall.month in schedule.months and wall.isoweekday() % 7 in schedule.weekdays
        )  # fmt: skip
        if fits:
            return moment


@pytest.mark.parametrize("seed", range(3))
async def test_view_and_facts_say_what_one_reckons_by_hand(ward: Ward, seed: int) -> None:
    random, now = Random(seed), datetime.now(UTC)
    ward.settings = ward.settings.model_copy(
        update={"sync_jitter_hourly_s": 0, "sync_jitter_daily_s": 0, "sync_jitter_cron_s": 0}
    )
    expected: dict[int, dict[int, str]] = {}
    for tenant_id in range(100, 125):
        zone = random.choice(ZONES)
        await ward.add_tenant(tenant_id, settings=f'{{"timezone": "{zone}"}}')
        expected[tenant_id] = {}
        for integration_id in range(1, random.randint(1, 5)):
            # Never so near a limit that the time this takes would matter.
            age = timedelta(minutes=random.choice([3, 70, 115, 125, 400, 1_435, 1_445, 4_000, 15_000]), seconds=30)
            fields: dict[str, Any] = {
                "status": random.choice(["active"] * 6 + ["paused", "credentials_refused"]),
                "sync_frequency": random.choice(FREQUENCIES),
                "auto_sync": random.random() < 0.85,
                "hook_status": random.choice(["none", "none", "registered", "foreign"]),
                "last_sync": None if random.random() < 0.15 else now - age,
            }
            created_at = now - age - HOUR
            await ward.add_integration(tenant_id, integration_id, created_at=created_at, **fields)
            expected[tenant_id][integration_id] = reckon(fields, zone, created_at, now)
    facts, seen = await ward.watch(), await see(ward)
    assert {
        tenant_id: {one.integration_id: one.health for one in found.integrations} for tenant_id, found in facts.items()
    } == expected
    for tenant_id, healths in expected.items():
        worst = min(healths.values(), key=WORST_FIRST.index, default="unknown")
        named = facts[tenant_id].worst
        assert (facts[tenant_id].health, seen[tenant_id].health) == (worst, worst)
        assert seen[tenant_id].worst_integration_id == (named and named.integration_id)
        assert seen[tenant_id].last_sync == (named and named.last_sync_at)
    assert list(seen) == sorted(seen, key=lambda one: (WORST_FIRST.index(seen[one].health), one))
    assert len({one for healths in expected.values() for one in healths.values()}) == len(WORST_FIRST)


async def test_joins_do_not_multiply(ward: Ward) -> None:
    now = datetime.now(UTC)
    for tenant_id in (ACME, GLOBEX):
        await ward.add_tenant(tenant_id)
    for integration_id in (1, 2, 3):
        await ward.add_integration(ACME, integration_id)
        for number, writer in enumerate(("live", "bulk", "api")):
            await ward.note(ACME, integration_id, now - number * HOUR, writer)
    await ward.superuser.execute(
        f"INSERT INTO counters VALUES ({ACME}, 'customers', 'live', 30), ({ACME}, 'customers', 'bulk', 11),"
        f" ({ACME}, 'orders', 'live', 5), ({GLOBEX}, 'customers', 'live', 7)"
    )
    await ward.watch()
    async with ward.web.platform_tx("test") as connection:
        rows = await list_health(connection, None, after=(0, 0), limit=10)
    assert [(row.tenant_id, row.customers, row.health) for row in rows] == [
        (GLOBEX, 7, "unknown"), (ACME, 41, "healthy"),
    ]  # fmt: skip
    assert rows[1].last_sync == now, "the last of its writers"


async def test_the_view_says_what_happened_since_the_last_look(ward: Ward) -> None:
    now = datetime.now(UTC)
    await ward.add_tenant(ACME)
    await ward.add_integration(ACME, 1, sync_frequency="weekly", last_sync=now - timedelta(days=9))
    await ward.watch()
    assert (await see(ward))[ACME].health == "critical"
    await ward.note(ACME, 1, datetime.now(UTC), "bulk")
    assert (await see(ward))[ACME].health == "healthy", "a sync has ended meanwhile"
    await ward.superuser.execute("UPDATE tenant_integrations SET status = 'credentials_refused'")
    assert (await see(ward))[ACME].health == "critical"
    await ward.superuser.execute("UPDATE tenant_integrations SET status = 'paused'")
    assert (await see(ward))[ACME].health == "paused"
    await ward.superuser.execute("UPDATE tenant_integrations SET status = 'active'")
    await ward.superuser.execute("UPDATE tenants SET status = 'suspended'")
    assert (await see(ward))[ACME].health == "paused"
    assert (await ward.read())[ACME].health == "paused"


async def test_before_the_first_look_age_alone_is_known(ward: Ward) -> None:
    now = datetime.now(UTC)
    await ward.add_tenant(ACME)
    await ward.add_integration(ACME, 1, last_sync=now - 3 * HOUR)
    assert (await see(ward))[ACME].health == "warning"


async def test_a_tenant_sees_itself_and_pages_see_all_once(ward: Ward) -> None:
    now = datetime.now(UTC)
    for number, tenant_id in enumerate((ACME, GLOBEX, 58, 59)):
        await ward.add_tenant(tenant_id)
        await ward.add_integration(tenant_id, 1, last_sync=now - (number % 2) * 5 * HOUR)
    await ward.watch()
    assert list(await see(ward, ACME)) == [ACME]
    assert list(await see(ward, GLOBEX)) == [GLOBEX]
    pages, after = [], (0, 0)
    while found := await see(ward, after=after, limit=3):
        pages.append(list(found))
        last = found[pages[-1][-1]]
        after = last.place, last.tenant_id
    assert pages == [[GLOBEX, 59, ACME], [58]]

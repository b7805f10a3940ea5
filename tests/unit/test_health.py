"""Healthy, warning, critical, by the clock: the document's figures, counted from when each integration was due."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.core.settings import Settings
from app.services.health import Expected, Known, Rule, find_rule, find_worst, judge_health, measure_late_s, rank_badness
from app.services.tenant_facts import find_expected, find_worst_integration, judge_integrations
from db.facts import IntegrationRow
from db.tenants import Tenant
from schemas.sync_status import Health

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)  # a Tuesday; 9 o'clock in Buenos Aires
HOURS = timedelta(hours=1)
BUENOS_AIRES = ZoneInfo("America/Argentina/Buenos_Aires")
NO_JITTER = Settings(sync_jitter_hourly_s=0, sync_jitter_daily_s=0, sync_jitter_cron_s=0)


def make_tenant(**fields: Any) -> Tenant:
    tenant = Tenant(56, 1, "acme", "acme", "business", "standard", "active", {}, "shared", "normal", NOW, None)
    return tenant._replace(settings={"timezone": "America/Argentina/Buenos_Aires"}, **fields)


def make_row(**fields: Any) -> IntegrationRow:
    row = IntegrationRow(
        56, 1, "vtex", "store", "Store", "active", None, NOW - 24 * 40 * HOURS, is_synced=True,
        sync_frequency="hourly", hook_status="none", credentials_expire_at=None, last_sync_at=None, silent_since=None,
        gap_since=None, is_syncing=False,
    )  # fmt: skip
    return row._replace(**fields)


def judge(now: datetime = NOW, tenant: Tenant | None = None, **fields: Any) -> tuple[Health, float]:
    [found] = judge_integrations(tenant or make_tenant(), [make_row(**fields)], NO_JITTER, now)
    return found.health, found.late_s / 3600


@pytest.mark.parametrize("hook", ["none", "registered"])
@pytest.mark.parametrize(
    ("hours", "health"),
    [(0, "healthy"), (2, "healthy"), (2.01, "warning"), (24, "warning"), (24.01, "critical"), (24 * 9, "critical")],
)
def test_hourly_and_real_time_ones_follow_the_documents_figures_of_age(hours: float, health: str, hook: str) -> None:
    last_sync = NOW - hours * HOURS
    assert judge(last_sync_at=last_sync, hook_status=hook)[0] == health
    assert judge(last_sync_at=last_sync, hook_status="registered", is_synced=False)[0] == health


def local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=BUENOS_AIRES)


@pytest.mark.parametrize(
    ("frequency", "last_sync", "now", "health", "late_h"),
    [
        # Daily at 3 of the tenant's clock.
        ("daily", local(23, 3, 10), local(24, 2, 59), "healthy", 0),
        ("daily", local(23, 3, 10), local(24, 5), "healthy", 2),
        ("daily", local(23, 3, 10), local(24, 5, 1), "warning", 2 + 1 / 60),
        ("daily", local(23, 3, 10), local(25, 3), "warning", 24),
        ("daily", local(23, 3, 10), local(25, 3, 1), "critical", 24 + 1 / 60),
        # Missed more than once: counted from the first time, not from the last.
        ("daily", local(20, 3, 10), local(24, 3, 5), "critical", 72 + 5 / 60),
        # Weekly on Mondays: six days without a word are no lateness.
        ("weekly", local(16, 3, 30), local(22, 23), "healthy", 0),
        ("weekly", local(16, 3, 30), local(23, 4), "healthy", 1),
        ("weekly", local(16, 3, 30), local(23, 9), "warning", 6),
        ("weekly", local(16, 3, 30), local(24, 9), "critical", 30),
        # Cron: weekdays at 22:30.
        ("30 22 * * 1-5", local(20, 22, 40), local(23, 22, 29), "healthy", 0),
        ("30 22 * * 1-5", local(20, 22, 40), local(24, 0, 31), "warning", 2 + 1 / 60),
        ("*/15 * * * *", local(24, 9), local(24, 11, 14), "healthy", 2 - 1 / 60),
        ("*/15 * * * *", local(24, 9), local(24, 11, 16), "warning", 2 + 1 / 60),
    ],
)
def test_others_are_late_from_the_first_moment_of_their_schedule_that_passed(
    frequency: str, last_sync: datetime, now: datetime, health: Health, late_h: float
) -> None:
    found, late = judge(now, sync_frequency=frequency, last_sync_at=last_sync)
    assert found == health
    assert late == pytest.approx(late_h)


def test_a_schedules_own_shift_is_no_lateness() -> None:
    settings = Settings(sync_jitter_daily_s=7_200)
    row = make_row(sync_frequency="daily", last_sync_at=local(23, 9))
    due_at = find_expected(row, make_tenant(), settings).due_at
    assert due_at is not None
    assert local(24, 3) < due_at <= local(24, 5), "this integration's moment lies behind the schedule's"
    [found] = judge_integrations(make_tenant(), [row], settings, due_at + 2 * HOURS)
    assert (found.health, found.due_at) == ("healthy", due_at)


@pytest.mark.parametrize(
    ("fields", "health"),
    [
        ({"status": "paused", "last_sync_at": NOW - 900 * HOURS}, "paused"),
        ({"status": "credentials_refused", "last_sync_at": NOW}, "critical"),
        # Never current yet: unknown until it is late, and while its first sync goes on.
        ({"created_at": NOW - HOURS}, "unknown"),
        ({"created_at": NOW - 3 * HOURS}, "warning"),
        ({"created_at": NOW - 30 * HOURS}, "critical"),
        ({"created_at": NOW - 30 * HOURS, "is_syncing": True}, "unknown"),
        # Nothing brings it by itself: it is never late, and after a day nobody knows.
        ({"is_synced": False, "last_sync_at": NOW - 20 * HOURS}, "healthy"),
        ({"is_synced": False, "last_sync_at": NOW - 30 * HOURS}, "unknown"),
        ({"is_synced": False}, "unknown"),
        # A connector that lists nothing is not synced, whatever its schedule says.
        ({"connector": "brand", "last_sync_at": NOW - 30 * HOURS}, "unknown"),
    ],
)
def test_what_is_known_beside_the_clock_counts(fields: dict[str, Any], health: str) -> None:
    assert judge(**fields)[0] == health


def test_one_of_a_tenant_that_is_not_served_is_paused_and_not_late() -> None:
    tenant = make_tenant(status="suspended")
    assert judge(tenant=tenant, last_sync_at=NOW - 99 * HOURS) == ("paused", 0)
    assert judge(tenant=tenant, status="credentials_refused") == ("paused", 0)


@pytest.mark.parametrize(
    ("is_synced", "frequency", "has_hook", "rule"),
    [
        (True, "hourly", False, "age"),
        (True, "weekly", False, "schedule"),
        (True, "0 4 * * *", False, "schedule"),
        (True, "weekly", True, "age"),
        (False, "weekly", True, "age"),
        (False, "hourly", False, "none"),
    ],
)
def test_the_rule_is_that_of_what_keeps_it_current(is_synced: bool, frequency: str, has_hook: bool, rule: Rule) -> None:
    assert find_rule(is_synced=is_synced, frequency=frequency, has_hook=has_hook) == rule


def test_a_tenant_is_as_well_as_its_worst_integration_that_is_not_paused() -> None:
    assert find_worst(["healthy", "warning", "paused"]) == "warning"
    assert find_worst(["paused", "healthy"]) == "healthy"
    assert find_worst(["paused"]) == "paused"
    assert find_worst([]) == "unknown"


def test_the_worst_is_named_and_of_equals_the_one_that_was_current_longest_ago() -> None:
    rows = [
        make_row(integration_id=1, last_sync_at=NOW),
        make_row(integration_id=2, last_sync_at=NOW - 30 * HOURS),
        make_row(integration_id=3, last_sync_at=NOW - 40 * HOURS),
        make_row(integration_id=4, last_sync_at=NOW - 90 * HOURS, status="paused"),
    ]
    worst = find_worst_integration(judge_integrations(make_tenant(), rows, NO_JITTER, NOW))
    assert worst is not None
    assert (worst.integration_id, worst.health) == (3, "critical")
    assert find_worst_integration([]) is None
    assert rank_badness("critical", None, 9) < rank_badness("critical", NOW, 1)


def test_what_is_due_by_nothing_is_not_late() -> None:
    assert measure_late_s(Expected("none"), NOW) == 0
    known = Known("active", is_served=True, since=NOW, created_at=NOW)
    assert judge_health(known, Expected("age", NOW), NOW) == "healthy"

"""One cause opens one alert."""

from datetime import UTC, datetime

import pytest

from app.services.alert_findings import judge_tenant
from app.services.alert_rules import Choice, Choices
from app.services.tenant_facts import TenantFacts
from db.tenants import Tenant

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TENANT = Tenant(56, 1, "acme", "acme", "business", "standard", "active", {}, "shared", "normal", NOW, None)
OFF = {"customers_over": Choice(is_enabled=False)}


def make_facts(customers: int) -> TenantFacts:
    return TenantFacts(
        tenant=TENANT, integrations=(), health="unknown", worst=None, customers=customers, customers_max=100,
        customers_waiting=0, stored_bytes=0, storage_bytes_max=1, api_calls_today=0, api_calls_day_max=1, waiting=0,
        oldest_s=None, dead_waiting=0, dead_recently=0, events_recently=0, freshness_p50_ms=None,
        freshness_p99_ms=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("customers", "choices", "opened"),
    [(80, {}, set()), (95, {}, {"customers"}), (120, {}, {"customers_over"}),
     (120, OFF, {"customers"})],
)  # fmt: skip
def test_who_is_over_the_limit_is_not_told_to_be_near_it_too(
    customers: int, choices: Choices, opened: set[str]
) -> None:
    found = judge_tenant(make_facts(customers), choices, NOW)
    names = {one.rule.name for one in found if one.is_over}
    assert names & {"customers", "customers_over"} == opened

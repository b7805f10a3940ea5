"""A tenant's limits: its type's, and what its settings say instead."""

from typing import Any

import pytest

from app.services.tenant_limits import TENANT_TYPES, TenantLimits, find_limits
from scripts.stack.demo_tenants import BRANDS


@pytest.mark.parametrize(
    ("type_", "limits", "priority"),
    [
        ("trial", (1_000, 1_000, 10**9), "low"),
        ("business", (100_000, 10_000, 10**10), "normal"),
        ("enterprise", (10_000_000, 100_000, 10**11), "high"),
    ],
)
def test_each_type_has_the_documents_limits(type_: Any, limits: tuple[int, int, int], priority: str) -> None:
    assert find_limits(type_, {}) == TenantLimits(*limits)
    assert TENANT_TYPES[type_].processing_priority == priority


def test_settings_hold_only_what_is_other() -> None:
    assert find_limits("business", {"max_customers": 5}) == TenantLimits(5, 10_000, 10**10)
    assert find_limits("trial", {"max_api_calls_day": 200_000, "storage_gb": 0.5}) == (1_000, 200_000, 5 * 10**8)
    assert find_limits("trial", {"max_customers": 0}).max_customers == 0


@pytest.mark.parametrize("told", [None, "1000000", True, -1, float("nan"), float("inf"), [], {}])
def test_what_cannot_be_read_lifts_no_limit(told: object) -> None:
    settings = dict.fromkeys(("max_customers", "max_api_calls_day", "storage_gb"), told)
    assert find_limits("trial", settings) == find_limits("trial", {})


def test_an_unknown_type_has_the_smallest_limits() -> None:
    assert find_limits("galactic", {}) == find_limits("trial", {})


def test_the_demo_tenants_hold_overrides_and_no_copy_of_their_types_limits() -> None:
    found = {brand.tenant_id: find_limits(brand.type, brand.settings) for brand in BRANDS}
    assert found[56] == TenantLimits(1_000_000, 100_000, 10**11)
    assert found[60] == find_limits("trial", {})
    assert [brand.tenant_id for brand in BRANDS if "max_customers" in brand.settings] == [56]
    assert [brand.priority for brand in BRANDS] == ["high", "high", "high", "normal", "low"]

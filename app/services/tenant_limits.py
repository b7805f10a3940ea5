"""What each type of tenant may use, and one tenant's own limits: its type's, but for its overrides. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

GIGABYTE = 1_000_000_000


class TenantType(NamedTuple):
    max_customers: int
    max_api_calls_day: int
    storage_gb: int
    priority: str


class TenantLimits(NamedTuple):
    max_customers: int
    max_api_calls_day: int
    storage_bytes: int


# The client's table.
TENANT_TYPES: Mapping[str, TenantType] = {
    "trial": TenantType(1_000, 1_000, 1, "low"),
    "business": TenantType(100_000, 10_000, 10, "normal"),
    "enterprise": TenantType(10_000_000, 100_000, 100, "high"),
}


def find_limits(tenant_type: str, settings: Mapping[str, Any]) -> TenantLimits:
    """`settings`: the tenant's own; what they do not name is the type's."""
    of_type = TENANT_TYPES[tenant_type]
    return TenantLimits(
        int(settings.get("max_customers", of_type.max_customers)),
        int(settings.get("max_api_calls_day", of_type.max_api_calls_day)),
        int(settings.get("storage_gb", of_type.storage_gb)) * GIGABYTE,
    )

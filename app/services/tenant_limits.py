"""What a tenant may hold and use: the table of its type, and the overrides that its settings hold."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from app.core.queue_records import AheadClass

TenantType = Literal["trial", "business", "enterprise"]

GIGABYTE = 10**9
LIMIT_NAMES = ("max_customers", "max_api_calls_day", "storage_gb")


class TypeLimits(NamedTuple):
    """The document's row of one type. `processing_priority`: the class of its queue."""

    max_customers: int
    max_api_calls_day: int
    storage_gb: int
    processing_priority: AheadClass


class TenantLimits(NamedTuple):
    """What binds one tenant."""

    max_customers: int
    max_api_calls_day: int
    storage_bytes: int


TENANT_TYPES: Mapping[TenantType, TypeLimits] = {
    "trial": TypeLimits(1_000, 1_000, 1, "low"),
    "business": TypeLimits(100_000, 10_000, 10, "normal"),
    "enterprise": TypeLimits(10_000_000, 100_000, 100, "high"),
}


def find_type(name: str) -> TypeLimits:
    """The row of a type; the smallest one's for an unknown: what cannot be read must not lift a limit."""
    return TENANT_TYPES.get(name, TENANT_TYPES["trial"])  # type: ignore[call-overload, no-any-return]


def find_limits(type: str, settings: Mapping[str, Any]) -> TenantLimits:  # noqa: A002  # the client's word
    """The type's limits, with what `settings` says of `max_customers`, `max_api_calls_day` and `storage_gb` instead.

    What is no number of zero or more is no override: a limit that cannot be read must not lift the limit.
    """
    of_type = find_type(type)
    found = {name: _read_override(settings.get(name), getattr(of_type, name)) for name in LIMIT_NAMES}
    return TenantLimits(
        int(found["max_customers"]), int(found["max_api_calls_day"]), int(found["storage_gb"] * GIGABYTE)
    )


def _read_override(told: object, otherwise: int) -> int | float:
    is_number = isinstance(told, int | float) and not isinstance(told, bool)
    return told if is_number and 0 <= told < float("inf") else otherwise  # type: ignore[operator, return-value]

"""Roles and permissions: the whole table, and where a grant holds."""

import pytest

from app.services.permissions import (
    DESCRIPTIONS,
    PERMISSIONS,
    ROLE_PERMISSIONS,
    Grant,
    Permission,
    Principal,
    Role,
    may_give,
)

READS: set[Permission] = {"tenants:read", "integrations:read", "records:read", "events:read", "alerts:read"}
TABLE: dict[Role, set[Permission]] = {
    "platform_admin": set(PERMISSIONS),
    "owner": set(PERMISSIONS) - {"platform:admin"},
    "admin": set(PERMISSIONS) - {"platform:admin", "tenants:delete"},
    "operator": READS | {"integrations:operate", "events:operate", "alerts:operate"},
    "analyst": READS,
    "auditor": {"tenants:read", "audit:read", "alerts:read"},
}


def test_the_roles_hold_what_the_table_says() -> None:
    assert {role: set(held) for role, held in ROLE_PERMISSIONS.items()} == TABLE
    assert set(DESCRIPTIONS) == PERMISSIONS


def test_only_the_roles_of_a_brands_own_people_see_personal_data() -> None:
    seeing = {role for role, held in ROLE_PERMISSIONS.items() if "records:reveal" in held}
    assert seeing == {"platform_admin", "owner", "admin"}


@pytest.mark.parametrize(
    ("grant", "inside", "outside"),
    [
        (Grant("tenant", 56, "admin"), [(56, None), (56, 1)], [(57, None), (57, 1), (57, 56)]),
        (Grant("organization", 1, "admin"), [(56, 1), (57, 1)], [(56, None), (58, 2), (1, None), (1, 2)]),
        (Grant("platform", 0, "platform_admin"), [(56, None), (57, 1)], []),
    ],
)
def test_a_grant_holds_where_it_was_given(
    grant: Grant, inside: list[tuple[int, int | None]], outside: list[tuple[int, int | None]]
) -> None:
    principal = Principal("key", "k", (grant,))
    assert all(principal.permissions_in(*place) == ROLE_PERMISSIONS[grant.role] for place in inside)
    assert not any(principal.permissions_in(*place) for place in outside)


def test_a_keys_permissions_narrow_its_role_and_never_widen_it() -> None:
    chosen: frozenset[Permission] = frozenset({"records:read", "records:reveal"})
    principal = Principal("key", "k", (Grant("tenant", 56, "analyst", chosen),))
    assert principal.permissions_in(56, None) == {"records:read"}


@pytest.mark.parametrize(
    ("given_by", "may"),
    [
        ("platform_admin", {"platform_admin", "owner", "admin", "operator", "analyst", "auditor"}),
        ("owner", {"owner", "admin", "operator", "analyst", "auditor"}),
        ("admin", {"admin", "operator", "analyst", "auditor"}),
        ("operator", set()),
        ("analyst", set()),
        ("auditor", set()),
    ],
)
def test_nobody_gives_more_than_they_hold(given_by: Role, may: set[Role]) -> None:
    held = ROLE_PERMISSIONS[given_by]
    assert {role for role, given in ROLE_PERMISSIONS.items() if may_give(given, held)} == may

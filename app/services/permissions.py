"""What a caller may do: permissions, the roles that hold them, and a caller's permissions in one tenant. Pure."""

from collections.abc import Iterable, Mapping, Set
from typing import Literal, NamedTuple, get_args

Permission = Literal[
    "tenants:read",
    "tenants:write",
    "tenants:delete",
    "integrations:read",
    "integrations:write",
    "integrations:operate",
    "records:read",
    "records:reveal",
    "events:read",
    "events:operate",
    "access:read",
    "access:write",
    "audit:read",
    "alerts:read",
    "alerts:operate",
    "alerts:write",
    "platform:admin",
]
Role = Literal["platform_admin", "owner", "admin", "operator", "analyst", "auditor"]
TenantRole = Literal["owner", "admin", "operator", "analyst", "auditor"]

PERMISSIONS: frozenset[Permission] = frozenset(get_args(Permission))
DESCRIPTIONS: Mapping[Permission, str] = {
    "tenants:read": "see the tenant, its limits and how it is",
    "tenants:write": "change its settings; lower its limits",
    "tenants:delete": "delete it, in two steps",
    "integrations:read": "see integrations, without secrets",
    "integrations:write": "create, change and delete them; see the addresses that providers call",
    "integrations:operate": "pause, resume, validate, fetch single objects; start and cancel syncs",
    "records:read": "read orders and customers, personal data masked",
    "records:reveal": "read personal data, and find customers by it; each time is audited",
    "events:read": "read the ledger and dead letters",
    "events:operate": "replay and discard dead letters",
    "access:read": "see keys and people",
    "access:write": "make and revoke keys, invite people",
    "audit:read": "read the audit log",
    "alerts:read": "see alerts, their rules and channels",
    "alerts:operate": "acknowledge and snooze alerts",
    "alerts:write": "change rules and channels, and test them",
    "platform:admin": "everything that concerns more than one tenant",
}

_TENANT_PERMISSIONS = PERMISSIONS - {"platform:admin"}
ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    "platform_admin": PERMISSIONS,
    "owner": _TENANT_PERMISSIONS,
    "admin": _TENANT_PERMISSIONS - {"tenants:delete"},
    "operator": frozenset(
        {
            *("tenants:read", "integrations:read", "integrations:operate", "records:read", "events:read"),
            *("events:operate", "alerts:read", "alerts:operate"),
        }
    ),
    "analyst": frozenset({"tenants:read", "integrations:read", "records:read", "events:read", "alerts:read"}),
    "auditor": frozenset({"tenants:read", "audit:read", "alerts:read"}),
}


class Grant(NamedTuple):
    """One role in one place, narrowed to `permissions` (None: all of the role's)."""

    scope: Literal["platform", "organization", "tenant"]
    scope_id: int
    role: Role
    permissions: frozenset[Permission] | None = None

    @property
    def allowed(self) -> frozenset[Permission]:
        allowed = ROLE_PERMISSIONS[self.role]
        return allowed if self.permissions is None else allowed & self.permissions


class Principal(NamedTuple):
    """Who calls. `kind` and `id` are what the audit log says of them."""

    kind: Literal["person", "key", "cli", "system"]
    id: str
    grants: tuple[Grant, ...]

    @property
    def is_platform_admin(self) -> bool:
        return any(grant.scope == "platform" for grant in self.grants)

    @property
    def platform_permissions(self) -> frozenset[Permission]:
        """What they may do that concerns no single tenant."""
        return _join(grant.allowed for grant in self.grants if grant.scope == "platform")

    def permissions_in(self, tenant_id: int, organization_id: int | None) -> frozenset[Permission]:
        """Empty for a tenant that they have nothing to do with."""
        return _join(grant.allowed for grant in self.grants if _covers(grant, tenant_id, organization_id))

    def permissions_in_organization(self, organization_id: int) -> frozenset[Permission]:
        """What they may do in all of an organization's tenants."""
        return _join(
            grant.allowed
            for grant in self.grants
            if grant.scope == "platform" or (grant.scope == "organization" and grant.scope_id == organization_id)
        )


def may_give(given: Set[Permission], held: Set[Permission]) -> bool:
    """Whether somebody who holds `held` in a place may give `given` there: nobody gives more than they hold, and a key
    that was narrowed makes none that is wider."""
    return "access:write" in held and given <= held


def _covers(grant: Grant, tenant_id: int, organization_id: int | None) -> bool:
    if grant.scope == "platform":
        return True
    if grant.scope == "organization":
        return organization_id is not None and grant.scope_id == organization_id
    return grant.scope_id == tenant_id


def _join(parts: Iterable[frozenset[Permission]]) -> frozenset[Permission]:
    return frozenset(permission for part in parts for permission in part)

"""People and keys stand in three kinds of place, with the same pages in each: tenant, organization, platform."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from starlette.responses import Response

from app.core.errors import ForbiddenError, NotFoundError
from app.dashboard.page import Go, Handler, Subject, View
from app.dashboard.visit import Visit
from app.services.office import PLATFORM, Office, Place
from app.services.organizations import get_organization
from app.services.permissions import ROLE_PERMISSIONS, Permission, TenantRole, may_give


class PlaceKind(NamedTuple):
    """`word` begins the names of its pages behind the first: `people.organization_invite`. `reads`, `writes`: what is
    needed there."""

    first: str
    word: str
    prefix: str
    subject: Subject
    reads: Permission
    writes: Permission


TENANT = PlaceKind("list", "", "/tenants/{tenant_id:int}", "tenant", "access:read", "access:write")
ORGANIZATION = PlaceKind(
    "organization", "organization_", "/organizations/{organization_id:int}", "anywhere", "access:read", "access:write"
)
OF_PLATFORM = PlaceKind("platform", "platform_", "/platform", "platform", "platform:admin", "platform:admin")


class Spot(NamedTuple):
    """A place as a page's visitor stands in it. `held`: what they may do there. `where`: its part of an address.
    `name`: of the organization; None where the frame says it."""

    kind: PlaceKind
    place: Place
    held: frozenset[Permission]
    where: Mapping[str, int]
    name: str | None

    @property
    def may_write(self) -> bool:
        return self.kind.writes in self.held

    def list_roles(self) -> list[TenantRole]:
        """Roles that the visitor may give here, the one that may most first."""
        roles: tuple[TenantRole, ...] = ("owner", "admin", "operator", "analyst", "auditor")
        return [role for role in roles if may_give(ROLE_PERMISSIONS[role], self.held)]


SpotHandler = Callable[[Visit, Spot], Awaitable[View | Go | Response]]


def at(kind: PlaceKind, handler: SpotHandler, *, writes: bool = False) -> Handler:
    """A page's handler of one that wants to know where it is. `writes`: it changes something."""
    return partial(_call, kind, handler, writes)


async def _call(
    kind: PlaceKind, handler: SpotHandler, writes: bool, visit: Visit
) -> View | Go | Response:  # fmt: skip
    spot = await find_spot(visit, kind)
    if writes and not spot.may_write:
        raise ForbiddenError(f"This needs the permission {kind.writes}, which you do not have here.")
    return await handler(visit, spot)


async def find_spot(visit: Visit, kind: PlaceKind) -> Spot:
    """Raises NotFoundError for an organization that the visitor has nothing to do with."""
    if kind is TENANT:
        return Spot(kind, Place("tenant", visit.tenant_id), visit.permissions, {}, None)
    if kind is OF_PLATFORM:
        return Spot(kind, PLATFORM, visit.caller.platform_permissions, {}, None)
    organization_id = visit.number("organization_id")
    held = visit.caller.permissions_in_organization(organization_id)
    if kind.reads not in held:
        raise NotFoundError("There is no such organization, or none that you may see.")
    name = await _name_organization(visit.office, organization_id)
    where = {"organization_id": organization_id}
    return Spot(kind, Place("organization", organization_id), held, where, name)


async def _name_organization(office: Office, organization_id: int) -> str:
    return (await get_organization(office, organization_id)).name


def link(visit: Visit, area: str, spot: Spot, name: str = "", **params: Any) -> str:
    """The address of a page of `area` in the same place: the list, or one of its others."""
    page = f"{area}.{spot.kind.word}{name}" if name else f"{area}.{spot.kind.first}"
    return visit.link(page, **spot.where, **params)

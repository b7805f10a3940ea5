"""Keys and people stand in three kinds of place, with the same operations in each."""

from typing import NamedTuple

from app.api.call import Call
from app.api.operation import Subject, TenantPlace
from app.services.office import PLATFORM, Place
from app.services.permissions import Permission


class PlaceKind(NamedTuple):
    """`word` goes into the operations' names. `reads`, `writes`: the permissions needed there."""

    prefix: str
    word: str
    subject: Subject
    tenant_in: TenantPlace | None
    reads: Permission
    writes: Permission


TENANT = PlaceKind("/tenants/{tenant_id:int}", "", "tenant", "path", "access:read", "access:write")
ORGANIZATION = PlaceKind(
    "/organizations/{organization_id:int}", "organization_", "organization", None, "access:read", "access:write"
)
OF_PLATFORM = PlaceKind("/platform", "platform_", "platform", None, "platform:admin", "platform:admin")


def find_place(call: Call) -> Place:
    """Whose keys and people a call is about."""
    if call.tenant is not None:
        return call.place
    if "organization_id" in call.path:
        return Place("organization", call.get_number("organization_id"))
    return PLATFORM

"""Organizations: a name over several tenants. People and keys may be given all of them at once; no data is shared."""

from collections.abc import Sequence

from app.core.errors import NotFoundError
from app.services.audit import Actor, write_audit
from app.services.office import Office
from app.services.permissions import Principal
from db import tenants as db_tenants
from db.tenants import OrganizationRow
from schemas.tenants import Organization


async def list_visible_organizations(office: Office, principal: Principal) -> list[Organization]:
    """All for a platform admin, else those that the caller has a role in."""
    ids: Sequence[int] | None = None
    if not principal.is_platform_admin:
        ids = [grant.scope_id for grant in principal.grants if grant.scope == "organization"]
    return [_show(row) for row in await db_tenants.list_organizations(office.database, ids)]


async def get_organization(office: Office, organization_id: int) -> Organization:
    """Raises NotFoundError."""
    rows = await db_tenants.list_organizations(office.database, [organization_id])
    if not rows:
        raise NotFoundError("There is no such organization, or none that you may see.")
    return _show(rows[0])


async def create_organization(office: Office, name: str, *, actor: Actor) -> Organization:
    """A new one, without tenants."""
    organization_id = await db_tenants.create_organization(office.database, name)
    async with office.database.platform_tx("create_organization") as connection:
        await write_audit(connection, None, actor, "organization.created", "organization", str(organization_id))
    return await get_organization(office, organization_id)


def _show(row: OrganizationRow) -> Organization:
    return Organization.model_validate(row._asdict())

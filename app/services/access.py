"""Which tenant a caller may see at all, and which browser pages may act for a session: for API and dashboard alike."""

from app.core.errors import ForbiddenError, NotFoundError
from app.services.permissions import Principal
from db.pool import Database
from db.tenants import Tenant, find_tenant
from schemas.api import TENANT_ID_MAX

NO_TENANT = "There is no such tenant, or none that you may see."


async def find_visible_tenant(database: Database, principal: Principal, tenant_id: int) -> Tenant:
    """The tenant, if the caller has anything to do with it. Raises NotFoundError, for all others alike."""
    if not 0 < tenant_id <= TENANT_ID_MAX:
        raise NotFoundError(NO_TENANT)
    async with database.tenant_tx(tenant_id, "find_tenant") as connection:
        tenant = await find_tenant(connection, tenant_id)
    if tenant is None or not principal.permissions_in(tenant_id, tenant.organization_id):
        raise NotFoundError(NO_TENANT)
    if tenant.status == "deleted" and not principal.is_platform_admin:
        raise NotFoundError(NO_TENANT)
    return tenant


def check_not_erased(tenant: Tenant, method: str) -> None:
    """What is left of an erased tenant may be read by a platform admin, and nothing is added to it: it has no keys to
    seal anything with. Raises NotFoundError."""
    if tenant.status == "deleted" and method not in {"GET", "HEAD"}:
        raise NotFoundError(NO_TENANT)


def check_origin(method: str, *, fetch_site: str | None, origin: str | None, host: str) -> None:
    """A browser sends the session's cookie whoever asks it to: only our own pages may make it change something.
    Raises ForbiddenError."""
    if method in {"GET", "HEAD"}:
        return
    if fetch_site is not None:
        is_own = fetch_site in {"same-origin", "none"}
    else:
        is_own = origin is not None and origin.partition("://")[2] == host
    if not is_own:
        raise ForbiddenError("A session changes things only from Acequia's own pages: use an API key elsewhere.")

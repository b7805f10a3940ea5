"""A tenant's integrations, read."""

from app.core.errors import NotFoundError
from app.services.integration_views import show_integration
from app.services.office import Office
from db import integrations as db_integrations
from db.activity import list_activity
from db.hook_watches import Place, find_watch, list_watches
from db.integrations import Integration as Row
from schemas.integrations import Integration

NO_INTEGRATION = "There is no such integration, or none that you may see."


async def list_integrations(office: Office, tenant_id: int) -> list[Integration]:
    """By id, without those that were deleted."""
    async with office.database.tenant_tx(tenant_id, "list_integrations") as connection:
        rows = await db_integrations.list_integrations(connection, tenant_id)
        last_syncs = await list_activity(connection, tenant_id)
        watches = await list_watches(connection, tenant_id)
    return [
        show_integration(row, last_syncs.get(row.integration_id), watches.get(row.integration_id))
        for row in rows
        if row.status != "deleted"
    ]


async def get_integration(office: Office, tenant_id: int, integration_id: int) -> tuple[Integration, int]:
    """One and its revision. Raises NotFoundError."""
    row = await get_row(office, tenant_id, integration_id)
    async with office.database.tenant_tx(tenant_id, "get_integration") as connection:
        last_syncs = await list_activity(connection, tenant_id)
        watch = await find_watch(connection, Place(tenant_id, integration_id))
    return show_integration(row, last_syncs.get(integration_id), watch), row.revision


async def get_row(office: Office, tenant_id: int, integration_id: int) -> Row:
    """With its sealed credentials. Raises NotFoundError, also for one that was deleted."""
    async with office.database.tenant_tx(tenant_id, "get_integration") as connection:
        row = await db_integrations.find_integration(connection, tenant_id, integration_id)
    if row is None or row.status == "deleted":
        raise NotFoundError(NO_INTEGRATION)
    return row

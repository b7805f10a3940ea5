"""`acequia integrations`: a tenant's uses of connectors, as they stand; without secrets."""

from typing import Annotated, Any

import typer

from app.core.errors import NotFoundError
from app.services.ids import IntegrationId, read_integration_id
from db.integrations import Integration, list_integrations
from scripts.cli.office import find_place, open_operator_office
from scripts.cli.session import JsonOption, run, show_json
from scripts.cli.tables import show_fields, show_table

app = typer.Typer(no_args_is_help=True, help="Integrations: a tenant's uses of connectors.")
COLUMNS = ("id", "type", "account", "environment", "status", "status_reason")


@app.command("list")
def list_command(
    tenant_id: Annotated[int, typer.Argument(metavar="TENANT", help="Tenant id.")],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """A tenant's integrations."""

    async def work() -> None:
        rows = [_describe(one) for one in await _read(tenant_id)]
        show_json(rows) if as_json else show_table(rows, COLUMNS, empty="No integrations.")

    run(work)


@app.command("show")
def show_command(
    integration: Annotated[str, typer.Argument(metavar="INTEGRATION", help="Its id, for example int_56_1.")],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """One integration, with its configuration and never its credentials."""

    async def work() -> None:
        wanted = read_integration_id(integration)
        found = [one for one in await _read(wanted.tenant_id) if one.integration_id == wanted.integration_id]
        if not found:
            raise NotFoundError("There is no such integration.")
        shown = _describe(found[0])
        show_json(shown) if as_json else show_fields(shown)

    run(work)


async def _read(tenant_id: int) -> list[Integration]:
    async with open_operator_office() as office:
        await find_place(office, tenant_id, None)
        async with office.database.tenant_tx(tenant_id, "integrations") as connection:
            rows = await list_integrations(connection, tenant_id)
    return [row for row in rows if row.status != "deleted"]


def _describe(row: Integration) -> dict[str, Any]:
    return {
        "id": str(IntegrationId(row.tenant_id, row.integration_id)),
        "tenant_id": row.tenant_id,
        "type": row.connector,
        "account": row.account,
        "environment": row.environment,
        "status": row.status,
        "status_reason": row.status_reason,
        "config": dict(row.config),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }

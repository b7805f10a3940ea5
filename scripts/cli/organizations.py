"""`acequia organizations`: a name over several tenants."""

from typing import Annotated

import typer

from app.services.organizations import create_organization, list_visible_organizations
from schemas.tenants import NewOrganization
from scripts.cli.office import find_actor, find_principal, make_form, open_operator_office
from scripts.cli.session import JsonOption, run, show_json
from scripts.cli.tables import show_rows

app = typer.Typer(no_args_is_help=True, help="Organizations: a name over several tenants.")


@app.command("list")
def list_command(as_json: Annotated[bool, JsonOption] = False) -> None:
    """All organizations with their tenants."""

    async def work() -> None:
        async with open_operator_office() as office:
            rows = await list_visible_organizations(office, find_principal())
        show_rows(
            rows, ("organization_id", "name", "tenant_ids", "created_at"), as_json=as_json, empty="No organizations."
        )

    run(work)


@app.command("create")
def create_command(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """A new one, without tenants; `acequia tenants change TENANT --organization ID` puts one in."""

    async def work() -> None:
        wanted = make_form(NewOrganization, name=name)
        async with open_operator_office() as office:
            made = await create_organization(office, wanted.name, actor=find_actor())
        if as_json:
            show_json(made.model_dump(mode="json"))
        else:
            typer.echo(f"Organization {made.organization_id} is there.")

    run(work)

"""`acequia integrations`: a tenant's uses of connectors. Secrets are asked for, or come from the environment, so that
they stand in no shell's history; a provider's are never shown again."""

import os
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from pydantic import BaseModel

from app.connectors.contract import Field
from app.connectors.registry import get_connector, list_connectors
from app.services import integration_admin, integration_checks, integration_reads, integration_states
from app.services.ids import read_integration_id
from app.services.integration_addresses import reveal_addresses
from app.services.office import Office
from schemas.integrations import HookChoice, IntegrationFields, NewIntegration, ProviderAddress
from scripts.cli.office import find_actor, find_place, make_form, open_operator_office
from scripts.cli.session import CommandError, JsonOption, run, show_json
from scripts.cli.tables import show_fields, show_rows

app = typer.Typer(no_args_is_help=True, help="Integrations: a tenant's uses of connectors.")
TenantArgument = typer.Argument(metavar="TENANT", help="Tenant id.")
IntegrationArgument = typer.Argument(metavar="INTEGRATION", help="Its id, for example int_56_1.")
TypeArgument = typer.Argument(metavar="TYPE", help=f"One of {', '.join(list_connectors())}.")
FieldsArgument = typer.Argument(metavar="FIELD=VALUE…", help="The connector's fields; secrets are asked for.")
ReplaceOption = typer.Option("--replace-foreign-hook", help="Take the place of somebody else's hook.")
ExpiryOption = typer.Option(
    "--credentials-expire-at", metavar="TIME", help="Until when they are valid, as 2027-01-31T00:00:00Z, if known."
)
COLUMNS = ("id", "type", "name", "account", "status", "hook", "last_sync")
SECRET_VARIABLE = "ACEQUIA_FIELD_{}"  # noqa: S105 - how the variable is called


@app.command("list")
def list_command(
    tenant_id: Annotated[int, TenantArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """A tenant's integrations, with the state of their hooks."""

    async def work() -> None:
        async with open_operator_office() as office:
            await find_place(office, tenant_id, None)
            found = await integration_reads.list_integrations(office, tenant_id)
        show_rows(found, COLUMNS, as_json=as_json, empty="No integrations.")

    run(work)


@app.command("show")
def show_command(
    integration: Annotated[str, IntegrationArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """One integration, with its configuration and never its credentials."""

    async def get(office: Office, tenant_id: int, integration_id: int) -> BaseModel:
        found, _ = await integration_reads.get_integration(office, tenant_id, integration_id)
        return found

    run_on(integration, get, as_json=as_json)


@app.command("validate")
def validate_command(
    type_name: Annotated[str, TypeArgument],
    fields: Annotated[list[str] | None, FieldsArgument] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Really calls the provider with these credentials, says what is wrong, stores nothing."""

    async def work() -> None:
        body = make_form(IntegrationFields, config=read_fields(type_name, fields or []))
        async with open_operator_office() as office:
            found = await integration_checks.validate_fields(office, type_name, body)
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            typer.echo("\n".join(f"{one.severity:<8} {one.message}" for one in found.findings))
        if not found.valid:
            raise typer.Exit(1)

    run(work)


@app.command("create")
def create_command(
    *,
    tenant_id: Annotated[int, TenantArgument],
    type_name: Annotated[str, TypeArgument],
    fields: Annotated[list[str] | None, FieldsArgument] = None,
    name: Annotated[str | None, typer.Option(help="As people call it.")] = None,
    expire_at: Annotated[str | None, ExpiryOption] = None,
    replaces_foreign: Annotated[bool, ReplaceOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Validates the credentials, stores them sealed, and sets the provider's hook if nobody else's stands there."""

    async def work() -> None:
        wanted = make_form(
            NewIntegration, tenant_id=tenant_id, type=type_name, name=name, replace_foreign_hook=replaces_foreign,
            credentials_expire_at=expire_at, config=read_fields(type_name, fields or []),
        )  # fmt: skip
        async with open_operator_office() as office:
            await find_place(office, tenant_id, None)
            made, _ = await integration_admin.create_integration(office, tenant_id, wanted, actor=find_actor())
        if as_json:
            show_json(made.model_dump(mode="json"))
            return
        typer.echo(f"{made.id} is there: {made.name}.")
        typer.echo("\n".join([*made.notes, *(step for one in made.addresses for step in one.steps)]))

    run(work)


@app.command("pause")
def pause_command(
    integration: Annotated[str, IntegrationArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Its events go on arriving, and wait."""

    async def pause(office: Office, tenant_id: int, integration_id: int) -> BaseModel:
        return await integration_states.pause_integration(office, tenant_id, integration_id, actor=find_actor())

    run_on(integration, pause, as_json=as_json)


@app.command("resume")
def resume_command(
    integration: Annotated[str, IntegrationArgument],
    replaces_foreign: Annotated[bool, ReplaceOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """What waited is worked off, and the hook is set again if it is not there."""
    choice = HookChoice(replace_foreign_hook=replaces_foreign)

    async def resume(office: Office, tenant_id: int, integration_id: int) -> BaseModel:
        return await integration_states.resume_integration(
            office, tenant_id, integration_id, choice, actor=find_actor()
        )

    run_on(integration, resume, as_json=as_json)


@app.command("rotate-secret")
def rotate_command(
    integration: Annotated[str, IntegrationArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """A new secret, told to the provider; the one before stays valid until it was unused for a day."""

    async def rotate(office: Office, tenant_id: int, integration_id: int) -> BaseModel:
        return await integration_states.rotate_integration_secret(office, tenant_id, integration_id, actor=find_actor())

    run_on(integration, rotate, as_json=as_json)


@app.command("addresses")
def addresses_command(
    integration: Annotated[str, IntegrationArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """The addresses that the provider calls, with what is to be done by hand. All of each is a secret."""

    async def work() -> None:
        wanted = read_integration_id(integration)
        async with open_operator_office() as office:
            row = await integration_reads.get_row(office, *wanted)
            found = await reveal_addresses(office, row, actor=find_actor())
        if as_json:
            show_json([one.model_dump(mode="json") for one in found])
        else:
            typer.echo("\n\n".join(write_address(one) for one in found))

    run(work)


@app.command("delete")
def delete_command(
    integration: Annotated[str, IntegrationArgument],
    is_confirmed: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Removes our hook, ends its addresses and forgets its credentials. What was synced stays."""
    if not is_confirmed:
        typer.confirm(f"Delete {integration}? Its addresses end for ever; what was synced stays.", abort=True)

    async def delete(office: Office, tenant_id: int, integration_id: int) -> BaseModel:
        return await integration_admin.delete_integration(office, tenant_id, integration_id, actor=find_actor())

    run_on(integration, delete, as_json=as_json)


def run_on(integration: str, act: Callable[[Office, int, int], Awaitable[BaseModel]], *, as_json: bool) -> None:
    """Does something with one integration and shows how it stands then."""

    async def work() -> None:
        wanted = read_integration_id(integration)
        async with open_operator_office() as office:
            shown = await act(office, *wanted)
        show_json(shown.model_dump(mode="json")) if as_json else show_fields(shown.model_dump(exclude={"streams"}))

    run(work)


def read_fields(type_name: str, words: list[str]) -> dict[str, str]:
    """The connector's fields: `account=store`, and what is secret from ACEQUIA_FIELD_… or asked for. Raises
    CommandError."""
    try:
        connector = get_connector(type_name)
    except LookupError as error:
        raise CommandError(f"{error}.") from None
    pairs = [word.partition("=") for word in words]
    if not all(name and is_pair for name, is_pair, _ in pairs):
        raise CommandError("Fields are given as FIELD=VALUE, for example account=mystore.")
    values = {name: value for name, _, value in pairs}
    for field in connector.credentials:
        if not field.is_secret or field.name in values:
            continue
        given = os.environ.get(SECRET_VARIABLE.format(field.name.upper()))
        values[field.name] = given if given is not None else _ask_for(field)
    return values


def _ask_for(field: Field) -> str:
    """What is not needed may be left empty."""
    default = None if field.is_required else ""
    told: str = typer.prompt(field.label, default=default, hide_input=True, show_default=False)
    return told


def write_address(one: ProviderAddress) -> str:
    lines = [f"{one.label}: {one.url or 'set PUBLIC_URL first'}"]
    if one.secret is not None:
        lines.append(f"{one.header_name or 'signing secret'}: {one.secret}")
    return "\n".join([*lines, *one.steps])

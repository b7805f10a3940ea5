"""`acequia users`: people and their roles. Addresses and names are shown on this terminal and written nowhere."""

from typing import Annotated, Literal
from uuid import UUID

import typer

from app.services.people import (
    change_role,
    create_platform_admin,
    invite_person,
    list_people,
    remove_person,
    reset_password,
    set_person_status,
)
from schemas.access import InvitedPerson, NewPerson, NewRole
from scripts.cli.office import (
    HELD,
    OrganizationOption,
    PlatformOption,
    TenantPlace,
    find_actor,
    find_place,
    make_form,
    open_operator_office,
)
from scripts.cli.session import CommandError, JsonOption, run, show_json
from scripts.cli.tables import show_rows

app = typer.Typer(no_args_is_help=True, help="People and their roles.")
PersonArgument = typer.Argument(metavar="PERSON", help="The person's id, as `acequia users list` shows it.")
COLUMNS = ("person_id", "email", "name", "role", "status", "created_at")
# Asked for when not given, so that an address need not stand in the shell's history.
EmailOption = typer.Option(prompt="E-mail", help="Asked for when not given.")
NameOption = typer.Option(prompt="Name", help="Asked for when not given.")


@app.command("list")
def list_command(
    tenant_id: Annotated[int | None, TenantPlace] = None,
    organization_id: Annotated[int | None, OrganizationOption] = None,
    is_platform: Annotated[bool, PlatformOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Who has a role in a tenant, an organization or the platform."""

    async def work() -> None:
        async with open_operator_office() as office:
            place = await find_place(office, tenant_id, organization_id, is_platform=is_platform)
            people = await list_people(office, place)
        show_rows(people, COLUMNS, as_json=as_json, empty="Nobody.")

    run(work)


@app.command("invite")
def invite_command(
    *,
    email: Annotated[str, EmailOption],
    name: Annotated[str, NameOption],
    role: Annotated[str, typer.Option(help="owner, admin, operator, analyst or auditor.")],
    tenant_id: Annotated[int | None, TenantPlace] = None,
    organization_id: Annotated[int | None, OrganizationOption] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Invites somebody to a role; the code to accept with is shown this once."""

    async def work() -> None:
        wanted = make_form(NewPerson, email=email, name=name, role=role)
        async with open_operator_office() as office:
            place = await find_place(office, tenant_id, organization_id)
            person = await invite_person(office, place, wanted, actor=find_actor(), held=HELD)
        _show_invited(person, as_json=as_json)

    run(work)


@app.command("role")
def role_command(
    person_id: Annotated[str, PersonArgument],
    role: Annotated[str, typer.Argument(metavar="ROLE", help="owner, admin, operator, analyst or auditor.")],
    tenant_id: Annotated[int | None, TenantPlace] = None,
    organization_id: Annotated[int | None, OrganizationOption] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Gives another role; it holds within a second."""

    async def work() -> None:
        wanted = make_form(NewRole, role=role).role
        async with open_operator_office() as office:
            place = await find_place(office, tenant_id, organization_id)
            person = await change_role(office, place, _read_id(person_id), wanted, actor=find_actor(), held=HELD)
        show_json(person.model_dump(mode="json")) if as_json else typer.echo(f"{person.email} is {person.role} now.")

    run(work)


@app.command("remove")
def remove_command(
    person_id: Annotated[str, PersonArgument],
    tenant_id: Annotated[int | None, TenantPlace] = None,
    organization_id: Annotated[int | None, OrganizationOption] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Takes their role away; they stay where else they have one."""

    async def work() -> None:
        async with open_operator_office() as office:
            place = await find_place(office, tenant_id, organization_id)
            await remove_person(office, place, _read_id(person_id), actor=find_actor(), held=HELD)
        show_json({"person_id": person_id, "removed": True}) if as_json else typer.echo("Their role is gone.")

    run(work)


@app.command("create-admin")
def create_admin_command(
    email: Annotated[str, EmailOption],
    name: Annotated[str, NameOption],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """A person who may do everything; the password is shown this once."""

    async def work() -> None:
        async with open_operator_office() as office:
            # The form's limits on address and name; its role is a tenant's and is not used.
            wanted = make_form(NewPerson, email=email, name=name, role="owner")
            person = await create_platform_admin(office, wanted.email, wanted.name, actor=find_actor())
        if as_json:
            show_json(person.model_dump(mode="json"))
        else:
            typer.echo(f"{person.email} may do everything. The password, shown this once:\n\n  {person.password}\n")

    run(work)


@app.command("reset-password")
def reset_password_command(
    person_id: Annotated[str, PersonArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """A new password, shown this once; their sessions end. Make sure who asks: it opens all that they may do."""

    async def work() -> None:
        async with open_operator_office() as office:
            password = await reset_password(office, _read_id(person_id), actor=find_actor())
        shown = {"person_id": person_id, "password": password}
        show_json(shown) if as_json else typer.echo(f"The password, shown this once:\n\n  {password}\n")

    run(work)


@app.command("disable")
def disable_command(
    person_id: Annotated[str, PersonArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Logs them out everywhere and lets them in nowhere, until `enable`."""
    _set_status(person_id, "disabled", as_json=as_json)


@app.command("enable")
def enable_command(
    person_id: Annotated[str, PersonArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Lets a disabled person log in again."""
    _set_status(person_id, "active", as_json=as_json)


def _set_status(person_id: str, status: Literal["active", "disabled"], *, as_json: bool) -> None:
    async def work() -> None:
        async with open_operator_office() as office:
            await set_person_status(office, _read_id(person_id), status, actor=find_actor())
        shown = {"person_id": person_id, "status": status}
        show_json(shown) if as_json else typer.echo(f"They are {status} now.")

    run(work)


def _show_invited(person: InvitedPerson, *, as_json: bool) -> None:
    if as_json:
        show_json(person.model_dump(mode="json"))
    else:
        typer.echo(
            f"{person.email} is invited as {person.role}. The code, shown this once, good until "
            f"{person.accept_before:%Y-%m-%d %H:%M} UTC:\n\n  {person.invitation_code}\n\nThey accept with it and "
            "their password at POST /api/v2/invitations/accept."
        )


def _read_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CommandError("PERSON is the person's id: see `acequia users list`.") from None

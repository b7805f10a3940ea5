"""`acequia keys`: API keys of tenants, organizations and the platform. A secret is shown once, when it is made."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from app.services.api_keys import (
    create_key,
    create_platform_key,
    find_key_place,
    list_keys,
    retire_key_secret,
    revoke_key,
    rotate_key,
)
from schemas.access import IssuedKey, Key, NewKey, NewPlatformKey
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

app = typer.Typer(no_args_is_help=True, help="API keys of tenants, organizations and the platform.")
KeyArgument = typer.Argument(metavar="KEY", help="The key's id: the ten characters after aqk_.")
COLUMNS = ("key_id", "name", "role", "status", "secrets_valid", "created_at", "expires_at", "last_used_at")


@app.command("list")
def list_command(
    tenant_id: Annotated[int | None, TenantPlace] = None,
    organization_id: Annotated[int | None, OrganizationOption] = None,
    is_platform: Annotated[bool, PlatformOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Keys of a place: live ones first, then those that have ended."""

    async def work() -> None:
        async with open_operator_office() as office:
            place = await find_place(office, tenant_id, organization_id, is_platform=is_platform)
            keys = await list_keys(office, place)
        show_rows(keys, COLUMNS, as_json=as_json, empty="No keys.")

    run(work)


@app.command("create")
def create_command(
    *,
    name: Annotated[str, typer.Option(help="What it is for, for example: ERP.")],
    tenant_id: Annotated[int | None, TenantPlace] = None,
    role: Annotated[str | None, typer.Option(help="owner, admin, operator, analyst or auditor.")] = None,
    permissions: Annotated[
        list[str] | None, typer.Option("--permission", help="Narrows the role; may be given several times.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=100_000, help="Ends after so many days.")] = None,
    organization_id: Annotated[int | None, OrganizationOption] = None,
    is_platform: Annotated[bool, PlatformOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Makes a key and shows it, this once."""

    async def work() -> None:
        expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
        if is_platform == (role is not None):
            raise CommandError("A key needs a --role; only one of the --platform has none: it may do everything.")
        async with open_operator_office() as office:
            place = await find_place(office, tenant_id, organization_id, is_platform=is_platform)
            if is_platform:
                wanted = make_form(NewPlatformKey, name=name, expires_at=expires_at)
                key = await create_platform_key(office, wanted, actor=find_actor())
            else:
                form = make_form(NewKey, name=name, role=role, permissions=permissions, expires_at=expires_at)
                key = await create_key(office, place, form, actor=find_actor(), held=HELD)
        _show_issued(key, as_json=as_json)

    run(work)


@app.command("rotate")
def rotate_command(key_id: Annotated[str, KeyArgument], as_json: Annotated[bool, JsonOption] = False) -> None:
    """Another secret, shown this once; the one before stays valid until `retire-previous`."""

    async def work() -> None:
        async with open_operator_office() as office:
            place = await find_key_place(office, key_id)
            key = await rotate_key(office, place, key_id, actor=find_actor(), held=HELD)
        _show_issued(key, as_json=as_json)

    run(work)


@app.command("retire-previous")
def retire_previous_command(key_id: Annotated[str, KeyArgument], as_json: Annotated[bool, JsonOption] = False) -> None:
    """Ends a rotation: only the newest secret is valid from now on."""

    async def work() -> None:
        async with open_operator_office() as office:
            place = await find_key_place(office, key_id)
            key = await retire_key_secret(office, place, key_id, actor=find_actor())
        _show_changed(key, "has one valid secret", as_json=as_json)

    run(work)


@app.command("revoke")
def revoke_command(key_id: Annotated[str, KeyArgument], as_json: Annotated[bool, JsonOption] = False) -> None:
    """Ends a key for ever, within a second."""

    async def work() -> None:
        async with open_operator_office() as office:
            place = await find_key_place(office, key_id)
            key = await revoke_key(office, place, key_id, actor=find_actor())
        _show_changed(key, "is revoked", as_json=as_json)

    run(work)


def _show_issued(key: IssuedKey, *, as_json: bool) -> None:
    if as_json:
        show_json(key.model_dump(mode="json"))
    else:
        typer.echo(f"The key {key.key_id} ({key.name}, {key.role}), shown this once:\n\n  {key.api_key}\n")


def _show_changed(key: Key, what: str, *, as_json: bool) -> None:
    show_json(key.model_dump(mode="json")) if as_json else typer.echo(f"The key {key.key_id} {what}.")

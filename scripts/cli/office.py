"""The operator: what use cases need, with the operator's settings and role, and who the audit log says it was."""

import getpass
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from app.core.errors import NotFoundError
from app.services.audit import Actor
from app.services.office import PLATFORM, Office, Place, open_office
from app.services.organizations import get_organization
from app.services.permissions import ROLE_PERMISSIONS, Grant, Principal
from db.tenants import find_tenant
from scripts.cli.session import CommandError, read_operator_settings

HELD = ROLE_PERMISSIONS["platform_admin"]
ModelT = TypeVar("ModelT", bound=BaseModel)

OrganizationOption = typer.Option("--organization", metavar="ID", help="Of an organization instead of a tenant.")
PlatformOption = typer.Option("--platform", help="Of the platform itself.")
TenantPlace = typer.Argument(metavar="[TENANT]", help="Tenant id; or --organization.")


@asynccontextmanager
async def open_operator_office() -> AsyncIterator[Office]:
    async with AsyncExitStack() as resources:
        yield await open_office(read_operator_settings(), resources, application_name="acequia cli")


def find_actor() -> Actor:
    """The system's user, as the audit log names whoever used the command line."""
    return Actor("cli", find_user())


def find_principal() -> Principal:
    return Principal("cli", find_user(), (Grant("platform", 0, "platform_admin"),))


def find_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as containers have them
        return "unknown"


async def find_place(
    office: Office, tenant_id: int | None, organization_id: int | None, *, is_platform: bool = False
) -> Place:
    """The one place that was named. Raises CommandError when none or several were, NotFoundError for one that is not
    there."""
    if (tenant_id is not None) + (organization_id is not None) + is_platform != 1:
        raise CommandError("Name one place: a TENANT, --organization ID or, where there is one, --platform.")
    if is_platform:
        return PLATFORM
    if organization_id is not None:
        return Place("organization", (await get_organization(office, organization_id)).organization_id)
    assert tenant_id is not None
    async with office.database.platform_tx("find_tenant") as connection:
        tenant = await find_tenant(connection, tenant_id)
    if tenant is None or tenant.status == "deleted":
        raise NotFoundError(f"There is no tenant {tenant_id}.")
    return Place("tenant", tenant_id)


def make_form(form: type[ModelT], **values: Any) -> ModelT:
    """A form of schemas/ from words of the command line. Raises CommandError; it never repeats a value."""
    try:
        return form.model_validate(values)
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
        raise CommandError("; ".join(problems)) from None

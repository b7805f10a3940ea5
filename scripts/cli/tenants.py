"""`acequia tenants`: who is served, with which limits and settings."""

from typing import Annotated, Any

import orjson
import typer

from app.services.tenant_settings import change_settings
from app.services.tenants import change_tenant, create_tenant, get_tenant, list_visible_tenants
from schemas.tenants import NewTenant, SettingsChange, Tenant, TenantChange, TenantsQuery
from scripts.cli.office import find_actor, find_place, find_principal, make_form, open_operator_office
from scripts.cli.session import CommandError, JsonOption, run, show_json
from scripts.cli.tables import show_fields, show_rows

app = typer.Typer(no_args_is_help=True, help="Tenants: who is served, with which limits and settings.")
TenantArgument = typer.Argument(metavar="TENANT", help="Tenant id.")
WordsArgument = typer.Argument(
    metavar="NAME=VALUE…",
    help="For example currency=BRL, max_customers=5000, features.rfm_analysis=false; null unsets.",
)
COLUMNS = ("id", "name", "slug", "type", "plan", "status", "organization_id", "customer_count", "last_sync")
PAGE = 1_000


@app.command("list")
def list_command(
    organization_id: Annotated[int | None, typer.Option("--organization", metavar="ID", help="Only its own.")] = None,
    status: Annotated[str | None, typer.Option(help="Only those that are so.")] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """All tenants with their customers and the last moment at which they were current."""

    async def work() -> None:
        rows, cursor = [], None
        async with open_operator_office() as office:
            while True:
                query = make_form(
                    TenantsQuery, organization_id=organization_id, status=status, limit=PAGE, cursor=cursor
                )
                page = await list_visible_tenants(office, find_principal(), query, PAGE)
                rows += page.data
                cursor = page.next_cursor
                if cursor is None:
                    break
        show_rows(rows, COLUMNS, as_json=as_json, empty="No tenants.")

    run(work)


@app.command("show")
def show_command(
    tenant_id: Annotated[int, TenantArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """One tenant: integrations, settings, what is used of its limits."""

    async def work() -> None:
        async with open_operator_office() as office:
            await find_place(office, tenant_id, None)
            tenant, _ = await get_tenant(office, tenant_id)
        _show(tenant, as_json=as_json)

    run(work)


@app.command("create")
def create_command(
    *,
    name: Annotated[str, typer.Option(help="As people call it.")],
    slug: Annotated[str, typer.Option(help="Small letters, digits and hyphens; unique.")],
    tenant_type: Annotated[str, typer.Option("--type", help="trial, business or enterprise: what it may use.")],
    plan: Annotated[str, typer.Option(help="A free label.")] = "standard",
    organization_id: Annotated[int | None, typer.Option("--organization", metavar="ID", help="Its group.")] = None,
    settings: Annotated[list[str] | None, WordsArgument] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """A new tenant with keys of its own."""

    async def work() -> None:
        wanted = make_form(
            NewTenant, name=name, slug=slug, type=tenant_type, plan=plan, organization_id=organization_id,
            settings=read_words(settings or []),
        )  # fmt: skip
        async with open_operator_office() as office:
            tenant, _ = await create_tenant(office, wanted, actor=find_actor())
        if as_json:
            show_json(tenant.model_dump(mode="json"))
        else:
            typer.echo(f"Tenant {tenant.id} is there. Next: `acequia users invite {tenant.id}`, `acequia keys create`.")

    run(work)


@app.command("settings")
def settings_command(
    tenant_id: Annotated[int, TenantArgument],
    words: Annotated[list[str] | None, WordsArgument] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Shows its settings; NAME=VALUE changes one. An operator may raise limits beyond the type's."""

    async def work() -> None:
        async with open_operator_office() as office:
            await find_place(office, tenant_id, None)
            if words:
                change = make_form(SettingsChange, **read_words(words))
                await change_settings(office, tenant_id, change, actor=find_actor(), is_platform=True, revision=None)
            tenant, _ = await get_tenant(office, tenant_id)
        shown = tenant.settings.model_dump() | {"features": tenant.features}
        show_json(shown) if as_json else show_fields(shown)

    run(work)


@app.command("change")
def change_command(
    *,
    tenant_id: Annotated[int, TenantArgument],
    name: Annotated[str | None, typer.Option(help="As people call it.")] = None,
    plan: Annotated[str | None, typer.Option(help="A free label.")] = None,
    tenant_type: Annotated[str | None, typer.Option("--type", help="trial, business or enterprise.")] = None,
    organization_id: Annotated[
        int | None, typer.Option("--organization", metavar="ID", help="Its group; 0 takes it out of any.")
    ] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Changes what is no setting: name, plan, type, organization."""

    async def work() -> None:
        named = {"name": name, "plan": plan, "type": tenant_type, "organization_id": organization_id}
        values: dict[str, Any] = {field: value for field, value in named.items() if value is not None}
        if not values:
            raise CommandError("Say what to change: --name, --plan, --type or --organization.")
        if organization_id == 0:
            values["organization_id"] = None
        async with open_operator_office() as office:
            change = make_form(TenantChange, **values)
            tenant, _ = await change_tenant(office, tenant_id, change, actor=find_actor(), revision=None)
        _show(tenant, as_json=as_json)

    run(work)


def read_words(words: list[str]) -> dict[str, Any]:
    """`currency=BRL` and `features.x=true` as a form's members: what is JSON is read as such, all else is text.

    Raises CommandError.
    """
    values: dict[str, Any] = {}
    for word in words:
        name, is_pair, text = word.partition("=")
        if not is_pair or not name:
            raise CommandError("Settings are given as NAME=VALUE, for example currency=BRL.")
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = text
        group, is_inner, inner = name.partition(".")
        if is_inner:
            values.setdefault(group, {})[inner] = value
        else:
            values[name] = value
    return values


def _show(tenant: Tenant, *, as_json: bool) -> None:
    if as_json:
        show_json(tenant.model_dump(mode="json"))
        return
    shown = tenant.model_dump(exclude={"limits", "integrations"})
    shown["integrations"] = [f"{one.id} {one.type} {one.account} {one.status}" for one in tenant.integrations]
    for name, use in tenant.limits.items():
        over = ", over its limit" if use.is_over else ""
        shown[f"limit on {name}"] = f"{use.used:,} of {use.limit:,} {use.unit}{over}"
    show_fields(shown)

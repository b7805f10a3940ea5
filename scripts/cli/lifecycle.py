"""`acequia tenants suspend`, `activate`, `delete` and `cancel-deletion`: a tenant's life."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from app.services.tenant_lifecycle import (
    activate_tenant,
    cancel_deletion,
    confirm_deletion,
    request_deletion,
    suspend_tenant,
)
from app.services.tenants import get_tenant
from schemas.tenants import Reason
from scripts.cli.office import find_actor, make_form, open_operator_office
from scripts.cli.session import JsonOption, run, show_json

TenantArgument = typer.Argument(metavar="TENANT", help="Tenant id.")


def suspend_command(
    tenant_id: Annotated[int, TenantArgument],
    reason: Annotated[str, typer.Option(help="Why; its people are shown it.")],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Serves it no more: calls are answered and ignored, reads go on, nothing is deleted."""

    async def work() -> None:
        wanted = make_form(Reason, reason=reason)
        async with open_operator_office() as office:
            await suspend_tenant(office.tenant_office, tenant_id, wanted.reason, find_actor())
        _show(tenant_id, "suspended", as_json=as_json)

    run(work)


def activate_command(
    tenant_id: Annotated[int, TenantArgument],
    trial_days: Annotated[
        int | None, typer.Option(min=1, max=3_650, help="For a trial whose time is over: so many days more.")
    ] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Serves it again, and repairs what was missed."""

    async def work() -> None:
        trial_ends_at = None if trial_days is None else datetime.now(UTC) + timedelta(days=trial_days)
        async with open_operator_office() as office:
            await activate_tenant(office.tenant_office, tenant_id, find_actor(), trial_ends_at=trial_ends_at)
        _show(tenant_id, "active", as_json=as_json)

    run(work)


def delete_command(
    tenant_id: Annotated[int, TenantArgument],
    code: Annotated[str | None, typer.Option(help="The code that the first step showed.")] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """In two steps: the first changes nothing and shows a code; with it the tenant is served no more, and everything of
    it is destroyed when TENANT_DELETION_GRACE_DAYS are over."""

    async def work() -> None:
        async with open_operator_office() as office:
            tenant, _ = await get_tenant(office, tenant_id)
            if code is None:
                made = await request_deletion(office.tenant_office, tenant_id, find_actor())
                shown: dict[str, object] = made._asdict()
                sentence = (
                    f"Nothing was changed yet. {tenant.name} has {tenant.customer_count:,} customers: "
                    "with the second step all of its data and its keys go, for ever. Within ten minutes:\n\n"
                    f"  acequia tenants delete {tenant_id} --code {made.code}\n"
                )
            else:
                delete_after = await confirm_deletion(office.tenant_office, tenant_id, code, find_actor())
                shown = {"tenant_id": tenant_id, "status": "deleting", "delete_after": delete_after}
                sentence = (
                    f"Tenant {tenant_id} is served no more. Its data is destroyed after {delete_after:%Y-%m-%d %H:%M}"
                    f" UTC; until then: acequia tenants cancel-deletion {tenant_id}"
                )
        show_json(shown) if as_json else typer.echo(sentence)

    run(work)


def cancel_deletion_command(
    tenant_id: Annotated[int, TenantArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Until its destruction begins; it is suspended then, and `activate` serves it again."""

    async def work() -> None:
        async with open_operator_office() as office:
            await cancel_deletion(office.tenant_office, tenant_id, find_actor())
        _show(tenant_id, "suspended", as_json=as_json)

    run(work)


def _show(tenant_id: int, status: str, *, as_json: bool) -> None:
    if as_json:
        show_json({"tenant_id": tenant_id, "status": status})
    else:
        typer.echo(f"Tenant {tenant_id} is {status}.")

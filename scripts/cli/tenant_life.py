"""`acequia tenants suspend|activate|delete|keep`: a tenant's life. A deletion takes two steps and a grace period."""

from datetime import datetime
from typing import Annotated

import typer

from app.services import tenant_lifecycle
from app.services.tenants import get_tenant
from scripts.cli.office import find_actor, find_place, open_operator_office
from scripts.cli.session import JsonOption, run, show_json
from scripts.cli.tenants import TenantArgument


def suspend_command(
    tenant_id: Annotated[int, TenantArgument],
    reason: Annotated[str, typer.Option(help="Shown to the tenant's people.")],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Serves it no more: calls are answered 200 and ignored, reads go on, nothing is deleted."""

    async def work() -> None:
        async with open_operator_office() as office:
            await tenant_lifecycle.suspend_tenant(office.tenant_office, tenant_id, reason, find_actor())
        tell(tenant_id, "suspended", f"Tenant {tenant_id} is suspended.", as_json=as_json)

    run(work)


def activate_command(
    tenant_id: Annotated[int, TenantArgument],
    trial_ends_at: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="For a trial whose time is over.")
    ] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Serves it again: its hook is registered, what it missed is repaired."""

    async def work() -> None:
        async with open_operator_office() as office:
            await tenant_lifecycle.activate_tenant(
                office.tenant_office, tenant_id, find_actor(), trial_ends_at=trial_ends_at
            )
        tell(tenant_id, "active", f"Tenant {tenant_id} is active.", as_json=as_json)

    run(work)


def delete_command(
    tenant_id: Annotated[int, TenantArgument],
    confirmation: Annotated[str | None, typer.Option(help="The code that the first step printed.")] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Without --confirmation prints the code for the second step and changes nothing."""

    async def work() -> None:
        async with open_operator_office() as office:
            await find_place(office, tenant_id, None)
            tenant, _ = await get_tenant(office, tenant_id)
            if confirmation is None:
                made = await tenant_lifecycle.request_deletion(office.tenant_office, tenant_id, find_actor())
                told = {
                    "tenant_id": tenant_id,
                    "confirmation": made.code,
                    "confirm_before": made.expires_at.isoformat(),
                }
                sentence = (
                    f"Nothing is changed yet. {tenant.name} has {tenant.customer_count:,} customers; all of its data "
                    f"and keys will be erased for ever. To begin, before {made.expires_at:%H:%M:%S} UTC:\n"
                    f"  acequia tenants delete {tenant_id} --confirmation {made.code}"
                )
            else:
                after = await tenant_lifecycle.confirm_deletion(
                    office.tenant_office, tenant_id, confirmation, find_actor()
                )
                told = {"tenant_id": tenant_id, "delete_after": after.isoformat()}
                sentence = (
                    f"Tenant {tenant_id} is served no more and will be erased after {after:%Y-%m-%d %H:%M} UTC. Until "
                    f"then: acequia tenants keep {tenant_id}"
                )
        show_json(told) if as_json else typer.echo(sentence)

    run(work)


def keep_command(
    tenant_id: Annotated[int, TenantArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Cancels a deletion that has not begun to erase. The tenant is suspended then."""

    async def work() -> None:
        async with open_operator_office() as office:
            await tenant_lifecycle.cancel_deletion(office.tenant_office, tenant_id, find_actor())
        tell(
            tenant_id,
            "suspended",
            f"Tenant {tenant_id} is kept; it is suspended until `acequia tenants activate {tenant_id}`.",
            as_json=as_json,
        )

    run(work)


def tell(tenant_id: int, status: str, sentence: str, *, as_json: bool) -> None:
    show_json({"tenant_id": tenant_id, "status": status}) if as_json else typer.echo(sentence)

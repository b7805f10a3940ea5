"""`acequia health`: who is late, and by what."""

from typing import Annotated

import typer

from app.services.tenant_health import list_tenant_health, read_health
from db.tenants import find_tenant
from schemas.health import HealthQuery, TenantHealth
from schemas.sync_status import Health
from scripts.cli.office import open_operator_office
from scripts.cli.session import CommandError, JsonOption, run, show_json
from scripts.cli.tables import show_fields, show_rows

COLUMNS = ("tenant_id", "name", "health_status", "worst", "last_sync", "customer_count")
INTEGRATION_COLUMNS = ("id", "type", "status", "health", "last_sync", "due", "late_minutes", "hook_status")


def health_command(
    tenant_id: Annotated[int | None, typer.Argument(metavar="[TENANT]", help="All of them when not given.")] = None,
    only: Annotated[str | None, typer.Option("--only", help="critical, warning, unknown, healthy or paused.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=1_000)] = 50,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """How well tenants are, the worst first; or one with its integrations, each against its schedule."""

    async def work() -> None:
        if tenant_id is None:
            await show_all(read_health_word(only), lines, as_json=as_json)
        else:
            await show_one(tenant_id, as_json=as_json)

    run(work)


async def show_all(only: Health | None, lines: int, *, as_json: bool) -> None:
    async with open_operator_office() as office:
        page = await list_tenant_health(office, HealthQuery(health=only), lines)
    show_rows(page.data, COLUMNS, as_json=as_json, empty="No tenant is so." if only else "No tenants.")
    if page.next_cursor is not None and not as_json:
        typer.echo(f"There are more: -n takes up to 1,000 of them. These are the {lines} that are worst.")


async def show_one(tenant_id: int, *, as_json: bool) -> None:
    async with open_operator_office() as office:
        async with office.database.platform_tx("find_tenant") as connection:
            tenant = await find_tenant(connection, tenant_id)
        if tenant is None:
            raise CommandError(f"There is no tenant {tenant_id}.")
        found = await read_health(office, tenant)
    if as_json:
        show_json(found.model_dump(mode="json"))
        return
    show_fields(describe(found))
    typer.echo()
    show_rows(found.integrations, INTEGRATION_COLUMNS, as_json=False, empty="No integrations.")


def describe(found: TenantHealth) -> dict[str, object]:
    """The tenant itself, as one reads it."""
    told = found.model_dump(include={"tenant_id", "name", "type", "status", "health_status", "worst", "customer_count"})
    told |= found.model_dump(include={"waiting", "oldest_s", "dead_letters", "freshness_p50_ms", "freshness_p99_ms"})
    objective = found.objective
    if objective is not None:
        kept = "no change yet" if objective.kept_percent is None else f"{objective.kept_percent} % so far"
        told["objective"] = f"{objective.percent} % within {objective.within_s:g} s in {objective.month}: {kept}"
        told["budget_left"] = f"{objective.budget_left:.0%}"
        told["burn"] = objective.burn or "none"
    return told


def read_health_word(text: str | None) -> Health | None:
    """Raises CommandError for another word."""
    words: tuple[Health, ...] = ("critical", "warning", "unknown", "healthy", "paused")
    for word in words:
        if text == word:
            return word
    if text is not None:
        raise CommandError(f"--only takes one of {', '.join(words)}.")
    return None

"""`acequia audit`: who did what to what."""

from typing import Annotated

import typer

from app.services.audit import list_audit
from schemas.access import AuditEntry
from scripts.cli.office import PlatformOption, TenantPlace, find_place, open_operator_office
from scripts.cli.session import JsonOption, run
from scripts.cli.tables import show_rows

app = typer.Typer(no_args_is_help=True, help="The audit log.")
COLUMNS = ("at", "actor_kind", "actor_id", "action", "object_kind", "object_id", "details")
PAGE = 1_000


@app.command("list")
def list_command(
    tenant_id: Annotated[int | None, TenantPlace] = None,
    is_platform: Annotated[bool, PlatformOption] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=100_000, help="Entries shown.")] = 50,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """What was done in a tenant, or what concerns no single one; newest first."""

    async def work() -> None:
        entries: list[AuditEntry] = []
        cursor = None
        async with open_operator_office() as office:
            place = await find_place(office, tenant_id, None, is_platform=is_platform)
            while len(entries) < lines:
                page = await list_audit(
                    office.database, place.audited_tenant_id, limit=min(PAGE, lines - len(entries)), cursor=cursor
                )
                entries += page.data
                cursor = page.next_cursor
                if cursor is None:
                    break
        show_rows(entries, COLUMNS, as_json=as_json, empty="Nothing was done yet.")

    run(work)

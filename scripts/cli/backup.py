"""`acequia backup`: tells of backups that were made or verified, so that a missing one is an alert."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from app.services.backups import list_backups, report_backup
from schemas.alerts import NewBackupReport
from scripts.cli.office import find_actor, make_form, open_operator_office
from scripts.cli.session import JsonOption, run, show_json
from scripts.cli.tables import show_rows

app = typer.Typer(no_args_is_help=True, help="Backups that were made, as they are watched.")
COLUMNS = ("kind", "taken_at", "verified_at", "note", "reported_by", "reported_at")


@app.command("report")
def report_command(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="data, keys or keystore.")],
    taken_at: Annotated[datetime | None, typer.Option(help="When it was made, in UTC; now if not said.")] = None,
    is_verified: Annotated[bool, typer.Option("--verified", help="It was restored as a trial, just now.")] = False,
    note: Annotated[str | None, typer.Option(help="Where it is, or what was looked at.")] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Tells that a backup was made; the last line of the job that makes it."""

    async def work() -> None:
        form = make_form(
            NewBackupReport,
            kind=kind,
            taken_at=None if taken_at is None else taken_at.replace(tzinfo=UTC),
            verified_at=datetime.now(UTC) if is_verified else None,
            note=note,
        )
        async with open_operator_office() as office:
            report = await report_backup(office, form, actor=find_actor())
        show_json(report.model_dump(mode="json")) if as_json else typer.echo(f"The backup of {kind} is noted.")

    run(work)


@app.command("list")
def list_command(as_json: Annotated[bool, JsonOption] = False) -> None:
    """Reports, newest first."""

    async def work() -> None:
        async with open_operator_office() as office:
            rows = await list_backups(office)
        show_rows(rows, COLUMNS, as_json=as_json, empty="No backup was reported yet.")

    run(work)

"""`acequia doctor`: what is wrong with this installation, and what to do about it."""

from typing import Annotated

import typer
from rich.console import Console

from app.services.doctor import Doctor, Finding
from scripts.cli.session import JsonOption, open_session, run, show_json


def doctor_command(as_json: Annotated[bool, JsonOption] = False) -> None:
    """Checks servers, roles, durability, keys, clocks and processes. Exits 1 when something is broken."""

    async def work() -> None:
        async with open_session() as session:
            findings = await Doctor(session.settings, session.database, session.redis).examine()
        show_json([finding._asdict() for finding in findings]) if as_json else _print(findings)
        if any(finding.problem and not finding.is_warning for finding in findings):
            raise typer.Exit(1)

    run(work)


def _print(findings: list[Finding]) -> None:
    console = Console(highlight=False)
    for finding in findings:
        if finding.problem is None:
            console.print(f"[green]ok[/]       {finding.check}")
        elif finding.is_warning:
            console.print(f"[yellow]warning[/]  {finding.check}: {finding.problem}", soft_wrap=True)
        else:
            console.print(f"[red]broken[/]   {finding.check}: {finding.problem}", soft_wrap=True)

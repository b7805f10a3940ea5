"""The command line `acequia`: the same use cases as the API, for operators."""

import typer

from scripts.cli import connectors, database, dead_letters, doctor, events, keys, status

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.command("status")(status.status_command)
app.command("doctor")(doctor.doctor_command)
app.add_typer(events.app, name="events")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(database.app, name="db")
app.add_typer(keys.app, name="keys")
app.add_typer(connectors.app, name="connectors")


def main() -> None:
    """The entry point."""
    app()

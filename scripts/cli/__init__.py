"""The command line `acequia`: the same use cases as the API, for operators."""

import typer

from scripts.cli import (
    alerts,
    api_keys,
    audit,
    backup,
    connectors,
    database,
    dead_letters,
    doctor,
    events,
    health,
    integrations,
    keystore,
    lifecycle,
    organizations,
    queues,
    records,
    setup,
    status,
    sync,
    tenants,
    users,
)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.command("status")(status.status_command)
app.command("health")(health.health_command)
app.command("doctor")(doctor.doctor_command)
app.command("processes")(queues.processes_command)
app.command("setup")(setup.setup_command)
tenants.app.command("suspend")(lifecycle.suspend_command)
tenants.app.command("activate")(lifecycle.activate_command)
tenants.app.command("delete")(lifecycle.delete_command)
tenants.app.command("cancel-deletion")(lifecycle.cancel_deletion_command)
app.add_typer(tenants.app, name="tenants")
app.add_typer(organizations.app, name="organizations")
app.add_typer(integrations.app, name="integrations")
app.add_typer(sync.app, name="sync")
app.add_typer(records.orders, name="orders")
app.add_typer(records.customers, name="customers")
app.add_typer(api_keys.app, name="keys")
app.add_typer(users.app, name="users")
app.add_typer(audit.app, name="audit")
app.add_typer(queues.app, name="queues")
app.add_typer(alerts.app, name="alerts")
app.add_typer(backup.app, name="backup")
app.add_typer(events.app, name="events")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(database.app, name="db")
app.add_typer(keystore.app, name="keystore")
app.add_typer(connectors.app, name="connectors")


def main() -> None:
    """The entry point."""
    app()

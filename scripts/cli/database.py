"""`acequia db`: migrations and roles. `migrate` runs as owner, `roles` as an administrator of the server."""

import os
from typing import Annotated

import typer

from app.core.errors import ConfigurationError
from db.migrate import find_pending, install_token_key, migrate, migrate_keys
from db.roles import LOGIN_ROLES, ensure_roles
from db.token import read_token_key
from scripts.cli.session import JsonOption, open_session, read_operator_settings, run, show_json

app = typer.Typer(no_args_is_help=True, help="Migrations and roles.")


@app.command("migrate")
def migrate_command(as_json: Annotated[bool, JsonOption] = False) -> None:
    """Applies what is missing to MIGRATION_DATABASE_URL, and to KEYS_MIGRATION_DATABASE_URL when it is set; installs
    TENANT_TOKEN_KEY so that the database knows our tokens."""

    async def work() -> None:
        settings = read_operator_settings()
        owner_url = settings.get_url("migration_database_url")
        applied = await migrate(owner_url)
        if keys_url := os.environ.get("KEYS_MIGRATION_DATABASE_URL"):
            applied += await migrate_keys(keys_url)
        key = read_token_key(settings.get_url("tenant_token_key"))
        await install_token_key(owner_url, key.key_id, key.key)
        if as_json:
            show_json({"applied": applied})
        else:
            typer.echo("\n".join(f"applied {name}" for name in applied) or "Nothing to apply.")

    run(work)


@app.command("roles")
def roles_command(
    admin_url: Annotated[str, typer.Option(envvar="ADMIN_DATABASE_URL", help="As an administrator of the server.")],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Makes the roles and both databases, or brings them to the same state. Passwords: {ROLE}_PASSWORD."""

    async def work() -> None:
        passwords = {role: os.environ.get(f"{role.upper()}_PASSWORD", "") for role in LOGIN_ROLES}
        missing = [f"{role.upper()}_PASSWORD" for role, password in passwords.items() if not password]
        if missing:
            raise ConfigurationError(f"Set {', '.join(missing)} first.")
        await ensure_roles(admin_url, passwords)
        show_json({"roles": list(LOGIN_ROLES)}) if as_json else typer.echo(f"There are now: {', '.join(LOGIN_ROLES)}")

    run(work)


@app.command("status")
def status_command(as_json: Annotated[bool, JsonOption] = False) -> None:
    """Which migrations are not applied yet."""

    async def work() -> None:
        async with open_session() as session, session.database.platform_tx("migrations") as connection:
            pending = await find_pending(connection)
        if as_json:
            show_json({"pending": pending})
        else:
            typer.echo("\n".join(f"not applied: {name}" for name in pending) or "Every migration is applied.")

    run(work)

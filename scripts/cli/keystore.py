"""`acequia keystore`: the keystore's file, and the rotation of a tenant's keys."""

from typing import Annotated

import typer

from app.core.keystore import FileKeystore
from app.services.endpoints import reseal_inline_endpoints
from scripts.cli.session import (
    CommandError,
    JsonOption,
    open_keys,
    open_session,
    read_operator_settings,
    run,
    show_json,
)

app = typer.Typer(no_args_is_help=True, help="The keystore and the data keys of tenants.")

ROTATED = ("seal", "index", "inline")


@app.command("create")
def create_command(as_json: Annotated[bool, JsonOption] = False) -> None:
    """Makes the keystore that KEYSTORE_URL names, mode 0600. Never overwrites one."""

    async def work() -> None:
        url = read_operator_settings().get_url("keystore_url")
        FileKeystore.create(url)
        show_json({"created": url}) if as_json else typer.echo(f"Made {url}. Back it up apart from both databases.")

    run(work)


@app.command("rotate")
def rotate_command(
    tenant_id: Annotated[int, typer.Argument(metavar="TENANT")],
    purpose: Annotated[str, typer.Argument(help="seal, index or inline.")],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """A new key for what is sealed from now on; what is sealed already still opens."""

    async def work() -> None:
        if purpose not in ROTATED:
            raise CommandError(f"PURPOSE is none of {', '.join(ROTATED)}.")
        async with open_session() as session, open_keys(session) as keyring:
            keys = await keyring.rotate(tenant_id, purpose)  # type: ignore[arg-type]
            if purpose == "inline":
                await reseal_inline_endpoints(session.database, session.redis, session.settings, keys)
        shown = {"tenant_id": tenant_id, "rotated": purpose}
        show_json(shown) if as_json else typer.echo(f"Tenant {tenant_id} has a new {purpose} key.")

    run(work)


@app.command("rewrap")
def rewrap_command(as_json: Annotated[bool, JsonOption] = False) -> None:
    """Wraps every data key with the keystore's newest key; touches no data."""

    async def work() -> None:
        async with open_session() as session, open_keys(session) as keyring:
            done = await keyring.rewrap()
        show_json({"rewrapped": done}) if as_json else typer.echo(f"{done} data keys were wrapped anew.")

    run(work)

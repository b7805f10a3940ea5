"""`acequia setup`: the platform's own keys and its first administrator's key, after the first `acequia db migrate`."""

from typing import Annotated

import typer

from app.services.setup import set_up_platform
from scripts.cli.office import find_actor, open_operator_office
from scripts.cli.session import JsonOption, run, show_json


def setup_command(as_json: Annotated[bool, JsonOption] = False) -> None:
    """Makes the platform's keys and the first platform admin's API key, which is shown this once."""

    async def work() -> None:
        async with open_operator_office() as office:
            issued = await set_up_platform(office, actor=find_actor())
        if as_json:
            show_json({"is_new": issued is not None, "api_key": issued and issued.api_key})
        elif issued is None:
            typer.echo(
                "The platform is set up: there is an admin's key. `acequia keys create --platform --name NAME` makes"
                " another, `acequia keys list --platform` shows them."
            )
        else:
            typer.echo(f"The platform admin's API key, shown this once:\n\n  {issued.api_key}\n")
            typer.echo("Keep it as you keep a password. Next: `acequia tenants create`.")

    run(work)

"""`acequia dead-letters`: events with a fault of their own, until somebody replays or discards them."""

from typing import Annotated, Any

import typer

from app.services.dead_letters import (
    DeadLetterUnreadableError,
    discard_letter,
    find_letters,
    get_letter,
    read_event,
    replay_letter,
)
from db.dead_letters import DeadLetter
from db.tenants import list_tenants
from scripts.cli.office import find_actor
from scripts.cli.session import CommandError, JsonOption, Session, open_keys, open_session, run, show_json

app = typer.Typer(no_args_is_help=True, help="Events with a fault of their own.")
TenantArgument = typer.Argument(metavar="TENANT", help="Tenant id.")
EventArgument = typer.Argument(metavar="EVENT", help="Event id; `all` for every one that waits.")


@app.command("list")
def list_command(
    tenant_id: Annotated[int | None, typer.Argument(metavar="[TENANT]", help="All tenants when not given.")] = None,
    limit: int = 100,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Lists dead letters that wait or are being replayed, newest first."""

    async def work() -> None:
        async with open_session() as session:
            tenants = (
                [tenant_id] if tenant_id else [tenant.tenant_id for tenant in await list_tenants(session.database)]
            )
            rows = [
                {"tenant_id": one} | _describe(letter)
                for one in tenants
                for letter in await find_letters(session.database, one, limit)
            ]
        if as_json:
            show_json(rows)
            return
        for row in rows:
            typer.echo("{tenant_id:>6}  {event_id}  {kind:<8} {object_id:<24} {reason} {field}".format(**row))
        if not rows:
            typer.echo("No dead letters.")

    run(work)


@app.command("show")
def show_command(
    tenant_id: Annotated[int, TenantArgument],
    event_id: Annotated[str, typer.Argument(metavar="EVENT")],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Shows one with the event's pointer. The content of an inline document is never shown."""

    async def work() -> None:
        async with open_session() as session:
            letter = await get_letter(session.database, tenant_id, event_id)
            found = _describe(letter)
            if letter.sealed_body is not None:
                async with open_keys(session) as keyring:
                    keys = await keyring.keys_of(tenant_id)
                try:
                    event = read_event(keys, letter)
                except DeadLetterUnreadableError as error:
                    found["event"] = str(error)
                else:
                    found["event"] = event._replace(sealed=None)._asdict() | {"has_document": event.sealed is not None}
        if as_json:
            show_json(found)
            return
        for name, value in found.items():
            typer.echo(f"{name:<16} {value}")

    run(work)


@app.command("replay")
def replay_command(
    tenant_id: Annotated[int, TenantArgument],
    event_id: Annotated[str, EventArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Sends it through the queue again, as a fresh event."""

    async def work() -> None:
        async with open_session() as session, open_keys(session) as keyring:
            for one in await _choose(session, tenant_id, event_id):
                fresh = await replay_letter(
                    session.database, keyring, session.queue, session.settings, tenant_id=tenant_id, event_id=one,
                    actor=find_actor(),
                )  # fmt: skip
                if as_json:
                    show_json({"event_id": one, "replay_event_id": fresh})
                else:
                    typer.echo(f"{one} is replayed as {fresh}")

    run(work)


@app.command("discard")
def discard_command(
    tenant_id: Annotated[int, TenantArgument],
    event_id: Annotated[str, EventArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Gives it up: its body is removed, its row stays."""

    async def work() -> None:
        async with open_session() as session:
            for one in await _choose(session, tenant_id, event_id):
                await discard_letter(session.database, tenant_id, one, actor=find_actor())
                show_json({"event_id": one, "discarded": True}) if as_json else typer.echo(f"{one} is discarded")

    run(work)


async def _choose(session: Session, tenant_id: int, event_id: str) -> list[str]:
    if event_id != "all":
        return [event_id]
    letters = await find_letters(session.database, tenant_id, limit=1_000)
    waiting = [letter.event_id for letter in letters if letter.status == "waiting"]
    if not waiting:
        raise CommandError(f"Tenant {tenant_id} has no dead letter that waits.")
    return waiting


def _describe(letter: DeadLetter) -> dict[str, Any]:
    shown = letter._asdict()
    del shown["sealed_body"]
    return {name: "" if value is None else value for name, value in shown.items()}

"""`acequia dead-letters`: events with a fault of their own, until somebody replays or discards them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from app.services.bulk_operations import cancel_bulk
from app.services.dead_groups import list_groups
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
from schemas.bulk import LetterFilter, NewBulkOperation
from scripts.cli import bulk
from scripts.cli.office import find_actor, open_operator_office
from scripts.cli.session import CommandError, JsonOption, open_keys, open_session, run, show_json
from scripts.cli.tables import show_table

app = typer.Typer(no_args_is_help=True, help="Events with a fault of their own.")
TenantArgument = typer.Argument(metavar="TENANT", help="Tenant id.")
EventArgument = typer.Argument(metavar="[EVENT]", help="Event id; `all` for every one that waits.")
GROUP_COLUMNS = (
    "letters", "reason", "field", "kind", "integration_id", "first_at", "last_at", "example_object_id", "example_id",
)  # fmt: skip


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


@app.command("groups")
def groups_command(
    tenant_id: Annotated[int, TenantArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Those that wait by cause, the largest group first, each with an example."""

    async def work() -> None:
        async with open_operator_office() as office:
            groups = await list_groups(office, tenant_id)
        if as_json:
            show_json([group.model_dump(mode="json") for group in groups])
            return
        rows = [
            group.model_dump() | {"letters": f"{'≥' if group.is_at_least else ''}{group.letters:,}"} for group in groups
        ]
        show_table(rows, GROUP_COLUMNS, empty="No dead letters.")

    run(work)


@app.command("replay")
def replay_command(
    *,
    tenant_id: Annotated[int, TenantArgument],
    event_id: Annotated[str | None, EventArgument] = None,
    reason: Annotated[str | None, bulk.ReasonOption] = None,
    field: Annotated[str | None, bulk.FieldOption] = None,
    kind: Annotated[str | None, bulk.KindOption] = None,
    integration: Annotated[str | None, bulk.IntegrationOption] = None,
    since: Annotated[datetime | None, bulk.SinceOption] = None,
    until: Annotated[datetime | None, bulk.UntilOption] = None,
    is_dry_run: Annotated[bool, bulk.DryRunOption] = False,
    is_confirmed: Annotated[bool, bulk.YesOption] = False,
    is_watched: Annotated[bool, bulk.WatchOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Sends one, or all that wait and are so, through the queue again as fresh events."""

    async def replay_one(one: str) -> None:
        async with open_session() as session, open_keys(session) as keyring:
            fresh = await replay_letter(
                session.database, keyring, session.queue, session.settings, tenant_id=tenant_id, event_id=one,
                actor=find_actor(),
            )  # fmt: skip
        if as_json:
            show_json({"event_id": one, "replay_event_id": fresh})
        else:
            typer.echo(f"{one} is replayed as {fresh}")

    async def work() -> None:
        chosen = bulk.make_filter(
            reason=reason, field=field, kind=kind, integration=integration, since=since, until=until
        )
        if _is_one(event_id, chosen):
            return await replay_one(str(event_id))
        new = NewBulkOperation(action="replay", filter=chosen)
        return await bulk.work_bulk(tenant_id, bulk.BulkWish(new, is_dry_run, is_confirmed, is_watched, as_json))

    run(work)


@app.command("discard")
def discard_command(
    *,
    tenant_id: Annotated[int, TenantArgument],
    event_id: Annotated[str | None, EventArgument] = None,
    reason: Annotated[str | None, bulk.ReasonOption] = None,
    field: Annotated[str | None, bulk.FieldOption] = None,
    kind: Annotated[str | None, bulk.KindOption] = None,
    integration: Annotated[str | None, bulk.IntegrationOption] = None,
    since: Annotated[datetime | None, bulk.SinceOption] = None,
    until: Annotated[datetime | None, bulk.UntilOption] = None,
    is_dry_run: Annotated[bool, bulk.DryRunOption] = False,
    is_confirmed: Annotated[bool, bulk.YesOption] = False,
    is_watched: Annotated[bool, bulk.WatchOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Gives up one, or all that wait and are so: bodies are removed for ever, rows stay."""

    async def discard_one(one: str) -> None:
        async with open_session() as session:
            await discard_letter(session.database, tenant_id, one, actor=find_actor())
        show_json({"event_id": one, "discarded": True}) if as_json else typer.echo(f"{one} is discarded")

    async def work() -> None:
        chosen = bulk.make_filter(
            reason=reason, field=field, kind=kind, integration=integration, since=since, until=until
        )
        if _is_one(event_id, chosen):
            return await discard_one(str(event_id))
        new = NewBulkOperation(action="discard", filter=chosen)
        return await bulk.work_bulk(tenant_id, bulk.BulkWish(new, is_dry_run, is_confirmed, is_watched, as_json))

    run(work)


@app.command("cancel")
def cancel_command(
    tenant_id: Annotated[int, TenantArgument],
    operation_id: Annotated[UUID, typer.Argument(metavar="OPERATION", help="As `replay` or `discard` showed it.")],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Stops an operation on many within a step; what it did stays."""

    async def work() -> None:
        async with open_operator_office() as office:
            operation = await cancel_bulk(office, tenant_id, operation_id, actor=find_actor())
        if as_json:
            show_json(operation.model_dump(mode="json"))
        else:
            typer.echo(f"{operation_id} stops: {operation.done:,} of {operation.total:,} are done")

    run(work)


def _is_one(event_id: str | None, chosen: LetterFilter) -> bool:
    """Whether one letter is meant. Raises CommandError when nothing is, or both."""
    is_filtered = chosen != LetterFilter()
    if event_id is None and not is_filtered:
        raise CommandError("Say which: an EVENT, `all`, or a filter such as --reason. `groups` shows what there is.")
    if event_id not in {None, "all"} and is_filtered:
        raise CommandError("Either one EVENT or a filter.")
    return event_id not in {None, "all"}


def _describe(letter: DeadLetter) -> dict[str, Any]:
    shown = letter._asdict()
    del shown["sealed_body"]
    return {name: "" if value is None else value for name, value in shown.items()}

"""Replays and discards of many dead letters on the command line: estimated, confirmed, started, followed."""

import asyncio
import sys
from datetime import datetime
from typing import NamedTuple

import typer

from app.core.errors import NotFoundError
from app.services import bulk_operations
from app.services.office import Office
from db.tenants import find_tenant
from schemas.bulk import BulkEstimate, BulkOperation, LetterFilter, NewBulkOperation
from scripts.cli.office import find_actor, make_form, open_operator_office
from scripts.cli.session import CommandError, show_json

LOOK_S = 0.5
ReasonOption = typer.Option("--reason", metavar="R", help="Only those of this reason, as `groups` shows it.")
FieldOption = typer.Option("--field", metavar="F", help="Only those whose fault lies there, in any place of a list.")
KindOption = typer.Option("--kind", metavar="K", help="order or customer.")
IntegrationOption = typer.Option("--integration", metavar="ID", help="One integration, for example int_56_1.")
SinceOption = typer.Option("--since", metavar="TIME", help="Made then (UTC) or later.")
UntilOption = typer.Option("--until", metavar="TIME", help="Made before (UTC).")
DryRunOption = typer.Option("--dry-run", help="Say how many it would take, and do nothing.")
YesOption = typer.Option("--yes", help="Do not ask.")
WatchOption = typer.Option("--watch", help="Follow it to its end.")


class BulkWish(NamedTuple):
    """What was asked for on the command line."""

    new: NewBulkOperation
    is_dry_run: bool
    is_confirmed: bool
    is_watched: bool
    as_json: bool


def make_filter(
    *,
    reason: str | None,
    field: str | None,
    kind: str | None,
    integration: str | None,
    since: datetime | None,
    until: datetime | None,
) -> LetterFilter:
    """Times without a zone are UTC. Raises CommandError."""
    times = {name: f"{at.isoformat()}Z" for name, at in (("since", since), ("until", until)) if at is not None}
    return make_form(LetterFilter, reason=reason, field=field, kind=kind, integration_id=integration, **times)


async def work_bulk(tenant_id: int, wish: BulkWish) -> None:
    """Raises CommandError when it is not confirmed; exits 1 when letters failed."""
    async with open_operator_office() as office:
        estimate = await bulk_operations.estimate_bulk(office, tenant_id, wish.new.filter)
        if wish.is_dry_run:
            _show_estimate(wish, estimate)
            return
        _confirm(wish, estimate)
        async with office.database.platform_tx("find_tenant") as connection:
            tenant = await find_tenant(connection, tenant_id)
        if tenant is None:
            raise NotFoundError(f"There is no tenant {tenant_id}.")
        operation = await bulk_operations.start_bulk(office, tenant, wish.new, actor=find_actor())
        _show(wish, operation)
        if wish.is_watched:
            operation = await _follow(office, tenant_id, operation, wish)
    if operation.failed:
        raise typer.Exit(1)


async def _follow(office: Office, tenant_id: int, operation: BulkOperation, wish: BulkWish) -> BulkOperation:
    while operation.state == "running":
        await asyncio.sleep(LOOK_S)
        now = await bulk_operations.get_bulk(office, tenant_id, operation.operation_id)
        if now != operation:
            _show(wish, now)
        operation = now
    return operation


def _show_estimate(wish: BulkWish, estimate: BulkEstimate) -> None:
    if wish.as_json:
        show_json(estimate.model_dump(mode="json"))
    else:
        typer.echo(f"{_describe(wish, estimate)} {_tell_end(wish)}")


def _confirm(wish: BulkWish, estimate: BulkEstimate) -> None:
    if wish.is_confirmed or not estimate.letters:  # none: it is refused with the reason
        return
    if not sys.stdin.isatty():
        raise CommandError(f"{_describe(wish, estimate)} {_tell_end(wish)} Add --yes to do it.")
    typer.confirm(f"{_describe(wish, estimate)} {_tell_end(wish)} Go on?", abort=True)


def _describe(wish: BulkWish, estimate: BulkEstimate) -> str:
    least = "at least " if estimate.is_at_least else ""
    return f"{wish.new.action} takes {least}{estimate.letters:,} dead letters."


def _tell_end(wish: BulkWish) -> str:
    if wish.new.action == "discard":
        return "Their bodies are removed: this cannot be undone."
    return "Each goes through the queue once more; one that fails again waits again."


def _show(wish: BulkWish, operation: BulkOperation) -> None:
    if wish.as_json:
        show_json(operation.model_dump(mode="json"))
        return
    total = f"{'≥' if operation.is_at_least else ''}{operation.total:,}"
    failures = ", ".join(f"{letters:,} {code}" for code, letters in sorted(operation.failures.items()))
    waits = f", waits for {operation.waits_for}" if operation.waits_for else ""
    typer.echo(
        f"{operation.operation_id}  {operation.state}: {operation.done:,} of {total} {operation.action}ed"
        + (f", {failures}" if failures else "")
        + waits
    )

"""`acequia sync`: syncs started, followed, cancelled, and checked against the provider."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID

import typer

from app.core.errors import NotFoundError
from app.services import sync_runs
from app.services.office import Office
from app.services.sync_starts import start_syncs
from app.services.sync_status import read_sync_status
from db.tenants import Tenant, find_tenant
from schemas.syncs import RunsQuery, SyncLine, SyncRun, SyncWanted
from scripts.cli.office import find_actor, make_form, open_operator_office
from scripts.cli.session import CommandError, JsonOption, run, show_json
from scripts.cli.sync_findings import show_verification
from scripts.cli.sync_watch import watch_runs
from scripts.cli.tables import show_rows, show_table

app = typer.Typer(no_args_is_help=True, help="Syncs: everything, what may have changed, or what is missing.")
TenantArgument = typer.Argument(metavar="TENANT", help="Tenant id.")
RunArgument = typer.Argument(metavar="RUN", help="A run's id, as `acequia sync list` shows it.")
TypeOption = typer.Option("--type", metavar="T", help="Only integrations of this type; may be given again.")
IntegrationOption = typer.Option("--integration", metavar="ID", help="One integration, for example int_56_1.")
StreamOption = typer.Option("--stream", metavar="S", help="orders, customers or ad_spend; may be given again.")
PriorityOption = typer.Option("--priority", help="high, normal or low.")
FromOption = typer.Option("--from", metavar="DAY", help="First day of creation (UTC), for example 2026-11-01.")
ToOption = typer.Option("--to", metavar="DAY", help="Last day of creation.")
STATUS_COLUMNS = (
    "id", "type", "status", "health", "last_sync", "next_sync", "records_synced", "errors", "sync_duration_minutes",
)  # fmt: skip
RUN_COLUMNS = (
    "run_id", "integration_id", "sync_type", "trigger", "status", "created_at", "ended_at", "listed", "changed",
    "errors", "reason",
)  # fmt: skip
LINE_COLUMNS = ("type", "integration_id", "outcome", "run_id", "behind", "note")


@app.command("start")
def start_command(
    *,
    tenant_id: Annotated[int, TenantArgument],
    sync_type: Annotated[str, typer.Option("--kind", help="incremental, full or repair.")] = "incremental",
    types: Annotated[list[str] | None, TypeOption] = None,
    integration: Annotated[str | None, IntegrationOption] = None,
    streams: Annotated[list[str] | None, StreamOption] = None,
    priority: Annotated[str, PriorityOption] = "normal",
    is_watched: Annotated[bool, typer.Option("--watch", help="Follow it to its end.")] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Asks for a sync and says what becomes of it; exits 1 when nothing will run."""

    async def work(office: Office, tenant: Tenant) -> None:
        wanted = make_form(
            SyncWanted, integration_types=types or None, integration_id=integration, sync_type=sync_type,
            streams=streams or None, priority=priority,
        )  # fmt: skip
        lines = await start_syncs(office, tenant, wanted, actor=find_actor())
        if not is_watched:
            show_rows(lines, LINE_COLUMNS, as_json=as_json, empty="This tenant has no integration.")
        ids = list_run_ids(lines)
        if not ids:
            raise typer.Exit(1)
        if is_watched:
            check_ended(await watch_runs(office, tenant_id, ids, as_json=as_json))

    run_for(tenant_id, work)


@app.command("watch")
def watch_command(
    tenant_id: Annotated[int, TenantArgument],
    run_id: Annotated[UUID | None, typer.Argument(metavar="[RUN]", help="All that go on when not given.")] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Follows runs to their end: a bar per stream, or a line per change where there is no terminal. Ctrl-C leaves them
    going."""

    async def work(office: Office, tenant: Tenant) -> None:
        del tenant
        ids = [run_id] if run_id else [one.run_id for one in await sync_runs.list_active_runs(office, tenant_id)]
        if not ids:
            raise CommandError("Nothing is syncing: `acequia sync list` shows what did.")
        check_ended(await watch_runs(office, tenant_id, ids, as_json=as_json))

    run_for(tenant_id, work)


@app.command("list")
def list_command(
    tenant_id: Annotated[int, TenantArgument],
    integration: Annotated[str | None, IntegrationOption] = None,
    status: Annotated[str | None, typer.Option(help="queued, running, succeeded, partial, failed, cancelled.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=1_000)] = 20,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Sync runs, newest first."""

    async def work(office: Office, tenant: Tenant) -> None:
        del tenant
        query = make_form(RunsQuery, integration_id=integration, status=status)
        found = (await sync_runs.list_runs(office, tenant_id, query, lines)).data
        if as_json:
            show_json([one.model_dump(mode="json") for one in found])
        else:
            show_table([summarize(one) for one in found], RUN_COLUMNS, empty="No sync has run yet.")

    run_for(tenant_id, work)


@app.command("status")
def status_command(
    tenant_id: Annotated[int, TenantArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """How current each integration is, and when it syncs next."""

    async def work(office: Office, tenant: Tenant) -> None:
        found = await read_sync_status(office, tenant)
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            show_rows(found.integrations, STATUS_COLUMNS, as_json=False, empty="No integrations.")

    run_for(tenant_id, work)


@app.command("cancel")
def cancel_command(
    tenant_id: Annotated[int, TenantArgument],
    run_id: Annotated[UUID, RunArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Ends a run within a step; what it wrote stays."""
    change(tenant_id, run_id, sync_runs.cancel_run, as_json=as_json)


@app.command("pause")
def pause_command(
    tenant_id: Annotated[int, TenantArgument],
    run_id: Annotated[UUID, RunArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Stops a run within a step; `resume` lets it go on from there."""
    change(tenant_id, run_id, sync_runs.pause_run, as_json=as_json)


@app.command("resume")
def resume_command(
    tenant_id: Annotated[int, TenantArgument],
    run_id: Annotated[UUID, RunArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Lets a paused run go on."""
    change(tenant_id, run_id, sync_runs.resume_run, as_json=as_json)


@app.command("verify")
def verify_command(
    *,
    tenant_id: Annotated[int, TenantArgument],
    first: Annotated[str | None, FromOption] = None,
    last: Annotated[str | None, ToOption] = None,
    integration: Annotated[str | None, IntegrationOption] = None,
    streams: Annotated[list[str] | None, StreamOption] = None,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Compares with the provider day by day, fetches what differs, and shows days and differences by id.

    Exits 1 when a difference could not be settled.
    """

    async def work(office: Office, tenant: Tenant) -> None:
        since, until = read_day(first, "--from"), read_day(last, "--to", days_later=1)
        wanted = make_form(
            SyncWanted, integration_id=integration, sync_type="repair", streams=streams or None, priority="high",
            since=since, until=until,
        )  # fmt: skip
        lines = await start_syncs(office, tenant, wanted, actor=find_actor())
        ids = list_run_ids(lines)
        if not ids:
            told = "; ".join(f"{line.type}: {line.note}" for line in lines)
            raise CommandError(f"Nothing can be compared. {told or 'This tenant has no integration.'}")
        runs = await watch_runs(office, tenant_id, ids, as_json=False, is_quiet=as_json)
        is_settled = await show_verification(office, tenant_id, runs, as_json=as_json)
        if not is_settled:
            raise typer.Exit(1)

    run_for(tenant_id, work)


def run_for(tenant_id: int, work: Callable[[Office, Tenant], Awaitable[None]]) -> None:
    """Runs a command about one tenant."""

    async def wrapped() -> None:
        async with open_operator_office() as office:
            async with office.database.platform_tx("find_tenant") as connection:
                tenant = await find_tenant(connection, tenant_id)
            if tenant is None or tenant.status == "deleted":
                raise NotFoundError(f"There is no tenant {tenant_id}.")
            await work(office, tenant)

    run(wrapped)


def change(tenant_id: int, run_id: UUID, act: Callable[..., Awaitable[SyncRun]], *, as_json: bool) -> None:
    """Does something with one run and shows how it stands then."""

    async def work(office: Office, tenant: Tenant) -> None:
        del tenant
        shown = await act(office, tenant_id, run_id, actor=find_actor())
        if as_json:
            show_json(shown.model_dump(mode="json"))
            return
        state = "paused" if shown.is_paused else "ending" if shown.is_ending else shown.status
        typer.echo(f"Run {shown.run_id} is {state}.")

    run_for(tenant_id, work)


def summarize(one: SyncRun) -> dict[str, Any]:
    """A run on one line."""
    told = one.model_dump()
    status = "paused" if one.is_paused else "ending" if one.is_ending else one.status
    waits_for = next((stream.reason for stream in one.streams if stream.status == "running" and stream.reason), None)
    return told | {
        "status": status,
        "reason": one.reason or waits_for,
        "listed": sum(stream.listed for stream in one.streams),
        "changed": sum(stream.created + stream.updated + stream.deleted for stream in one.streams),
        "errors": sum(stream.errors for stream in one.streams),
    }


def list_run_ids(lines: list[SyncLine]) -> list[UUID]:
    return [line.run_id for line in lines if line.run_id is not None]


def check_ended(runs: list[SyncRun]) -> None:
    """Exits 1 when one has not brought everything."""
    if any(one.status not in {"succeeded", "partial"} for one in runs):
        raise typer.Exit(1)


def read_day(text: str | None, name: str, *, days_later: int = 0) -> datetime | None:
    """The beginning of a day in UTC, or of a later one. Raises CommandError."""
    if text is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=days_later)
    except (ValueError, OverflowError):
        raise CommandError(f"{name} is a day, for example 2026-11-01.") from None

"""`acequia queues` and `acequia processes`: what waits, who drains it, who is alive."""

from typing import Annotated

import typer

from app.services.processes import list_processes
from app.services.queues import pause_queue, read_queues, resume_queue
from schemas.queues import Process, TenantQueue, WorkerGroup
from scripts.cli.office import find_actor, open_operator_office
from scripts.cli.session import JsonOption, run, show_json
from scripts.cli.tables import show_table

app = typer.Typer(no_args_is_help=True, help="Tenants' queues: what waits, who drains it; pause and resume.")
TenantArgument = typer.Argument(metavar="TENANT", help="Tenant id.")
SHOWN_MAX = 1_000
COLUMNS = ("tenant_id", "name", "group", "waiting", "retrying", "oldest", "place", "drained_by")
GROUP_COLUMNS = ("group", "processes", "tenants", "paused", "waiting", "oldest", "turns_per_s", "events_per_s")
PROCESS_COLUMNS = (
    "process_id", "group", "host", "version", "started_at", "seen", "turns_per_s", "events_per_s", "works_for",
)  # fmt: skip


@app.command("list")
def list_command(as_json: Annotated[bool, JsonOption] = False) -> None:
    """Worker groups, and queues with something in them or paused; warns of what nobody drains."""

    async def work() -> None:
        async with open_operator_office() as office:
            found = await read_queues(office, limit=SHOWN_MAX)
        if as_json:
            show_json(found.model_dump(mode="json"))
            return
        show_table([_describe_group(group) for group in found.groups], GROUP_COLUMNS, empty="No worker groups.")
        typer.echo()
        show_table([_describe(queue) for queue in found.data], COLUMNS, empty="Nothing waits.")
        typer.echo(f"{found.quiet} more tenants have nothing waiting." if found.quiet else "")
        for warning in found.warnings:
            typer.echo(f"WARNING: {warning}")

    run(work)


@app.command("pause")
def pause_command(
    tenant_id: Annotated[int, TenantArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Gives a tenant no more turns; its events are accepted and wait. Nothing is lost."""

    async def work() -> None:
        async with open_operator_office() as office:
            queue = await pause_queue(office, tenant_id, actor=find_actor())
        _tell(queue, f"paused: {queue.waiting + queue.retrying} events wait, and so does what comes. "
                     f"Next: `acequia queues resume {tenant_id}`", as_json=as_json)  # fmt: skip

    run(work)


@app.command("resume")
def resume_command(
    tenant_id: Annotated[int, TenantArgument],
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Ends a pause: what waited is drained."""

    async def work() -> None:
        async with open_operator_office() as office:
            queue = await resume_queue(office, tenant_id, actor=find_actor())
        _tell(queue, f"drained again: {queue.waiting + queue.retrying} events wait", as_json=as_json)

    run(work)


def processes_command(as_json: Annotated[bool, JsonOption] = False) -> None:
    """Processes that are alive, and what each does."""

    async def work() -> None:
        async with open_operator_office() as office:
            found = await list_processes(office)
        if as_json:
            show_json([process.model_dump(mode="json") for process in found])
            return
        empty = "No process is alive. `scripts/up` starts them all; `python -m workers.main` starts a worker."
        show_table([_describe_process(process) for process in found], PROCESS_COLUMNS, empty=empty)

    run(work)


def _tell(queue: TenantQueue, what: str, *, as_json: bool) -> None:
    if as_json:
        show_json(queue.model_dump(mode="json"))
        return
    typer.echo(f"The queue of tenant {queue.tenant_id} is {what}.")
    if not queue.is_served:
        typer.echo(f"WARNING: no live worker drains its group, {queue.group}.")


def _describe(queue: TenantQueue) -> dict[str, object]:
    place = "paused" if queue.is_paused else queue.place
    drained_by = [drainer.process_id for drainer in queue.drained_by if drainer.is_now]
    return queue.model_dump() | {"oldest": _seconds(queue.oldest_s), "place": place, "drained_by": drained_by}


def _describe_group(group: WorkerGroup) -> dict[str, object]:
    return group.model_dump() | {
        "group": group.name, "processes": len(group.processes), "oldest": _seconds(group.oldest_s)
    }  # fmt: skip


def _describe_process(process: Process) -> dict[str, object]:
    works_for = sorted({work.tenant_id for work in process.work})
    return process.model_dump() | {"seen": f"{process.seen_s_ago:.0f} s ago", "works_for": works_for}


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"

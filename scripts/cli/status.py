"""`acequia status`: what waits, what became of today's events, how fast, and what needs somebody."""

from typing import Annotated

from rich.console import Console
from rich.table import Table

from app.services.status import LATENCY_MINUTES, Status, read_status
from scripts.cli.session import JsonOption, open_session, run, show_json

OUTCOMES = ("applied", "superseded", "duplicate", "ignored", "dead")
COLUMNS = ("tenant", "name", "state", "waiting", "oldest", *OUTCOMES, "refused")
PLAIN_WIDTH = 120


def status_command(as_json: Annotated[bool, JsonOption] = False) -> None:
    """Queues, today's outcomes, latency, dead letters and gaps."""

    async def work() -> None:
        async with open_session() as session:
            status = await read_status(session.database, session.queue, session.cache)
        show_json(_to_json(status)) if as_json else _print(status)

    run(work)


def _to_json(status: Status) -> dict[str, object]:
    return {
        "tenants": [tenant._asdict() | {"queue": tenant.queue._asdict()} for tenant in status.tenants],
        "latency_ms": status.latency_ms._asdict(),
        "waiting": status.waiting,
    }


def _print(status: Status) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH  # a log or a pipe has no width: nothing is cut there
    table = Table(box=None, pad_edge=False, header_style="bold", title="Today (UTC)", title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in ("name", "state") else "right", no_wrap=True)
    for tenant in status.tenants:
        waiting = str(tenant.queue.waiting + tenant.queue.retrying)
        oldest = "" if tenant.queue.oldest_ms is None else f"{tenant.queue.oldest_ms / 1000:.1f} s"
        counts = [str(tenant.outcomes.get(outcome, 0)) for outcome in OUTCOMES]
        refused = str(sum(tenant.refusals.values()))
        table.add_row(str(tenant.tenant_id), tenant.name, tenant.status, waiting, oldest, *counts, refused)
    console.print(table)
    for line in _list_remarks(status):
        console.print(line, soft_wrap=True)


def _list_remarks(status: Status) -> list[str]:
    """How fast it is, and what needs somebody."""
    latency, lines = status.latency_ms, []
    if latency.events:
        lines.append(f"Latency over {LATENCY_MINUTES} min: p50 {latency.p50:.0f} ms, p99 {latency.p99:.0f} ms, "
                     f"max {latency.max:.0f} ms ({latency.events} events)")  # fmt: skip
    for tenant in status.tenants:
        who = f"Tenant {tenant.tenant_id}: "
        if tenant.dead_letters:
            lines.append(f"{who}{tenant.dead_letters} dead letters wait (acequia dead-letters list {tenant.tenant_id})")
        lines += [
            f"{who}integration {name} is {state}" for name, state in tenant.integrations.items() if state != "active"
        ]
        lines += [f"{who}{gap} may be incomplete" for gap in tenant.gaps]
        lines += [f"{who}{count} calls refused: {reason}" for reason, count in tenant.refusals.items()]
    return lines

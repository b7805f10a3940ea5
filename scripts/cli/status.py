"""`acequia status`: what waits, what became of today's events, how fast, and what needs somebody."""

from typing import Annotated

from rich.console import Console
from rich.table import Table

from app.services.status import LATENCY_MINUTES, Status, read_status
from scripts.cli.session import JsonOption, open_session, run, show_json


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
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("tenant", "name", "state", "waiting", "retrying", "oldest", "applied", "superseded", "duplicate",
                 "dead", "dead letters", "refused", "gaps"):  # fmt: skip
        table.add_column(name, justify="left" if name in ("name", "state") else "right")
    for tenant in status.tenants:
        oldest = "" if tenant.queue.oldest_ms is None else f"{tenant.queue.oldest_ms / 1000:.1f} s"
        counts = [tenant.outcomes.get(outcome, 0) for outcome in ("applied", "superseded", "duplicate", "dead")]
        values = (tenant.tenant_id, tenant.name, tenant.status, tenant.queue.waiting, tenant.queue.retrying, oldest,
                  *counts, tenant.dead_letters, sum(tenant.refusals.values()), len(tenant.gaps))  # fmt: skip
        table.add_row(*map(str, values))
    console.print(table)
    latency = status.latency_ms
    if latency.events:
        console.print(f"latency over {LATENCY_MINUTES} min: p50 {latency.p50:.0f} ms, p99 {latency.p99:.0f} ms, "
                      f"max {latency.max:.0f} ms ({latency.events} events)")  # fmt: skip
    for tenant in status.tenants:
        for name, state in tenant.integrations.items():
            if state != "active":
                console.print(f"tenant {tenant.tenant_id}: integration {name} is {state}")
        for gap in tenant.gaps:
            console.print(f"tenant {tenant.tenant_id}: {gap} may be incomplete")

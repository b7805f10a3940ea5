"""Syncs asked for by hand, and runs paused, resumed and cancelled."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from app.core.errors import FieldProblem, InvalidInputError
from app.dashboard.confirm import confirm
from app.dashboard.inputs import make_model
from app.dashboard.page import Go, Page, View
from app.dashboard.pages.syncs import BASE, list_syncable
from app.dashboard.visit import SAID, Visit
from app.services.sync_runs import cancel_run, get_run, list_runs, pause_run, resume_run
from app.services.sync_starts import start_syncs
from schemas.integrations import Integration
from schemas.syncs import RunsQuery, SyncLine, SyncRun, SyncWanted

KINDS = ("incremental", "repair", "full")
PRIORITIES = ("normal", "high", "low")
RUNS_LOOKED_AT = 50  # for the last one of each kind, from which the next one is estimated
ESTIMATED_MAX = 5  # integrations


class Estimate(NamedTuple):
    """What the last run of this kind took: `objects` listed, `took_s` from its beginning to its end."""

    integration: Integration
    kind: str
    objects: int
    took_s: float
    ended_at: datetime


async def show_start(visit: Visit) -> View:
    return await _render_start(visit, ())


async def start(visit: Visit) -> View | Go:
    form = visit.form
    wanted = make_model(
        SyncWanted,
        {
            "integration_id": form.get("integration_id") or None,
            "sync_type": form.get("sync_type", "incremental"),
            "priority": form.get("priority", "normal"),
            "streams": visit.form_list("streams") or None,
            "since": _read_day(visit, "since"),
            "until": _read_day(visit, "until", later=timedelta(days=1)),
        },
    )
    asked = await start_syncs(visit.office, visit.get_tenant(), wanted, actor=visit.actor)
    listed = {one.id for one in await list_syncable(visit)}
    lines = [line for line in asked if line.integration_id in listed]  # of others there is nothing to sync
    if len(lines) == 1 and lines[0].run_id is not None and lines[0].note is None:
        return Go(visit.link("syncs.show", run_id=lines[0].run_id), f"syncs.start_{lines[0].outcome}")
    return await _render_start(visit, lines)


async def show_pause(visit: Visit) -> View:
    run = await _find(visit)
    says = [visit.t("syncs.pause_step", n=_count(run)), visit.t("syncs.pause_behind")]
    return confirm(
        visit, title=visit.t("syncs.pause_title"), says=says, can_undo=True, button=visit.t("syncs.pause"),
        back=visit.link("syncs.show", run_id=run.run_id), tone="go",
    )  # fmt: skip


async def pause(visit: Visit) -> Go:
    run = await pause_run(visit.office, visit.tenant_id, visit.uuid("run_id"), actor=visit.actor)
    return Go(visit.link("syncs.show", run_id=run.run_id), "syncs.paused")


async def back_to_it(visit: Visit) -> Go:
    return Go(visit.link("syncs.show", run_id=(await _find(visit)).run_id))


async def resume(visit: Visit) -> Go:
    run = await resume_run(visit.office, visit.tenant_id, visit.uuid("run_id"), actor=visit.actor)
    return Go(visit.link("syncs.show", run_id=run.run_id), "syncs.resumed")


async def show_cancellation(visit: Visit) -> View:
    run = await _find(visit)
    says = [visit.t("syncs.cancel_stays", n=_count(run)), visit.t("syncs.cancel_rest")]
    return confirm(
        visit, title=visit.t("syncs.cancel_title"), says=says, can_undo=False, button=visit.t("syncs.cancel"),
        back=visit.link("syncs.show", run_id=run.run_id),
    )  # fmt: skip


async def cancel(visit: Visit) -> Go:
    run = await cancel_run(visit.office, visit.tenant_id, visit.uuid("run_id"), actor=visit.actor)
    return Go(visit.link("syncs.show", run_id=run.run_id), "syncs.cancelled")


async def _find(visit: Visit) -> SyncRun:
    return await get_run(visit.office, visit.tenant_id, visit.uuid("run_id"))


def _count(run: SyncRun) -> int:
    """Objects looked at so far."""
    return sum(one.listed for one in run.streams)


def _read_day(visit: Visit, name: str, later: timedelta = timedelta()) -> str | None:
    """A day (UTC) as the moment at which it begins, or ends."""
    text = visit.form.get(name, "").strip()
    if not text:
        return None
    try:
        moment = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) + later
    except (ValueError, OverflowError):
        raise InvalidInputError(FieldProblem(f"/{name}", visit.t("syncs.no_day"), SAID)) from None
    return moment.isoformat()


async def _render_start(visit: Visit, lines: Sequence[SyncLine]) -> View:
    integrations = await list_syncable(visit)
    asked = visit.form.get("integration_id", visit.query("integration_id"))
    data = {
        "integrations": integrations,
        "names": {one.id: one.name for one in integrations},
        "chosen": asked,
        "kind": visit.form.get("sync_type", visit.query("sync_type", KINDS[0])),
        "kinds": KINDS,
        "priorities": PRIORITIES,
        "streams": sorted({stream.name for one in integrations for stream in one.streams}, reverse=True),
        "form": visit.form,
        "estimates": await _list_estimates(visit, integrations),
        "lines": lines,
    }
    return View("syncs/start.html", data)


async def _list_estimates(visit: Visit, integrations: Sequence[Integration]) -> list[Estimate]:
    found = []
    for one in integrations[:ESTIMATED_MAX]:
        page = await list_runs(visit.office, visit.tenant_id, RunsQuery(integration_id=one.id), RUNS_LOOKED_AT)
        for kind in KINDS:
            # A repair of some days says nothing of one of them all.
            last = next((run for run in page.data if run.sync_type == kind and _is_measure(run)), None)
            if last is not None and last.started_at is not None and last.ended_at is not None:
                took_s = (last.ended_at - last.started_at).total_seconds()
                found.append(Estimate(one, kind, sum(part.listed for part in last.streams), took_s, last.ended_at))
    return found


def _is_measure(run: SyncRun) -> bool:
    return run.status in {"succeeded", "partial"} and run.since is None and run.until is None


PAGES = (
    Page("syncs.start", f"{BASE}/start", "tenant", "integrations:operate", show_start, start),
    Page("syncs.pause", f"{BASE}/{{run_id}}/pause", "tenant", "integrations:operate", show_pause, pause),
    Page("syncs.resume", f"{BASE}/{{run_id}}/resume", "tenant", "integrations:operate", back_to_it, resume),
    Page("syncs.cancel", f"{BASE}/{{run_id}}/cancel", "tenant", "integrations:operate", show_cancellation, cancel),
)

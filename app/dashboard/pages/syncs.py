"""Sync runs: which go on and went, one of them as it goes, what a repair found, and when the next ones begin."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args
from uuid import UUID

from app.connectors.registry import list_connectors
from app.core.errors import AcequiaError
from app.dashboard.page import Page, View
from app.dashboard.visit import Visit
from app.services.integration_reads import list_integrations
from app.services.ledger import list_tenant_gaps
from app.services.sync_requests import list_syncable_streams
from app.services.sync_runs import get_run, list_findings, list_runs
from app.services.sync_status import read_sync_status
from schemas.integrations import Integration
from schemas.syncs import RunsQuery, RunStatus, SyncRun

BASE = "/tenants/{tenant_id:int}/syncs"
RUNS_SHOWN = 25
FINDINGS_SHOWN, FINDINGS_PAGE = 10, 100
STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)
GOING_ON = ("queued", "running")


async def show_list(visit: Visit) -> View:
    integrations = await list_syncable(visit)
    chosen = visit.query("integration_id")
    chosen = chosen if chosen in {one.id for one in integrations} else ""
    status = visit.query("status")
    query = RunsQuery(
        integration_id=chosen or None, status=status if status in STATUSES else None,
        cursor=visit.query("cursor") or None,
    )  # fmt: skip
    page = await list_runs(visit.office, visit.tenant_id, query, RUNS_SHOWN)
    states = await read_sync_status(visit.office, visit.get_tenant())
    data = {
        "runs": page.data,
        "names": {one.id: one.name for one in integrations},
        "integrations": integrations,
        "states": {one.id: one for one in states.integrations},
        "gaps": await list_tenant_gaps(visit.office, visit.tenant_id),
        "who": await name_requesters(visit, page.data),
        "chosen": chosen,
        "status": query.status or "",
        "statuses": STATUSES,
        "is_first": query.cursor is None,
        "is_filtered": bool(chosen or query.status),
        "next_href": _next(visit, page.next_cursor, integration_id=chosen, status=query.status),
        "is_live": any(run.status in GOING_ON for run in page.data),
    }
    return View("syncs/list.html", data)


async def show_run(visit: Visit) -> View:
    run = await get_run(visit.office, visit.tenant_id, visit.uuid("run_id"))
    names = {one.id: one.name for one in await list_integrations(visit.office, visit.tenant_id)}
    findings = None
    if run.sync_type == "repair":
        findings = await list_findings(visit.office, visit.tenant_id, run.run_id, limit=FINDINGS_SHOWN)
    data = {
        "run": run,
        "name": names.get(run.integration_id, run.integration_id),
        "is_there": run.integration_id in names,
        "who": await name_requesters(visit, [run]),
        "findings": findings,
        "is_live": run.status in GOING_ON,
    }
    return View("syncs/run.html", data)


async def show_findings(visit: Visit) -> View:
    run = await get_run(visit.office, visit.tenant_id, visit.uuid("run_id"))
    cursor = visit.query("cursor") or None
    page = await list_findings(visit.office, visit.tenant_id, run.run_id, limit=FINDINGS_PAGE, cursor=cursor)
    data = {
        "run": run,
        "findings": page.data,
        "next_href": None
        if page.next_cursor is None
        else visit.link("syncs.findings", run_id=run.run_id, cursor=page.next_cursor),
        "first_href": visit.link("syncs.findings", run_id=run.run_id) if cursor else None,
    }
    return View("syncs/findings.html", data)


async def list_syncable(visit: Visit) -> list[Integration]:
    """The tenant's integrations of which something can be listed."""
    shown = await list_integrations(visit.office, visit.tenant_id)
    syncable = {name for name in list_connectors() if list_syncable_streams(name)}
    return [one for one in shown if one.type in syncable]


async def name_requesters(visit: Visit, runs: Iterable[SyncRun]) -> Mapping[str, str]:
    """Who asked for each run, in words: a person's name, a key, or what of ours does it by itself."""
    return {asked: await _name_requester(visit, asked) for asked in {run.requested_by for run in runs}}


async def _name_requester(visit: Visit, requested_by: str) -> str:
    kind, _, name = requested_by.partition(":")
    if kind == "person" and not visit.may("access:read"):
        return visit.t("syncs.by_person")  # who works here is shown to who may see people
    if kind == "person":
        try:
            person = await visit.visitors.find(UUID(name))
        except (ValueError, AcequiaError):
            person = None
        return person.name if person is not None else visit.t("syncs.by_person")
    if kind == "key":
        return visit.t("syncs.by_key", id=name)
    key = f"syncs.by_{kind}_{name}"
    return visit.t(key) if visit.texts.has(key) else requested_by


def _next(visit: Visit, cursor: str | None, **filters: Any) -> str | None:
    return None if cursor is None else visit.link("syncs.list", cursor=cursor, **filters)


PAGES = (
    Page("syncs.list", BASE, "tenant", "integrations:read", show_list),
    Page("syncs.show", f"{BASE}/{{run_id}}", "tenant", "integrations:read", show_run),
    Page("syncs.findings", f"{BASE}/{{run_id}}/findings", "tenant", "integrations:read", show_findings),
)

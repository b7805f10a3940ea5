"""Syncs: asked for, followed, cancelled, paused and resumed; and how complete each day was found to be."""

from app.api.call import Call
from app.api.operation import Operation, Result
from app.api.paging import find_limit
from app.api.streams import MEDIA_TYPE
from app.core.errors import ConflictError
from app.services import sync_runs
from app.services.sync_progress import follow_run
from app.services.sync_starts import start_syncs
from schemas.api import Envelope, Page, PageQuery
from schemas.syncs import CompletenessDay, CompletenessQuery, Finding, RunsQuery, SyncLine, SyncRun, SyncWanted

TAG = "syncs"
RUNS = "/tenants/{tenant_id:int}/sync-runs"
ONE = f"{RUNS}/{{run_id}}"


async def post_sync(call: Call) -> Result:
    return Result(Page(data=await start_syncs(call.office, call.get_tenant(), call.get_body(SyncWanted),
                                              actor=call.actor)))  # fmt: skip


async def get_runs(call: Call) -> Result:
    query = call.get_query(RunsQuery)
    return Result(await sync_runs.list_runs(call.office, call.tenant_id, query, find_limit(call, query)))


async def get_run(call: Call) -> Result:
    return Result(Envelope(data=await sync_runs.get_run(call.office, call.tenant_id, call.get_uuid("run_id"))))


async def post_cancellation(call: Call) -> Result:
    run = await sync_runs.cancel_run(call.office, call.tenant_id, call.get_uuid("run_id"), actor=call.actor)
    return Result(Envelope(data=run))


async def post_pause(call: Call) -> Result:
    run = await sync_runs.pause_run(call.office, call.tenant_id, call.get_uuid("run_id"), actor=call.actor)
    return Result(Envelope(data=run))


async def post_resume(call: Call) -> Result:
    run = await sync_runs.resume_run(call.office, call.tenant_id, call.get_uuid("run_id"), actor=call.actor)
    return Result(Envelope(data=run))


async def get_progress(call: Call) -> Result:
    run_id, interval_s = call.get_uuid("run_id"), call.office.settings.sync_progress_interval_s
    run = await sync_runs.get_run(call.office, call.tenant_id, run_id)  # what is not there is 404 and no stream
    return Result(run, events=follow_run(call.office, call.tenant_id, run_id, interval_s=interval_s))


async def get_completeness(call: Call) -> Result:
    query = call.get_query(CompletenessQuery)
    return Result(await sync_runs.list_completeness(call.office, call.tenant_id, query, find_limit(call, query)))


async def get_findings(call: Call) -> Result:
    query = call.get_query(PageQuery)
    page = await sync_runs.list_findings(
        call.office, call.tenant_id, call.get_uuid("run_id"), limit=find_limit(call, query), cursor=query.cursor
    )
    return Result(page)


OPERATIONS = (
    Operation(
        "start_sync", "POST", "/tenant-integrations/{tenant_id:int}/sync", "tenant", "integrations:operate",
        "Sync now: everything, what may have changed, or what is missing", TAG, post_sync, Page[SyncLine], 202, "path",
        body=SyncWanted, is_body_required=False,
        description="One line per integration of the types asked for, all if none is named. Two runs of one stream "
        "never overlap: a run of the same kind that goes on is joined, another kind waits `behind` what goes on.",
    ),
    Operation(
        "list_sync_runs", "GET", RUNS, "tenant", "integrations:read", "Sync runs, newest first", TAG, get_runs,
        Page[SyncRun], tenant_in="path", query=RunsQuery,
    ),
    Operation(
        "get_sync_run", "GET", ONE, "tenant", "integrations:read",
        "One run with its streams: what was done, how fast, and how long it will still take", TAG, get_run,
        Envelope[SyncRun], tenant_in="path",
    ),
    Operation(
        "get_sync_progress", "GET", f"{ONE}/progress", "tenant", "integrations:read",
        "A run as it goes on, as server-sent events", TAG, get_progress, SyncRun, tenant_in="path",
        media_type=MEDIA_TYPE,
        description="An event `progress` at once and after each change, at most one a second; its data is the run. "
        "`end`, with the same data, when the run has ended: close then. A stream that ends without it has lived as "
        "long as one may: open another.",
    ),
    Operation(
        "cancel_sync_run", "POST", f"{ONE}/cancel", "tenant", "integrations:operate",
        "End a run within a step; what it wrote stays", TAG, post_cancellation, Envelope[SyncRun], tenant_in="path",
        problems=(ConflictError,),
    ),
    Operation(
        "pause_sync_run", "POST", f"{ONE}/pause", "tenant", "integrations:operate",
        "Stop a run within a step, to go on from there", TAG, post_pause, Envelope[SyncRun], tenant_in="path",
        problems=(ConflictError,),
    ),
    Operation(
        "resume_sync_run", "POST", f"{ONE}/resume", "tenant", "integrations:operate",
        "Let a paused run go on", TAG, post_resume, Envelope[SyncRun], tenant_in="path", problems=(ConflictError,),
    ),
    Operation(
        "list_sync_findings", "GET", f"{ONE}/findings", "tenant", "integrations:read",
        "What a repair found missing, stale or not listed any more, by id, and what became of it", TAG, get_findings,
        Page[Finding], tenant_in="path", query=PageQuery,
    ),
    Operation(
        "list_completeness", "GET", "/tenants/{tenant_id:int}/completeness", "tenant", "integrations:read",
        "How complete each day was found to be", TAG, get_completeness, Page[CompletenessDay], tenant_in="path",
        query=CompletenessQuery,
        description="Days that no repair has looked at yet are not among them: start one with `sync_type: repair`.",
    ),
)  # fmt: skip

"""What repairs found: days with differences, and each difference by its id."""

from collections.abc import Sequence
from typing import Any, get_args
from uuid import UUID

import typer

from app.services.office import Office
from app.services.sync_runs import list_completeness, list_findings
from schemas.records import ReportStream
from schemas.syncs import CompletenessDay, CompletenessQuery, Finding, SyncRun
from scripts.cli.session import show_json
from scripts.cli.tables import show_table

DAY_COLUMNS = ("integration_id", "stream", "day", "listed", "missing", "stale", "unlisted")
FINDING_COLUMNS = ("stream", "day", "external_id", "finding", "outcome")
PAGE = 1_000
FINDINGS_SHOWN = 200  # on a screen; JSON has them all
LONG_AGO = "1970-01-01"


async def show_verification(office: Office, tenant_id: int, runs: Sequence[SyncRun], *, as_json: bool) -> bool:
    """Whether all came to their end and every difference was settled."""
    days = await _list_days(office, tenant_id, {one.run_id for one in runs})
    findings = [one for run in runs for one in await _list_findings(office, tenant_id, run.run_id)]
    is_settled = all(one.status == "succeeded" for one in runs) and all(one.outcome != "dead" for one in findings)
    if as_json:
        found: dict[str, Any] = {"runs": runs, "days": days, "findings": findings}
        show_json({name: [one.model_dump(mode="json") for one in rows] for name, rows in found.items()})
        return is_settled
    different = [day for day in days if day.missing or day.stale or day.unlisted]
    listed = sum(day.listed for day in days)
    reports = describe_reports(runs)
    if days or not reports:
        typer.echo(f"{len(days)} days compared, {listed:,} objects listed, {len(findings):,} differences.")
    for line in reports:
        typer.echo(line)
    if different:
        show_table([day.model_dump() for day in different], DAY_COLUMNS, empty="")
        show_table([one.model_dump() for one in findings[:FINDINGS_SHOWN]], FINDING_COLUMNS, empty="")
    if len(findings) > FINDINGS_SHOWN:
        typer.echo(f"… and {len(findings) - FINDINGS_SHOWN:,} more: --json shows them all.")
    for run in runs:
        if run.status != "succeeded":
            typer.echo(f"Run {run.run_id} is {run.status}: {run.reason or 'see acequia sync list'}.")
    return is_settled


def describe_reports(runs: Sequence[SyncRun]) -> list[str]:
    """Reports are read again and not compared: a line for each, with what was otherwise."""
    names = get_args(ReportStream)
    told = [(run, stream) for run in runs for stream in run.streams if stream.stream in names]
    return [
        f"{run.integration_id} {stream.stream}: {stream.listed:,} rows read again, "
        f"{stream.created + stream.updated + stream.deleted:,} new, changed or gone."
        for run, stream in told
    ]


async def _list_days(office: Office, tenant_id: int, run_ids: set[UUID]) -> list[CompletenessDay]:
    """Those that these runs were the last to look at."""
    found: list[CompletenessDay] = []
    query = CompletenessQuery.model_validate({"from": LONG_AGO})
    while True:
        page = await list_completeness(office, tenant_id, query, PAGE)
        found += [day for day in page.data if day.run_id in run_ids]
        if page.next_cursor is None:
            return found
        query = query.model_copy(update={"cursor": page.next_cursor})


async def _list_findings(office: Office, tenant_id: int, run_id: UUID) -> list[Finding]:
    found: list[Finding] = []
    cursor = None
    while True:
        page = await list_findings(office, tenant_id, run_id, limit=PAGE, cursor=cursor)
        found += page.data
        cursor = page.next_cursor
        if cursor is None:
            return found

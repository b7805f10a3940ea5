"""Asking for a sync: whoever asks is told whether it is queued, joins one that goes on, or why nothing will run.

Two runs of one stream never overlap. A run of the same kind that goes on is joined: what it has not read yet it reads
as it is then, and what changes after is the next one's. Another kind queues behind what goes on, and so does a repair
behind one of some days, and anything behind a run that is being cancelled.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg

from app.connectors.registry import list_connectors
from db.integrations import Integration
from db.sync_runs import (
    ActiveStream,
    NewRun,
    SyncKind,
    SyncPriority,
    SyncTrigger,
    insert_run,
    list_active_streams,
    lock_syncs,
    raise_priority,
)
from schemas.ids import make_uuid7
from schemas.records import StreamName

RequestOutcome = Literal["queued", "joined", "not_configured", "paused"]


class SyncRequest(NamedTuple):
    """`streams`: None for all that the connector can list. `since`, `until`: a repair's days, by creation."""

    kind: SyncKind
    trigger: SyncTrigger
    requested_by: str
    priority: SyncPriority = "normal"
    streams: tuple[StreamName, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None


class Requested(NamedTuple):
    """`run_id`: the run that was made or joined. `behind`: runs that it waits for; joined: further ones, which do a
    part of what was asked for. `note`: why nothing will run, or not yet."""

    outcome: RequestOutcome
    run_id: str | None = None
    behind: tuple[str, ...] = ()
    note: str | None = None


def list_syncable_streams(connector: str) -> tuple[StreamName, ...]:
    """What a connector can list or report, in the order of its declaration; empty when nothing."""
    declared = list_connectors().get(connector)
    if declared is None:
        return ()
    listed = declared.mappers if declared.make_readers else ()
    reported = declared.reports if declared.make_report_readers else ()
    return (*listed, *(report.name for report in reported))


async def request_sync(connection: asyncpg.Connection, integration: Integration, request: SyncRequest) -> Requested:
    """In the caller's transaction of that tenant. Raises ValueError for a stream that the connector does not list."""
    listable = list_syncable_streams(integration.connector)
    if not listable or integration.status == "deleted":
        return Requested("not_configured", note=f"nothing of {integration.connector} can be listed")
    if not integration.has_credentials:
        return Requested("not_configured", note="there are no credentials: enter them")
    if integration.status == "credentials_refused":
        return Requested("paused", note="the provider refuses the credentials: enter new ones")
    if integration.status != "active":
        return Requested("paused", note=integration.status_reason)
    wanted = request.streams or listable
    unknown = set(wanted) - set(listable)
    if unknown:
        raise ValueError(f"{integration.connector} lists no {', '.join(sorted(unknown))}")
    tenant_id, integration_id = integration.tenant_id, integration.integration_id
    await lock_syncs(connection, tenant_id, integration_id)
    active = [one for one in await list_active_streams(connection, tenant_id, integration_id) if one.stream in wanted]
    if request.since is None and request.until is None:
        same = [one for one in active if one.kind == request.kind and one.is_whole and not one.is_cancelled]
        if {one.stream for one in same} == set(wanted):
            *further, last = _name_runs(same)
            for run_id in (*further, last):
                await raise_priority(connection, tenant_id, run_id, request.priority)
            return Requested("joined", last, tuple(further), _explain_pause(same))
    run = NewRun(
        make_uuid7(), integration_id, request.kind, request.trigger, request.priority, request.requested_by,
        request.since, request.until,
    )  # fmt: skip
    await insert_run(connection, tenant_id, run, wanted)
    return Requested("queued", run.run_id, _name_runs(active), _explain_pause(active))


def _name_runs(active: Sequence[ActiveStream]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.run_id for one in active))


def _explain_pause(active: Sequence[ActiveStream]) -> str | None:
    paused = _name_runs([one for one in active if one.is_paused])
    return f"nothing goes on while this is paused: {', '.join(paused)}; resume or cancel it" if paused else None

"""Sync runs as they are shown, with their rate and how long they will still take. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import get_args
from uuid import UUID

from app.services.ids import IntegrationId
from db.sync_runs import ACTIVE, RunStream
from db.sync_runs import SyncRun as Row
from schemas.records import StreamName
from schemas.syncs import StreamProgress, SyncRun

_ORDER = {name: place for place, name in enumerate(get_args(StreamName))}


def show_run(row: Row, streams: Sequence[RunStream], connectors: Mapping[int, str], now: datetime) -> SyncRun:
    """`connectors`: integration → its connector. `now`: to measure a step that goes on."""
    shown = [show_stream(one, now, goes_on=row.paused_at is None and row.cancelled_at is None) for one in streams]
    shown.sort(key=lambda one: _ORDER[one.stream])
    is_active = row.status in ACTIVE
    return SyncRun(
        run_id=UUID(row.run_id),
        integration_id=str(IntegrationId(row.tenant_id, row.integration_id)),
        type=connectors.get(row.integration_id, ""),
        sync_type=row.kind,
        trigger=row.trigger,
        priority=row.priority,
        status=row.status,
        is_paused=is_active and row.paused_at is not None,
        is_ending=is_active and row.cancelled_at is not None,
        reason=row.reason,
        requested_by=row.requested_by,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        since=row.since,
        until=row.until,
        eta_s=_find_longest([one.eta_s for one in shown if one.status in ACTIVE]),
        streams=shown,
    )


def show_stream(row: RunStream, now: datetime, *, goes_on: bool) -> StreamProgress:
    """Rates are of the time worked: waiting for a turn between steps, and pauses, are none of it."""
    worked_s = measure_worked_s(row, now)
    rate = row.listed / worked_s if worked_s > 0 and row.listed > 0 else None
    told = {name: value for name, value in row._asdict().items() if name in StreamProgress.model_fields}
    if row.status == "running" and row.is_leased:
        told["reason"] = None  # why it waited the last time: now it is worked on
    return StreamProgress(
        **told,
        worked_s=round(worked_s, 3),
        rate_per_s=None if rate is None else round(rate, 2),
        eta_s=_find_eta_s(row, rate) if goes_on and row.status == "running" else None,
    )


def measure_worked_s(row: RunStream, now: datetime) -> float:
    """Its steps, and what of the present one has passed: what that one has listed is counted already."""
    present_s = 0.0
    if row.is_leased and row.status == "running" and row.stepped_at is not None:
        present_s = max(0.0, (now - row.stepped_at).total_seconds())
    return row.worked_ms / 1_000 + present_s


def _find_eta_s(row: RunStream, rate: float | None) -> float | None:
    if row.expected is None or rate is None:
        return None
    return round(max(0, row.expected - row.listed) / rate, 1)


def _find_longest(etas: Sequence[float | None]) -> float | None:
    known = [eta for eta in etas if eta is not None]
    return max(known) if known and len(known) == len(etas) else None

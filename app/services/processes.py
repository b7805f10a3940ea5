"""Which processes are alive, as they tell of themselves."""

from collections.abc import Sequence

from app.core.processes import ProcessRecord, list_records
from app.core.queue_runner import queue_errors
from app.services.office import Office
from schemas.queues import Drainer, Process, ProcessWork


async def list_processes(office: Office) -> list[Process]:
    """By kind, then group and start. Raises QueueUnavailableError when the cache Redis is away."""
    with queue_errors():
        records = await list_records(office.cache)
    return [_show(record) for record in records]


def list_drainers(processes: Sequence[Process], tenant_id: int) -> list[Drainer]:
    """Who works for a tenant, drains before syncs."""
    found = [
        Drainer(process_id=one.process_id, kind=one.kind, detail=work.detail, since=work.since, is_now=work.is_now)
        for one in processes
        for work in one.work
        if work.tenant_id == tenant_id
    ]
    return sorted(found, key=lambda drainer: (drainer.kind != "worker", drainer.since))


def _show(record: ProcessRecord) -> Process:
    return Process(
        process_id=record.process_id,
        kind=record.kind,
        group=record.group,
        host=record.host,
        version=record.version,
        started_at=record.started_at,
        seen_s_ago=round(record.age_s, 1),
        turns_per_s=record.turns_per_s,
        events_per_s=record.events_per_s,
        events_last_minute=record.events_last_minute,
        work=[ProcessWork(**work._asdict()) for work in record.work],
        work_more=record.work_more,
    )

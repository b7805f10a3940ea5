"""Processes, worker groups and tenants' queues, as operators see them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.api import Answer, Query, Shown

ProcessKind = Literal["receiver", "web", "worker", "syncer"]
QueuePlace = Literal["ready", "leased", "due", "paused", "none"]


class ProcessWork(Shown):
    """What a process does for one tenant. `detail`: the stream of a sync, empty for a drain. `since`: from when without
    a break of some seconds. `is_now`: at the moment of its last sign of life; else it has just ended."""

    tenant_id: int
    detail: str
    since: datetime
    is_now: bool


class Process(Shown):
    """One live process. `group`: whose tenants a worker drains, empty for other kinds. Rates are means over the last
    minute; turns are a worker's slices and a syncer's steps, events what a receiver took, a worker settled, a syncer
    handled, a web process answered. `seen_s_ago`: since its last sign of life. `work_more`: what `work` leaves out."""

    process_id: str
    kind: ProcessKind
    group: str
    host: str
    version: str
    started_at: datetime
    seen_s_ago: float
    turns_per_s: float
    events_per_s: float
    events_last_minute: int
    work: list[ProcessWork]
    work_more: int


class Drainer(Shown):
    """Who works for a tenant, since when without a break."""

    process_id: str
    kind: ProcessKind
    detail: str
    since: datetime
    is_now: bool


class TenantQueue(Shown):
    """One tenant's queue now. `waiting`: events not tried yet; `retrying`: those that failed and are tried again.
    `oldest_s`: age of the oldest that waits. `place`: ready (its turn comes), leased (being drained), due (looked at
    again at a set time), paused, none (nothing to do). `is_served`: whether a live worker drains its group."""

    tenant_id: int
    name: str
    group: str
    waiting: int
    retrying: int
    oldest_s: float | None
    place: QueuePlace
    is_paused: bool
    is_served: bool
    accepted_total: int
    drained_by: list[Drainer]


class WorkerGroup(Shown):
    """`tenants`: how many it drains. `paused`: how many of them have a paused queue. `is_unserved`: something waits in
    it and no live worker takes it."""

    name: str
    tenants: int
    paused: int
    processes: list[str]
    waiting: int
    oldest_s: float | None
    turns_per_s: float
    events_per_s: float
    is_unserved: bool


class QueuesQuery(Query):
    limit: int = Field(100, ge=1, le=1_000, description="queues shown, those whose oldest event waits longest first")


class QueuesAnswer(Answer):
    """`data`: queues with something in them, or paused. `more`: such ones beyond `limit`. `quiet`: all others.
    `warnings`: sentences about what nobody drains."""

    data: list[TenantQueue]
    more: int
    quiet: int
    waiting: int
    oldest_s: float | None
    groups: list[WorkerGroup]
    warnings: list[str]

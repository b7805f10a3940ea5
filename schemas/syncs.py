"""Syncs as the API takes and shows them: asked for, going on, ended, and what a repair found."""

import datetime as dt
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from schemas.api import Body, Moment, PageQuery, Shown
from schemas.integrations import TypeName
from schemas.records import RecordStream, StreamName

IntegrationName = Annotated[str, StringConstraints(pattern=r"^int_[1-9][0-9]{0,9}_[1-9][0-9]{0,9}$")]
SyncType = Literal["full", "incremental", "repair"]
Priority = Literal["high", "normal", "low"]
RunStatus = Literal["queued", "running", "succeeded", "partial", "failed", "cancelled"]


class SyncWanted(Body):
    """The document's members, and more: without `integration_types` every integration is synced; `integration_id` names
    one; `since` and `until` bound a repair by the days on which things were created at the source."""

    integration_types: list[TypeName] | None = Field(None, min_length=1, max_length=20)
    integration_id: IntegrationName | None = Field(None, description="this one alone")
    sync_type: SyncType = Field(
        "incremental",
        description="full: everything; incremental: what may have changed; repair: what the provider has against what "
        "is held, day by day",
    )
    priority: Priority = "normal"
    streams: list[StreamName] | None = Field(None, min_length=1, max_length=10, description="all if not given")
    since: Moment | None = Field(None, description="a repair: created then or later")
    until: Moment | None = Field(None, description="a repair: created before")


class SyncLine(Shown):
    """What became of one integration that was asked for. joined: a run of the same kind goes on, and this is it.

    `behind`: runs of the same streams that it waits for; joined: further runs that do a part of it. `note`: why nothing
    will run, or not before somebody does something.
    """

    type: str
    integration_id: str | None
    outcome: Literal["queued", "joined", "not_configured", "paused"]
    run_id: UUID | None
    behind: list[UUID]
    note: str | None


class RunsQuery(PageQuery):
    integration_id: IntegrationName | None = None
    status: RunStatus | None = None


class StreamProgress(Shown):
    """One stream of a run. `expected`: objects that the provider's lists told of, null until they were asked, of a
    report until all is read. `listed`: looked at so far, of a report its rows; `fetched`: documents read. `kept_out`:
    customers for whom a limit leaves no room; `dead`: documents that cannot be used; `errors`: both, and calls that
    failed, with one example. `reason`: why it waits, or how it came to its end.

    `worked_s`: its steps, added up. `rate_per_s`: listed a second of these. `eta_s`: what is left at that rate; null
    until it is known, and while it does not go on.
    """

    stream: StreamName
    status: RunStatus
    reason: str | None
    started_at: datetime | None
    ended_at: datetime | None
    expected: int | None
    listed: int
    fetched: int
    created: int
    updated: int
    unchanged: int
    deleted: int
    dead: int
    kept_out: int
    read_bytes: int
    provider_calls: int
    errors: int
    error_code: str | None
    error_example: str | None
    steps: int
    worked_s: float
    rate_per_s: float | None
    eta_s: float | None


class SyncRun(Shown):
    """`is_paused`: begins nothing until it is resumed. `is_ending`: cancelled, and about to stop within its step.

    `eta_s`: of the stream that takes longest; null until all that go on are known.
    """

    run_id: UUID
    integration_id: str
    type: str
    sync_type: SyncType
    trigger: Literal["schedule", "manual", "repair", "creation"]
    priority: Priority
    status: RunStatus
    is_paused: bool
    is_ending: bool
    reason: str | None
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    since: datetime | None
    until: datetime | None
    eta_s: float | None
    streams: list[StreamProgress]


class CompletenessQuery(PageQuery):
    """Days in UTC, by creation at the source."""

    model_config = ConfigDict(populate_by_name=True)

    integration_id: IntegrationName | None = None
    first: dt.date | None = Field(None, alias="from", description="the first day; thirty days before `to` if not given")
    last: dt.date | None = Field(None, alias="to", description="the last day; today if not given")


class CompletenessDay(Shown):
    """How complete a day was found to be when it was last looked at. missing: listed and not held; stale: held
    otherwise than listed; unlisted: held and not listed. What became of each: the findings of `run_id`."""

    integration_id: str
    stream: RecordStream
    day: dt.date
    run_id: UUID
    verified_at: datetime
    listed: int
    missing: int
    stale: int
    unlisted: int


class Finding(Shown):
    """One difference. `outcome`: null until it is settled; left_alone: the provider still has it, or lists no more of
    that time; kept_out: a limit leaves no room."""

    stream: RecordStream
    external_id: str
    finding: Literal["missing", "stale", "unlisted"]
    outcome: Literal["repaired", "deleted", "left_alone", "kept_out", "dead"] | None
    day: dt.date
    found_at: datetime
    settled_at: datetime | None

"""How complete each day was found to be, and each difference by id."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal, NamedTuple

import asyncpg

from db.queries import load_queries
from schemas.records import RecordStream

SQL = load_queries("completeness")

FindingKind = Literal["missing", "stale", "unlisted"]
FindingOutcome = Literal["repaired", "deleted", "left_alone", "kept_out", "dead"]


class VerifiedStream(NamedTuple):
    """One stream of one repair."""

    tenant_id: int
    run_id: str
    stream: RecordStream


class DayFound(NamedTuple):
    """What one look at (a part of) a day found: objects listed, and differences."""

    day: date
    listed: int
    missing: int
    stale: int
    unlisted: int


class CompletenessDay(NamedTuple):
    """The last look at a whole day (UTC, by creation at the source)."""

    stream: RecordStream
    day: date
    run_id: str
    verified_at: datetime
    listed: int
    missing: int
    stale: int
    unlisted: int


class Finding(NamedTuple):
    """missing: listed and not held; stale: held otherwise than listed; unlisted: held and not listed."""

    external_id: str
    finding: FindingKind
    day: date


class SettledFinding(NamedTuple):
    """`outcome` None: not settled yet. left_alone: the provider still has it, or lists no more of that time."""

    stream: RecordStream
    external_id: str
    finding: FindingKind
    outcome: FindingOutcome | None
    day: date
    found_at: datetime
    settled_at: datetime | None


class FindingTotal(NamedTuple):
    stream: RecordStream
    finding: FindingKind
    outcome: FindingOutcome | None
    objects: int


async def set_days(
    connection: asyncpg.Connection, run: VerifiedStream, integration_id: int, days: Sequence[DayFound]
) -> None:
    """What a run found; looks at parts of one day add up within the run."""
    tenant_id, run_id, stream = run
    await connection.executemany(
        SQL["set_day"],
        [(tenant_id, integration_id, stream, one.day, run_id, *one[1:]) for one in sorted(days)],
    )


async def add_findings(connection: asyncpg.Connection, run: VerifiedStream, findings: Sequence[Finding]) -> None:
    """Each difference; one that is known already stays as it is."""
    if findings:
        await connection.execute(SQL["add_findings"], *run, *zip(*findings, strict=True))


async def settle_findings(
    connection: asyncpg.Connection, run: VerifiedStream, outcomes: Sequence[tuple[str, FindingOutcome]]
) -> None:
    """What became of findings: external id and outcome. The first outcome stands."""
    if outcomes:
        await connection.execute(SQL["settle_findings"], *run, *zip(*outcomes, strict=True))


async def list_days(
    connection: asyncpg.Connection, tenant_id: int, integration_id: int, first: date, last: date, *, limit: int
) -> list[CompletenessDay]:
    """An integration's days that were looked at, newest first."""
    rows = await connection.fetch(SQL["list_days"], tenant_id, integration_id, first, last, limit)
    return [CompletenessDay(stream, day, str(run_id), *rest) for stream, day, run_id, *rest in rows]


class DayPlace(NamedTuple):
    """Where a page of days ended."""

    integration_id: int
    stream: str
    day: date


NO_DAY = DayPlace(0, "", date.min)


async def page_days(
    connection: asyncpg.Connection,
    tenant_id: int,
    first: date,
    last: date,
    *,
    integration_id: int | None = None,
    after: DayPlace = NO_DAY,
    limit: int = 1_000,
) -> list[tuple[int, CompletenessDay]]:
    """Integration and day, by integration, stream and day, behind `after`."""
    rows = await connection.fetch(SQL["page_days"], tenant_id, integration_id, first, last, *after, limit)
    return [
        (integration, CompletenessDay(stream, day, str(run_id), *rest))
        for integration, stream, day, run_id, *rest in rows
    ]


async def list_findings(
    connection: asyncpg.Connection,
    tenant_id: int,
    run_id: str,
    *,
    after: tuple[str, str] = ("", ""),
    limit: int = 1_000,
) -> list[SettledFinding]:
    """A run's differences by stream and id, behind `after`."""
    return [
        SettledFinding(*row) for row in await connection.fetch(SQL["list_findings"], tenant_id, run_id, *after, limit)
    ]


class ObjectFinding(NamedTuple):
    """What one repair found of an object."""

    run_id: str
    integration_id: int
    finding: FindingKind
    outcome: FindingOutcome | None
    found_at: datetime
    settled_at: datetime | None


async def list_object_findings(
    connection: asyncpg.Connection, tenant_id: int, stream: RecordStream, external_id: str, *, runs: int
) -> list[ObjectFinding]:
    """Of the newest `runs` repairs, newest first."""
    rows = await connection.fetch(SQL["list_object_findings"], tenant_id, stream, external_id, runs)
    return [ObjectFinding(str(run_id), *rest) for run_id, *rest in rows]


async def total_findings(connection: asyncpg.Connection, tenant_id: int, run_id: str) -> list[FindingTotal]:
    """How many of each kind a run found, and what became of them."""
    return [FindingTotal(*row) for row in await connection.fetch(SQL["total_findings"], tenant_id, run_id)]

"""How much a tenant brought in, how fast and how fresh, over a period: points for charts, and totals.

What is older than two to three hours is read by hour, what is younger by minute: hours are rolled up every few minutes,
and again as long as anything may be added to them.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from app.core.histogram import add_buckets, estimate_percentile_ms
from app.services.office import Office
from db.pool import Database
from db.series import SeriesCounts, SeriesRow, list_hours, list_minutes
from schemas.records import RecordStream

Period = Literal["1h", "24h", "7d", "30d"]

_STEPS = {
    "1h": (timedelta(hours=1), timedelta(minutes=1)),
    "24h": (timedelta(hours=24), timedelta(minutes=10)),
    "7d": (timedelta(days=7), timedelta(hours=1)),
    "30d": (timedelta(days=30), timedelta(hours=1)),
}
_BY_MINUTE_FOR = timedelta(hours=2)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Totals(NamedTuple):
    """Events by outcome; `events`: all of them. `synced`: rows that syncs changed. `counted`, `late`: toward the
    objective. Percentiles in ms, None without events: `latency` from acceptance to the commit, `freshness` from the
    change at the provider."""

    events: int
    applied: int
    superseded: int
    duplicate: int
    ignored: int
    dead: int
    synced: int
    counted: int
    late: int
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    freshness_p50_ms: float | None
    freshness_p99_ms: float | None


class Point(NamedTuple):
    """`at`: the begin of a step."""

    at: datetime
    totals: Totals


class Series(NamedTuple):
    """`points`: one per step, the empty ones too, the oldest first; the last one is not over yet. `streams`: the totals
    of each stream that had any."""

    period: Period
    step_s: int
    points: list[Point]
    totals: Totals
    streams: dict[str, Totals]


async def read_series(office: Office, tenant_id: int, period: Period, stream: RecordStream | None = None) -> Series:
    """Up to now. `stream`: that one alone. Raises asyncpg's and OS errors."""
    return await make_series(office.database, tenant_id, period, datetime.now(UTC), stream)


async def make_series(
    database: Database, tenant_id: int, period: Period, now: datetime, stream: RecordStream | None = None
) -> Series:
    """As `read_series`, up to `now`."""
    length, step = _STEPS[period]
    since = _floor(now - length, step) + step
    if step < timedelta(hours=1):
        async with database.tenant_tx(tenant_id, "read_series") as connection:
            rows = await list_minutes(connection, tenant_id, since, now)
    else:
        rows = await list_merged(database, tenant_id, since, now)
    wanted = [row for row in rows if stream in {None, row.counts.stream}]
    by_step: dict[datetime, list[SeriesCounts]] = {}
    for row in wanted:
        by_step.setdefault(_floor(row.at, step), []).append(row.counts)
    by_stream: dict[str, list[SeriesCounts]] = {}
    for row in wanted:
        by_stream.setdefault(row.counts.stream, []).append(row.counts)
    count = (now - since) // step + 1
    moments = [since + number * step for number in range(count)]
    return Series(
        period,
        int(step.total_seconds()),
        [Point(at, total_counts(by_step.get(at, ()))) for at in moments],
        total_counts(row.counts for row in wanted),
        {name: total_counts(counts) for name, counts in sorted(by_stream.items())},
    )


async def list_merged(database: Database, tenant_id: int, since: datetime, until: datetime) -> list[SeriesRow]:
    """Hours, and minutes where the hours may not be complete yet."""
    turn = max(since, _floor(until - _BY_MINUTE_FOR, timedelta(hours=1)))
    async with database.tenant_tx(tenant_id, "read_series") as connection:
        hours = await list_hours(connection, tenant_id, since, turn)
        return hours + await list_minutes(connection, tenant_id, turn, until)


def total_counts(counts: Iterable[SeriesCounts]) -> Totals:
    """All of them together."""
    found: Sequence[SeriesCounts] = list(counts)
    latency = add_buckets(one.latency for one in found)
    freshness = add_buckets(one.freshness for one in found)
    applied, superseded, duplicate = (
        sum(one.applied for one in found), sum(one.superseded for one in found), sum(one.duplicate for one in found)
    )  # fmt: skip
    ignored, dead = sum(one.ignored for one in found), sum(one.dead for one in found)
    return Totals(
        events=applied + superseded + duplicate + ignored + dead,
        applied=applied,
        superseded=superseded,
        duplicate=duplicate,
        ignored=ignored,
        dead=dead,
        synced=sum(one.synced for one in found),
        counted=sum(one.counted for one in found),
        late=sum(one.late for one in found),
        latency_p50_ms=estimate_percentile_ms(latency, 0.5),
        latency_p99_ms=estimate_percentile_ms(latency, 0.99),
        freshness_p50_ms=estimate_percentile_ms(freshness, 0.5),
        freshness_p99_ms=estimate_percentile_ms(freshness, 0.99),
    )


def _floor(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % step

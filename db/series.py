"""Events over time: by minute for two days, by hour for five weeks, and what the freshness objective makes of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg

from db.counters import Writer
from db.pool import Database
from db.queries import load_queries

SQL = load_queries("series")
HOUR = timedelta(hours=1)
ROLLED_TENANTS = 200
FORGOTTEN_MAX = 2_000  # rows of one tenant that one run forgets


class SeriesCounts(NamedTuple):
    """What a minute or an hour of one stream held. `counted`, `late`: toward the objective. `latency`, `freshness`: per
    bucket of app/core/histogram.py."""

    stream: str
    applied: int = 0
    superseded: int = 0
    duplicate: int = 0
    ignored: int = 0
    dead: int = 0
    synced: int = 0
    counted: int = 0
    late: int = 0
    latency: Sequence[int] = ()
    freshness: Sequence[int] = ()


class SeriesRow(NamedTuple):
    """`at`: the begin of the minute or hour."""

    at: datetime
    counts: SeriesCounts


class Recent(NamedTuple):
    """What happened to one tenant lately. `events`: over the last quarter of an hour, as is `freshness`; `dead`: since
    the time asked for. Counted and late events by window, the long ones and the month as of the last rolling up."""

    tenant_id: int
    events: int
    dead: int
    counted_5m: int
    late_5m: int
    counted_30m: int
    late_30m: int
    counted_1h: int
    late_1h: int
    freshness: Sequence[int]
    month_counted: int
    month_late: int
    counted_6h: int
    late_6h: int
    counted_3d: int
    late_3d: int


async def count_batch(  # noqa: PLR0917 - whose, when, and how much of it
    connection: asyncpg.Connection,
    tenant_id: int,
    writer: Writer,
    deltas: Mapping[str, int],
    minute: datetime,
    counts: Sequence[SeriesCounts],
) -> None:
    """Adds to counters and to the minute; zeros are left out. At most one of `counts` per stream. Call it last in a
    transaction: the rows are held until its end."""
    changes = sorted((name, delta) for name, delta in deltas.items() if delta)
    if not changes and not counts:
        return
    names, values = zip(*changes, strict=True) if changes else ((), ())
    columns = list(zip(*(one[:9] for one in counts), strict=True)) if counts else [()] * 9
    by_stream = {one.stream: one for one in counts}
    orders, customers = (by_stream.get(stream, SeriesCounts(stream)) for stream in ("orders", "customers"))
    await connection.execute(
        SQL["count_batch"], tenant_id, writer, names, values, minute, *columns,
        orders.latency, customers.latency, orders.freshness, customers.freshness,
    )  # fmt: skip


async def list_minutes(
    connection: asyncpg.Connection, tenant_id: int, since: datetime, until: datetime
) -> list[SeriesRow]:
    """One tenant's, by time; one row per writer."""
    return [_read(row) for row in await connection.fetch(SQL["list_minutes"], tenant_id, since, until)]


async def list_hours(
    connection: asyncpg.Connection, tenant_id: int, since: datetime, until: datetime
) -> list[SeriesRow]:
    """One tenant's, by time, as of the last rolling up."""
    return [_read(row) for row in await connection.fetch(SQL["list_hours"], tenant_id, since, until)]


async def list_recent(
    connection: asyncpg.Connection,
    tenant_id: int | None,
    *,
    now: datetime,
    events_since: datetime,
    dead_since: datetime,
    month_began: datetime,
) -> dict[int, Recent]:
    """By tenant: one, in its transaction; None: all, in the platform's."""
    moments = now - HOUR, events_since, dead_since, month_began, now - HOUR / 12, now - HOUR / 2
    rows = await connection.fetch(SQL["list_recent"], tenant_id, *moments)
    return {row["tenant_id"]: Recent(*row) for row in rows}


async def find_rolled_up(connection: asyncpg.Connection) -> int | None:
    """The hour (since 1970) up to which all is rolled up. Platform work."""
    hours: int | None = await connection.fetchval(SQL["find_rolled_up"])
    return hours


async def roll_up(database: Database, tenant_ids: Sequence[int], since: datetime, until: datetime) -> None:
    """Writes the hours from `since` to `until` anew from their minutes; asked again it changes nothing. ROLLED_TENANTS
    in one transaction."""
    for first in range(0, len(tenant_ids), ROLLED_TENANTS):
        async with database.platform_tx("roll_up") as connection:
            await connection.execute(SQL["roll_up"], since, until, tenant_ids[first : first + ROLLED_TENANTS])
    async with database.platform_tx("note_rolled_up") as connection:
        await connection.execute(SQL["note_rolled_up"], int(until.timestamp()) // 3600)


async def save_objective_states(database: Database, now: datetime, month_began: datetime) -> None:
    async with database.platform_tx("save_objective_states") as connection:
        await connection.execute(SQL["save_objective_states"], now, month_began, now - 6 * HOUR, now - 72 * HOUR)


async def forget_series(database: Database, minutes_before: datetime, hours_before: datetime) -> None:
    """At most FORGOTTEN_MAX rows of each tenant; the next run goes on."""
    async with database.platform_tx("forget_series") as connection:
        await connection.execute(SQL["forget_minutes"], minutes_before, FORGOTTEN_MAX)
        await connection.execute(SQL["forget_hours"], hours_before, FORGOTTEN_MAX)


def _read(row: asyncpg.Record) -> SeriesRow:
    at, *counts = row
    return SeriesRow(at, SeriesCounts(*counts))

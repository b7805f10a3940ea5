"""What advertising cost and brought, by day: windows of days that are read again and replaced exactly.

1. Every day of a window is claimed, in order. The claim is a row lock; an observation older than the day's gets none.
2. Of the claimed days whose figures are others, what the observation does not know any more is deleted.
3. Its rows are written.

All in the caller's transaction, one window in each: a reader sees a window before or after, and of two who replace one
day at once the later observation stands, in whatever order they arrive, overlap or are repeated.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

import asyncpg
import orjson

from db.queries import load_queries
from schemas.records import SpendLevel

SQL = load_queries("ad_spend")
DAYS_MAX = 366
_HASH_BYTES = 16


class SpendPlace(NamedTuple):
    """Whose spend, and how finely told. Level campaign is all of it; ad_group leaves out what has no ad groups."""

    source: str
    account: str
    level: SpendLevel


class SpendRow(NamedTuple):
    """A day's figures of one campaign or ad group. Amounts in minor units of the window's currency;
    `conversions_micros` in millionths of a conversion. `ad_group_id`: empty on level campaign."""

    day: date
    campaign_id: str
    ad_group_id: str = ""
    campaign_name: str | None = None
    ad_group_name: str | None = None
    cost_minor: int = 0
    impressions: int = 0
    clicks: int = 0
    conversions_micros: int = 0
    value_minor: int = 0


class SpendWindow(NamedTuple):
    """Everything that an account's report says of the days from `first` to `last`, both included.

    `observed_at`: before the (first) request left. A day without rows had none. `time_zone`: in which the account's
    days are days, if it is known.
    """

    integration_id: int
    place: SpendPlace
    first: date
    last: date
    currency: str
    observed_at: datetime
    mapper_version: int
    rows: Sequence[SpendRow]
    time_zone: str | None = None


class Replaced(NamedTuple):
    """What became of a window: days that are others now, days that were as told already, days known from a newer
    observation; rows written, new ones among them, and rows that are gone."""

    changed_days: int
    same_days: int
    newer_days: int
    written: int
    created: int
    removed: int


class SpendDay(NamedTuple):
    """How one day is known."""

    day: date
    integration_id: int
    observed_at: datetime
    mapper_version: int
    content_hash: bytes
    currency: str
    time_zone: str | None
    changed_at: datetime


class SpendSum(NamedTuple):
    """An account's figures of one day."""

    day: date
    source: str
    account: str
    currency: str
    cost_minor: int
    impressions: int
    clicks: int
    conversions_micros: int
    value_minor: int


async def replace_window(connection: asyncpg.Connection, tenant_id: int, window: SpendWindow) -> Replaced:
    """Makes the window's days what it says, save those that are known from a newer observation.

    Raises ValueError for a window that cannot be exact: longer than DAYS_MAX, with a row outside its days, of another
    level, or with two rows of one key (a report with breakdowns).
    """
    by_day = _split_days(window)
    place = (tenant_id, *window.place)
    claims = await connection.fetch(
        SQL["claim_spend_days"],
        *place,
        window.integration_id,
        window.observed_at,
        window.mapper_version,
        window.currency,
        window.time_zone,
        list(by_day),
        [_hash_day(window, rows) for rows in by_day.values()],
    )
    changed = sorted(day for day, is_changed in claims if is_changed)
    if not changed:
        return Replaced(0, len(claims), len(by_day) - len(claims), 0, 0, 0)
    rows = [row for day in changed for row in by_day[day]]
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in SpendRow._fields]
    removed = await connection.execute(SQL["delete_vanished_spend"], *place, changed, *columns[:3])
    written, created = 0, 0
    if rows:
        written, created = await connection.fetchrow(
            SQL["write_spend"], *place, window.integration_id, window.currency, *columns
        )
    same_days, newer_days = len(claims) - len(changed), len(by_day) - len(claims)
    return Replaced(len(changed), same_days, newer_days, written, created, _count(removed))


async def sum_spend(
    connection: asyncpg.Connection, tenant_id: int, first: date, last: date, *, level: SpendLevel = "campaign"
) -> list[SpendSum]:
    """By day, account and currency, of one level: the finer one is the same money."""
    return [SpendSum(*row) for row in await connection.fetch(SQL["sum_spend"], tenant_id, level, first, last)]


async def list_spend_days(
    connection: asyncpg.Connection, tenant_id: int, place: SpendPlace, first: date, last: date
) -> list[SpendDay]:
    """The days of an account that are known."""
    rows = await connection.fetch(SQL["list_spend_days"], tenant_id, *place, first, last)
    return [SpendDay(*row) for row in rows]


async def list_spend(
    connection: asyncpg.Connection, tenant_id: int, place: SpendPlace, first: date, last: date
) -> list[SpendRow]:
    """An account's rows of some days."""
    rows = await connection.fetch(SQL["list_spend"], tenant_id, *place, first, last)
    return [SpendRow(*row) for row in rows]


def _split_days(window: SpendWindow) -> dict[date, list[SpendRow]]:
    """The rows of every day of the window, in order: rows of one day by key, days without any too."""
    length = (window.last - window.first).days + 1
    if not 1 <= length <= DAYS_MAX:
        raise ValueError(f"a window has 1 to {DAYS_MAX} days")
    by_day: dict[date, list[SpendRow]] = {window.first + timedelta(days=n): [] for n in range(length)}
    for row in sorted(window.rows, key=lambda row: row[:3]):
        if row.day not in by_day:
            raise ValueError("a row lies outside its window")
        if (row.ad_group_id == "") != (window.place.level == "campaign"):
            raise ValueError("a row is of another level than its window")
        told = by_day[row.day]
        if told and told[-1][:3] == row[:3]:
            raise ValueError("two rows have one key: the report has breakdowns")
        told.append(row)
    return by_day


def _hash_day(window: SpendWindow, rows: Sequence[SpendRow]) -> bytes:
    """Equal for equal figures, whoever told them. Not keyed: nothing of it is personal."""
    told = [row[1:] for row in rows]
    return sha256(orjson.dumps([window.currency, window.time_zone, told])).digest()[:_HASH_BYTES]


def _count(status: str) -> int:
    return int(status.rsplit(" ", 1)[-1])

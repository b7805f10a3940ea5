"""What a report of advertising asks for: orders by day, the days of spend that are known, and campaigns."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple

import asyncpg

from db.queries import load_queries

SQL = load_queries("ad_reports")


class OrderDay(NamedTuple):
    """One store's orders of one day in one currency, None where none was told. Amounts in minor units. `orders` and
    `revenue_minor` are without the canceled and the replaced ones; `without_total`: how many of them tell no amount."""

    day: date
    source: str
    account: str
    currency: str | None
    orders: int
    revenue_minor: int
    without_total: int
    canceled: int
    canceled_minor: int
    replaced: int


class KnownDay(NamedTuple):
    """A day of an ad account that was looked at. `time_zone`: in which it is a day, if that is known."""

    source: str
    account: str
    day: date
    currency: str
    time_zone: str | None


class CampaignSum(NamedTuple):
    """A campaign's days together, as its platform reports them."""

    source: str
    account: str
    currency: str
    campaign_id: str
    campaign_name: str | None
    cost_minor: int
    impressions: int
    clicks: int
    conversions_micros: int
    value_minor: int


async def sum_orders_by_day(
    connection: asyncpg.Connection, tenant_id: int, begins: Mapping[date, datetime], until: datetime
) -> list[OrderDay]:
    """Orders created on these days, each from its begin to the next one's, the last to before `until`. `begins`: in
    order. Deleted orders are left out, and those without a creation."""
    rows = await connection.fetch(SQL["sum_orders_by_day"], tenant_id, list(begins), list(begins.values()), until)
    return [OrderDay(*row[:4], *map(int, row[4:])) for row in map(tuple, rows)]


async def list_known_spend_days(
    connection: asyncpg.Connection, tenant_id: int, first: date, last: date
) -> list[KnownDay]:
    """Of all accounts, both ends included."""
    return [KnownDay(*row) for row in await connection.fetch(SQL["list_known_spend_days"], tenant_id, first, last)]


async def sum_spend_by_campaign(
    connection: asyncpg.Connection, tenant_id: int, first: date, last: date, rows_max: int
) -> list[CampaignSum]:
    """The dearest campaigns, `rows_max` at most."""
    rows = await connection.fetch(SQL["sum_spend_by_campaign"], tenant_id, first, last, rows_max)
    return [CampaignSum(*row[:5], *map(int, row[5:])) for row in map(tuple, rows)]

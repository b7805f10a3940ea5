"""What advertising cost beside what was ordered: the report's question and its answer."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from schemas.api import Query, Shown

GroupBy = Literal["day", "week", "month", "campaign", "account", "source"]
SpendKnown = Literal["known", "partly", "unknown", "no_accounts"]
NoRatio = Literal[
    "no_ad_accounts", "spend_unknown", "spend_partly_unknown", "orders_not_attributable", "several_currencies",
    "currency_unknown", "no_spend", "no_orders", "revenue_partly_unknown",
]  # fmt: skip
_DAYS = dt.date(1970, 1, 2), dt.date(2199, 12, 30)


def _check_day(day: dt.date) -> dt.date:
    if not _DAYS[0] <= day <= _DAYS[1]:
        raise ValueError("lies before 1970 or behind 2199")
    return day


Day = Annotated[dt.date, AfterValidator(_check_day)]


class AdPerformanceQuery(Query):
    """Days, both ends included."""

    model_config = ConfigDict(populate_by_name=True)

    first: Day | None = Field(None, alias="from", description="the first day; thirty days up to `to` if not given")
    last: Day | None = Field(None, alias="to", description="the last day; today in the tenant's zone if not given")
    group_by: GroupBy = Field("day", description="weeks begin on Monday; weeks and months are cut to the range")


class SpendFigures(Shown):
    """One ad account's figures as its platform reports them; never added up over accounts, since several may claim one
    sale. Amounts in minor units of `currency`. `reported_roas`, `reported_cpa_minor`: by the platform's own conversions
    and value; null without cost or conversions."""

    source: str
    account: str
    currency: str
    cost_minor: int
    impressions: int
    clicks: int
    conversions: float
    value_minor: int
    reported_roas: float | None
    reported_cpa_minor: int | None


class OrderFigures(Shown):
    """One store's orders, whatever brought them. `orders`, `revenue_minor`: without canceled and replaced ones;
    `without_total`: how many of them tell no amount. `currency`: null where the store told none."""

    source: str
    account: str
    currency: str | None
    orders: int
    revenue_minor: int
    without_total: int
    canceled: int
    canceled_minor: int
    replaced: int


class Blended(Shown):
    """All spend against all orders, where they are of one currency and all spend is known; else null, and `reason` says
    why. `roas`: revenue by cost; `cpa_minor`: cost by order."""

    currency: str | None = None
    cost_minor: int | None = None
    revenue_minor: int | None = None
    orders: int | None = None
    roas: float | None = None
    cpa_minor: int | None = None
    reason: NoRatio | None = None


class PerformanceRow(Shown):
    """One group. `source`, `account`, `campaign_…`: null where it is not grouped by them. `unknown_days`: days times ad
    accounts at which nobody has looked: their spend is missing here, not zero. `orders`: null where orders cannot be
    told apart that way."""

    first_day: dt.date
    last_day: dt.date
    source: str | None = None
    account: str | None = None
    campaign_id: str | None = None
    campaign_name: str | None = None
    spend_known: SpendKnown
    unknown_days: int
    spend: list[SpendFigures]
    orders: list[OrderFigures] | None
    blended: Blended


class DayRange(Shown):
    """Both ends included."""

    first_day: dt.date
    last_day: dt.date


class AdAccountDays(Shown):
    """Which of an ad account's days are known. `time_zone`: in which its days are days; null where it was not told.
    `unknown`: days at which nobody has looked."""

    source: str
    account: str
    currencies: list[str]
    time_zone: str | None
    known_days: int
    unknown: list[DayRange]


class AdPerformance(Shown):
    """`time_zone`: the tenant's, in which days of orders are days. `rows_left_out`: there are more campaigns than are
    shown, cheaper ones. `notes`: what must be known to read the figures."""

    first_day: dt.date
    last_day: dt.date
    group_by: GroupBy
    time_zone: str
    accounts: list[AdAccountDays]
    rows: list[PerformanceRow]
    total: PerformanceRow
    rows_left_out: bool
    notes: list[str]

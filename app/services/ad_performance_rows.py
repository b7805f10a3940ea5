"""From figures by day to the rows of a report. Pure.

Spend stays by ad account and currency, orders by store and currency. Only `blended` adds up over them, costs with costs
and orders with orders, and only where all are of one currency and all spend is known.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from db.ad_reports import CampaignSum, KnownDay, OrderDay
from db.ad_spend import SpendSum
from schemas.ad_performance import (
    AdAccountDays,
    Blended,
    DayRange,
    GroupBy,
    OrderFigures,
    PerformanceRow,
    SpendFigures,
    SpendKnown,
)

Account = tuple[str, str]  # source, account
DAY = timedelta(days=1)
NOT_ATTRIBUTABLE = Blended(reason="orders_not_attributable")


class Figures(NamedTuple):
    """What was read of the days from `first` to `last`. `accounts`: all ad accounts that should have spend."""

    first: date
    last: date
    accounts: Sequence[Account]
    known: Sequence[KnownDay]
    spend: Sequence[SpendSum]
    orders: Sequence[OrderDay]
    campaigns: Sequence[CampaignSum]


def make_rows(figures: Figures, group_by: GroupBy) -> list[PerformanceRow]:
    """By time, every period of the range; by account and source, ad accounts first; campaigns, the dearest first."""
    if group_by == "campaign":
        return _list_campaigns(figures)
    if group_by in {"account", "source"}:
        return [*_list_spenders(figures, group_by), *_list_stores(figures, group_by)]
    parts: dict[DayRange, Figures] = {
        period: figures._replace(first=period.first_day, last=period.last_day, known=[], spend=[], orders=[])
        for period in _list_periods(figures.first, figures.last, group_by)
    }
    by_day = {day: part for part in parts.values() for day in _list_days(part.first, part.last)}
    parts_known: dict[date, list[KnownDay]] = defaultdict(list)
    parts_spend: dict[date, list[SpendSum]] = defaultdict(list)
    parts_orders: dict[date, list[OrderDay]] = defaultdict(list)
    for known in figures.known:
        parts_known[by_day[known.day].first].append(known)
    for spent in figures.spend:
        parts_spend[by_day[spent.day].first].append(spent)
    for ordered in figures.orders:
        parts_orders[by_day[ordered.day].first].append(ordered)
    return [
        make_total(
            part._replace(known=parts_known[part.first], spend=parts_spend[part.first], orders=parts_orders[part.first])
        )
        for part in parts.values()
    ]


def make_total(figures: Figures) -> PerformanceRow:
    """All of the figures in one row."""
    spend_known, unknown_days = _judge(figures)
    spend, orders = _sum_spend(figures), _sum_orders(figures.orders)
    return PerformanceRow(
        first_day=figures.first, last_day=figures.last, spend_known=spend_known, unknown_days=unknown_days,
        spend=spend, orders=orders, blended=_blend(spend_known, spend, orders),
    )  # fmt: skip


def list_account_days(figures: Figures) -> list[AdAccountDays]:
    """What is known of each ad account; its zone as last told."""
    by_account: dict[Account, list[KnownDay]] = defaultdict(list)
    for day in figures.known:
        by_account[day.source, day.account].append(day)
    found = []
    for source, account in figures.accounts:
        known = by_account[source, account]
        zones = [day.time_zone for day in known if day.time_zone is not None]
        found.append(
            AdAccountDays(
                source=source, account=account, currencies=sorted({day.currency for day in known}),
                time_zone=zones[-1] if zones else None, known_days=len(known),
                unknown=_join_days({day.day for day in known}, figures.first, figures.last),
            )
        )  # fmt: skip
    return found


def _list_campaigns(figures: Figures) -> list[PerformanceRow]:
    rows = []
    for one in figures.campaigns:
        spend_known, unknown_days = _judge(_narrow(figures, {(one.source, one.account)}))
        spend = _make_spend((one.source, one.account, one.currency), list(one[5:]))
        rows.append(
            PerformanceRow(
                first_day=figures.first, last_day=figures.last, source=one.source, account=one.account,
                campaign_id=one.campaign_id, campaign_name=one.campaign_name, spend_known=spend_known,
                unknown_days=unknown_days, spend=[spend], orders=None, blended=NOT_ATTRIBUTABLE,
            )
        )  # fmt: skip
    return rows


def _list_spenders(figures: Figures, group_by: GroupBy) -> Iterator[PerformanceRow]:
    groups: dict[tuple[str, str | None], set[Account]] = defaultdict(set)
    for source, account in figures.accounts:
        groups[source, account if group_by == "account" else None].add((source, account))
    for (source, group), accounts in groups.items():
        part = _narrow(figures, accounts)
        spend_known, unknown_days = _judge(part)
        yield PerformanceRow(
            first_day=figures.first, last_day=figures.last, source=source, account=group, spend_known=spend_known,
            unknown_days=unknown_days, spend=_sum_spend(part), orders=None, blended=NOT_ATTRIBUTABLE,
        )  # fmt: skip


def _list_stores(figures: Figures, group_by: GroupBy) -> Iterator[PerformanceRow]:
    groups: dict[tuple[str, str | None], list[OrderDay]] = defaultdict(list)
    for one in figures.orders:
        groups[one.source, one.account if group_by == "account" else None].append(one)
    for (source, account), orders in sorted(groups.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        yield PerformanceRow(
            first_day=figures.first, last_day=figures.last, source=source, account=account, spend_known="no_accounts",
            unknown_days=0, spend=[], orders=_sum_orders(orders), blended=NOT_ATTRIBUTABLE,
        )  # fmt: skip


def _narrow(figures: Figures, accounts: set[Account]) -> Figures:
    return figures._replace(
        accounts=sorted(accounts),
        known=[day for day in figures.known if (day.source, day.account) in accounts],
        spend=[day for day in figures.spend if (day.source, day.account) in accounts],
    )


def _judge(figures: Figures) -> tuple[SpendKnown, int]:
    """How much of the spend is known, and how many days of accounts are not."""
    wanted = len(figures.accounts) * ((figures.last - figures.first) // DAY + 1)
    known = len({(day.source, day.account, day.day) for day in figures.known})
    if not wanted:
        return "no_accounts", 0
    return ("known" if known == wanted else "partly" if known else "unknown"), wanted - known


def _sum_spend(figures: Figures) -> list[SpendFigures]:
    """By account and currency. An account without a row on its known days has spent nothing, which is a figure."""
    sums: dict[tuple[str, str, str], list[int]] = {
        (day.source, day.account, day.currency): [0] * 5 for day in figures.known
    }
    for one in figures.spend:
        held = sums.setdefault((one.source, one.account, one.currency), [0] * 5)
        held[:] = [a + b for a, b in zip(held, one[4:], strict=True)]
    return [_make_spend(key, sums[key]) for key in sorted(sums)]


def _make_spend(key: tuple[str, str, str], sums: Sequence[int]) -> SpendFigures:
    cost, impressions, clicks, conversions_micros, value = sums
    return SpendFigures(
        source=key[0], account=key[1], currency=key[2], cost_minor=cost, impressions=impressions, clicks=clicks,
        conversions=conversions_micros / 1_000_000, value_minor=value,
        reported_roas=round(value / cost, 4) if cost > 0 else None,
        reported_cpa_minor=_divide(cost * 1_000_000, conversions_micros) if conversions_micros > 0 else None,
    )  # fmt: skip


def _sum_orders(orders: Iterable[OrderDay]) -> list[OrderFigures]:
    sums: dict[tuple[str, str, str | None], list[int]] = defaultdict(lambda: [0] * 6)
    for one in orders:
        held = sums[one.source, one.account, one.currency]
        held[:] = [a + b for a, b in zip(held, one[4:], strict=True)]
    found = []
    for key in sorted(sums, key=lambda key: (key[0], key[1], key[2] or "")):
        count, revenue, without_total, canceled, canceled_minor, replaced = sums[key]
        found.append(
            OrderFigures(
                source=key[0], account=key[1], currency=key[2], orders=count, revenue_minor=revenue,
                without_total=without_total, canceled=canceled, canceled_minor=canceled_minor, replaced=replaced,
            )
        )  # fmt: skip
    return found


def _blend(spend_known: SpendKnown, spend: Sequence[SpendFigures], orders: Sequence[OrderFigures]) -> Blended:
    if spend_known == "no_accounts":
        return Blended(reason="no_ad_accounts")
    if spend_known != "known":
        return Blended(reason="spend_unknown" if spend_known == "unknown" else "spend_partly_unknown")
    currencies = {one.currency for one in spend if one.cost_minor} | {one.currency for one in orders if one.orders}
    if None in currencies:
        return Blended(reason="currency_unknown")
    if len(currencies) > 1:
        return Blended(reason="several_currencies")
    cost = sum(one.cost_minor for one in spend)
    if not currencies or cost <= 0:
        return Blended(reason="no_spend")
    revenue, count = sum(one.revenue_minor for one in orders if one.orders), sum(one.orders for one in orders)
    told = Blended(currency=currencies.pop(), cost_minor=cost, revenue_minor=revenue, orders=count)
    if not count:
        return told.model_copy(update={"roas": 0.0, "reason": "no_orders"})
    cpa = {"cpa_minor": _divide(cost, count)}
    if any(one.without_total for one in orders):
        return told.model_copy(update=cpa | {"revenue_minor": None, "reason": "revenue_partly_unknown"})
    return told.model_copy(update=cpa | {"roas": round(revenue / cost, 4)})


def _list_periods(first: date, last: date, group_by: GroupBy) -> Iterator[DayRange]:
    """The days, weeks from Monday or months, cut to the range."""
    begin = first
    while begin <= last:
        if group_by == "day":
            end = begin
        elif group_by == "week":
            end = begin + (6 - begin.weekday()) * DAY
        else:
            end = (begin.replace(day=28) + 4 * DAY).replace(day=1) - DAY
        yield DayRange(first_day=begin, last_day=min(end, last))
        begin = end + DAY


def _list_days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += DAY


def _join_days(known: set[date], first: date, last: date) -> list[DayRange]:
    """The days that are not among the known ones, as ranges."""
    found: list[list[date]] = []
    for day in _list_days(first, last):
        if day in known:
            continue
        if found and found[-1][1] == day - DAY:
            found[-1][1] = day
        else:
            found.append([day, day])
    return [DayRange(first_day=begin, last_day=end) for begin, end in found]


def _divide(amount: int, count: int) -> int:
    """Rounded half up; both not negative."""
    return (2 * amount + count) // (2 * count)

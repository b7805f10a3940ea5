"""The report of advertising: daily spend beside the orders of the same days. Nothing is summed over currencies."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.connectors.registry import list_connectors
from app.core.errors import FieldProblem, InvalidInputError
from app.services.ad_performance_rows import Figures, list_account_days, make_rows, make_total
from app.services.office import Office
from app.services.sync_schedules import find_time_zone
from db.ad_reports import list_known_spend_days, sum_orders_by_day, sum_spend_by_campaign
from db.ad_spend import sum_spend
from db.integrations import list_integrations
from db.tenants import Tenant
from schemas.ad_performance import AdPerformance, AdPerformanceQuery

DAYS_IF_NOT_SAID = 30
NOTES = (
    "Days of orders are the tenant's, in time_zone; days of spend are the ad account's own, in the zone it has.",
    "Where those zones differ, orders and spend of one day are of shifted hours.",
    "Spend is that of campaigns; ad groups are the same money again and are not added.",
    "Conversions and their value are what each platform reports, of one action type.",
    "Several accounts may claim one sale, so their conversions are never added up.",
    "Platforms still change the figures of the last weeks.",
    "Orders are all orders by the time of their creation, whatever brought them; blended sets them against all spend.",
    "Deleted orders and orders that tell no creation are left out.",
    "A day of an ad account at which nobody has looked is unknown, not zero.",
)
NOT_TOLD_APART = (
    "Orders do not tell which {what} brought them: beside spend there are only the conversions and the value that the "
    "platforms report."
)


async def read_ad_performance(
    office: Office, tenant: Tenant, query: AdPerformanceQuery, *, now: datetime | None = None
) -> AdPerformance:
    """The report. Raises InvalidInputError for days in the wrong order, or more than REPORT_DAYS_MAX."""
    zone = ZoneInfo(find_time_zone(tenant.settings))
    first, last = _find_days(query, (now or datetime.now(UTC)).astimezone(zone).date(), office.settings.report_days_max)
    # Reckoned here: the database's own list of zones may be another, and a day would lie outside.
    days = [first + timedelta(days=n) for n in range((last - first).days + 2)]
    *begins, until = (_begin(day, zone) for day in days)
    rows_max, tenant_id = office.settings.report_rows_max, tenant.tenant_id
    async with office.database.tenant_tx(tenant_id, "ad_performance") as connection:
        accounts = {
            (one.connector, one.account)
            for one in await list_integrations(connection, tenant_id)
            if one.connector in list_connectors() and list_connectors()[one.connector].reports
        }
        known = await list_known_spend_days(connection, tenant_id, first, last)
        spend = await sum_spend(connection, tenant_id, first, last)
        orders = await sum_orders_by_day(connection, tenant_id, dict(zip(days, begins, strict=False)), until)
        campaigns = (
            await sum_spend_by_campaign(connection, tenant_id, first, last, rows_max + 1)
            if query.group_by == "campaign"
            else []
        )
    # An account whose integration is gone counts where something of it is known, and nowhere else.
    accounts |= {(day.source, day.account) for day in known}
    figures = Figures(first, last, sorted(accounts), known, spend, orders, campaigns[:rows_max])
    notes = list(NOTES)
    if query.group_by in {"campaign", "account", "source"}:
        what = {"campaign": "campaign", "account": "ad account", "source": "platform"}[query.group_by]
        notes.append(NOT_TOLD_APART.format(what=what))
    return AdPerformance(
        first_day=first, last_day=last, group_by=query.group_by, time_zone=zone.key,
        accounts=list_account_days(figures), rows=make_rows(figures, query.group_by), total=make_total(figures),
        rows_left_out=len(campaigns) > rows_max, notes=notes,
    )  # fmt: skip


def _find_days(query: AdPerformanceQuery, today: date, days_max: int) -> tuple[date, date]:
    last = query.last or max(today, query.first or today)
    first = query.first or last - timedelta(days=min(DAYS_IF_NOT_SAID, days_max) - 1)
    if first > last:
        raise InvalidInputError(FieldProblem("/from", "lies behind `to`"))
    if (last - first).days >= days_max:
        raise InvalidInputError(FieldProblem("/from", f"more than {days_max} days with `to`: ask for fewer at once"))
    return first, last


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)

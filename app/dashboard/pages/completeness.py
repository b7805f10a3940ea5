"""How complete each day is known to be: what the provider lists against what is held, as repairs found it."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import NamedTuple

from babel.dates import format_date

from app.connectors.registry import list_connectors
from app.dashboard.calendars import Calendar, Tone, draw_calendar
from app.dashboard.page import Page, View
from app.dashboard.pages.syncs import BASE, list_syncable
from app.dashboard.visit import Visit
from app.services.ledger import list_tenant_gaps
from app.services.sync_runs import list_completeness
from schemas.integrations import Integration
from schemas.syncs import CompletenessDay, CompletenessQuery

WEEKS_SHOWN = 26
DAYS_MAX = 1_000  # of one integration: every stream's
INTEGRATIONS_MAX = 10
BAD_SHARE = 0.01  # of a day's objects that were missing or otherwise: more is rather a fault than a lost call


class StreamDays(NamedTuple):
    """One stream of one integration. `days`: that were looked at, newest first; `unseen`: how many were not."""

    integration: Integration
    stream: str
    days: Sequence[CompletenessDay]
    unseen: int
    calendar: Calendar

    @property
    def differences(self) -> Sequence[CompletenessDay]:
        return [one for one in self.days if judge_day(one) != "good"]


async def show_completeness(visit: Visit) -> View:
    integrations = await list_syncable(visit)
    last = visit.now.date()
    first = last - timedelta(days=last.weekday(), weeks=WEEKS_SHOWN - 1)
    parts: list[StreamDays] = []
    for one in integrations[:INTEGRATIONS_MAX]:
        query = CompletenessQuery.model_validate({"integration_id": one.id, "from": first, "to": last})
        found = (await list_completeness(visit.office, visit.tenant_id, query, DAYS_MAX)).data
        parts += [_show(one, name, found, first, last) for name in list_connectors()[one.type].mappers]
    gaps = await list_tenant_gaps(visit.office, visit.tenant_id)
    locale = visit.viewer.locale
    data = {
        "parts": parts,
        "has_reports": bool(integrations),
        "gaps": gaps,
        "month": partial(format_date, format="LLL", locale=locale),
        "weekday": partial(format_date, format="ccc", locale=locale),
    }
    return View("syncs/completeness.html", data)


def judge_day(day: CompletenessDay) -> Tone:
    """`good`: provider and rows agreed; `warn`: a few did not; `bad`: many."""
    differences = day.missing + day.stale + day.unlisted
    if not differences:
        return "good"
    return "bad" if differences > max(1, BAD_SHARE * day.listed) else "warn"


def _show(one: Integration, stream: str, found: Sequence[CompletenessDay], first: date, last: date) -> StreamDays:
    days = sorted((day for day in found if day.stream == stream), key=lambda day: day.day, reverse=True)
    calendar = draw_calendar(first, last, {day.day: judge_day(day) for day in days})
    return StreamDays(one, stream, days, len(calendar.cells) - len(days), calendar)


PAGES = (Page("syncs.completeness", f"{BASE}/completeness", "tenant", "integrations:read", show_completeness),)

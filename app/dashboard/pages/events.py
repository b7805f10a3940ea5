"""Events: what came in, newest first and live; found by what they tell of or by whom they concern; refused calls."""

import csv
import io
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from starlette.responses import Response

from app.core.errors import FieldProblem, InvalidInputError, NotFoundError
from app.dashboard.page import Go, Page, View
from app.dashboard.pages.event_filters import KINDS, OUTCOMES, VIEWS, Filters, read_filters
from app.dashboard.visit import Visit
from app.services.event_figures import read_day
from app.services.event_search import Found, find_people, read_found
from app.services.event_waits import list_waiting_events
from app.services.integration_reads import list_integrations
from app.services.ledger import find_reach, list_events
from app.services.records import Reader
from app.services.refused_calls import NOBODY, list_refused
from schemas.api import Page as Rows
from schemas.integrations import Integration
from schemas.ledger import EventShown
from schemas.shown_records import CustomersQuery

ROWS, EXPORTED_MAX, WAITING_SHOWN = 50, 1_000, 100
LOOKED_S = 0.025  # while nothing is found, 10,000 rows at a time; then it says how far it has looked
PERSONAL = ("email", "phone", "document")
CSV_COLUMNS = ("received_at", "event_id", "kind", "object_id", "state", "outcome", "reason", "integration_id",
               "attempts", "latency_ms")  # fmt: skip


class _Looked(NamedTuple):
    rows: Rows[EventShown]
    found: Found | None


async def show_events(visit: Visit) -> View | Go:
    integrations = await list_integrations(visit.office, visit.tenant_id)
    filters = read_filters(visit, frozenset(one.id for one in integrations))
    cursor = visit.query("cursor") or None
    data = {
        "filters": filters,
        "tabs": _list_tabs(visit, filters),
        "integrations": {one.id: one for one in integrations},
        "outcomes": OUTCOMES,
        "kinds": KINDS,
        "figures": await read_day(visit.office, visit.tenant_id),
        "personal": PERSONAL,
        "is_live": cursor is None and visit.query("live") != "off",
        "has_cursor": cursor is not None,
    }
    if filters.view == "waiting":
        waiting = await list_waiting_events(visit.office, visit.get_tenant(), WAITING_SHOWN)
        return View("events/waiting.html", {**data, "waiting": waiting})
    try:
        looked = await _look(visit, filters, cursor, ROWS)
    except NotFoundError:
        return Go(visit.link("events.list"), "events.found_gone")
    more = looked.rows.next_cursor
    here = filters.list_params()
    is_unused = not (looked.rows.data or more or cursor or filters.is_narrowed or filters.view != "all")
    return View(
        "events/list.html",
        {
            **data,
            "rows": looked.rows.data,
            "found": looked.found,
            "reach": find_reach(more) if more else None,
            "next_href": visit.link("events.list", **here, cursor=more) if more else None,
            "first_href": visit.link("events.list", **here) if cursor else None,
            "export_href": visit.link("events.export", **here),
            "live_href": visit.link("events.list", **here, live="off" if data["is_live"] else None),
            "clear_href": visit.link("events.list"),
            "start": await _read_start(visit, integrations) if is_unused else None,
        },
    )


async def search_people(visit: Visit) -> Go:
    """By what is personal: it stands in no address, here only in the body of the call, and is not shown again."""
    by, value = visit.form.get("by", ""), visit.form.get("value", "").strip()
    if by not in PERSONAL or not value or len(value) > 320:
        raise InvalidInputError(FieldProblem("/value", "is none that could be somebody's", "nobodys"))
    search_id = await find_people(visit.office, visit.get_tenant(), CustomersQuery(**{by: value}), make_reader(visit))
    return Go(visit.link("events.list", found=search_id))


async def export_events(visit: Visit) -> Response:
    """The page as a table for spreadsheets, at most EXPORTED_MAX rows. Nothing personal stands in the ledger."""
    integrations = await list_integrations(visit.office, visit.tenant_id)
    filters = read_filters(visit, frozenset(one.id for one in integrations))
    looked = await _look(visit, filters._replace(view=filters.view if filters.view != "waiting" else "all"), None,
                         EXPORTED_MAX)  # fmt: skip
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    writer.writerows(_write_cells(event) for event in looked.rows.data)
    name = f"events-{visit.tenant_id}-{visit.now:%Y%m%dT%H%M%SZ}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def show_refused(visit: Visit) -> View:
    return View(
        "events/refused.html", {"calls": await list_refused(visit.office, visit.tenant_id), "is_nobodys": False}
    )


async def show_unknown(visit: Visit) -> View:
    return View("events/refused.html", {"calls": await list_refused(visit.office, NOBODY), "is_nobodys": True})


def make_reader(visit: Visit) -> Reader:
    return Reader(visit.actor, visit.may("records:reveal"))


async def _look(visit: Visit, filters: Filters, cursor: str | None, limit: int) -> _Looked:
    """A page; where nothing was found yet it looks on for a moment."""
    found = None
    if filters.found:
        found = await read_found(visit.office, visit.tenant_id, filters.found, make_reader(visit))
    object_ids = None if found is None else found.object_ids
    zone = visit.viewer.zone
    try:
        query = filters.make_query(zone, cursor)
    except ValueError:
        raise NotFoundError("There is nothing at this address.") from None
    ends_at = time.monotonic() + LOOKED_S
    page = await list_events(visit.office, visit.tenant_id, query, limit, object_ids=object_ids)
    while not page.data and page.next_cursor is not None and time.monotonic() < ends_at:
        query = filters.make_query(zone, page.next_cursor)
        page = await list_events(visit.office, visit.tenant_id, query, limit, object_ids=object_ids)
    return _Looked(page, found)


def _list_tabs(visit: Visit, filters: Filters) -> list[tuple[str, str, bool]]:
    kept = filters._replace(outcome="").list_params()
    return [
        (view, visit.link("events.list", **{**kept, "view": None if view == "all" else view}), view == filters.view)
        for view in VIEWS
    ]


async def _read_start(visit: Visit, integrations: Sequence[Integration]) -> Mapping[str, Any]:
    """What to do where nothing came in yet."""
    called = [one for one in integrations if one.status != "deleted"]
    refused = (await list_refused(visit.office, visit.tenant_id)).last[:5]
    return {"integrations": called, "refused": refused}


def _write_cells(event: EventShown) -> list[str]:
    """Spreadsheets take a text that begins with one of these signs for a formula."""
    told = event.model_dump(mode="json")
    cells = ["" if told[name] is None else str(told[name]) for name in CSV_COLUMNS]
    return [f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in cells]


PAGES = (
    Page("events.list", "/tenants/{tenant_id:int}/events", "tenant", "events:read", show_events, search_people,
         "records:reveal"),
    Page("events.export", "/tenants/{tenant_id:int}/events-export", "tenant", "events:read", export_events),
    Page("events.refused", "/tenants/{tenant_id:int}/refused-calls", "tenant", "events:read", show_refused),
    Page("events.unknown", "/refused-calls", "platform", "platform:admin", show_unknown),
)  # fmt: skip

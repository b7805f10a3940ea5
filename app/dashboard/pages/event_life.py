"""One event's page: a line of time from its arrival to its end, live until then."""

from app.dashboard.page import Page, View
from app.dashboard.visit import Visit
from app.services.event_life import get_life
from schemas.event_life import EventLife

RECORD_PAGES = {"orders": "records.order", "customers": "records.customer"}


async def show_event(visit: Visit) -> View:
    life = await get_life(visit.office, visit.get_tenant(), visit.uuid("event_id"))
    known = {attempt.number for attempt in life.failed_attempts}
    return View(
        "events/show.html",
        {
            "life": life,
            "record_pages": RECORD_PAGES,
            "untold_attempts": len([number for number in range(1, _count_failed(life) + 1) if number not in known]),
        },
    )


def _count_failed(life: EventLife) -> int:
    """Of a settled event the last attempt is its end."""
    attempts = life.attempts or 0
    return max(0, attempts - 1) if life.status == "settled" else attempts


PAGES = (Page("events.show", "/tenants/{tenant_id:int}/events/{event_id}", "tenant", "events:read", show_event),)

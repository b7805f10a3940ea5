"""Every page there is: one module per area, and the list of all."""

from app.dashboard.page import Page
from app.dashboard.pages import (
    dead,
    dead_bulk,
    event_life,
    events,
    home,
    overview,
    record_page,
    records,
    session,
    tenant,
    tenant_life,
    workers,
)

PAGES: tuple[Page, ...] = (
    *home.PAGES,
    *session.PAGES,
    *overview.PAGES,
    *workers.PAGES,
    *tenant.PAGES,
    *tenant_life.PAGES,
    *dead.PAGES,
    *dead_bulk.PAGES,
    *dead.LETTER_PAGES,
    *events.PAGES,
    *event_life.PAGES,
    *records.PAGES,
    *record_page.PAGES,
)

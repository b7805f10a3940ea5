"""Every page there is: one module per area, and the list of all."""

from app.dashboard.page import Page
from app.dashboard.pages import (
    completeness,
    dead,
    dead_bulk,
    event_life,
    events,
    home,
    integration_actions,
    integration_addresses,
    integration_forms,
    integrations,
    overview,
    record_page,
    records,
    session,
    sync_actions,
    syncs,
    tenant,
    tenant_life,
    workers,
)

PAGES: tuple[Page, ...] = (
    *home.PAGES,
    # Before the addresses with an id in the same place.
    *integration_forms.PAGES,
    *integrations.PAGES,
    *integration_actions.PAGES,
    *integration_addresses.PAGES,
    *completeness.PAGES,
    *sync_actions.PAGES,
    *syncs.PAGES,
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

"""A tenant's integrations, and one of them: how it is, what it waits for, and what can be done about it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from app.connectors.contract import Connector
from app.connectors.registry import get_connector, list_connectors
from app.core.errors import AcequiaError, NotFoundError, QueueUnavailableError
from app.dashboard.connector_forms import make_fields, say_finding, say_label, say_text
from app.dashboard.page import Page, View
from app.dashboard.visit import Visit
from app.services.budget_views import AccountBudget, BudgetPlace, read_budgets
from app.services.ids import read_integration_id
from app.services.integration_reads import NO_INTEGRATION, get_integration, list_integrations
from app.services.ledger import list_events, list_tenant_gaps
from app.services.secret_states import list_secret_states
from app.services.sync_requests import list_syncable_streams
from app.services.sync_runs import list_runs
from app.services.sync_status import read_sync_status
from app.services.test_events import TESTED_KINDS
from schemas.integrations import Integration, Validation
from schemas.ledger import EventsQuery, GapShown
from schemas.syncs import RunsQuery

RUNS_SHOWN = 5
RealTime = Literal["hook", "calls", "syncs"]


def find_integration(visit: Visit) -> int:
    """The number of the integration in the address, written as the API writes it. Raises NotFoundError for another
    tenant's and for what is none."""
    found = read_integration_id(visit.text("integration_id"))
    if found.tenant_id != visit.tenant_id:
        raise NotFoundError(NO_INTEGRATION)
    return found.integration_id


async def read_integration(visit: Visit) -> tuple[Integration, int]:
    """The integration in the address and its number. Raises NotFoundError."""
    number = find_integration(visit)
    shown, _ = await get_integration(visit.office, visit.tenant_id, number)
    return shown, number


async def show_list(visit: Visit) -> View:
    shown = await list_integrations(visit.office, visit.tenant_id)
    status = await read_sync_status(visit.office, visit.get_tenant())
    data = {
        "integrations": shown,
        "states": {one.id: one for one in status.integrations},
        "labels": {name: say_label(visit, connector) for name, connector in list_connectors().items()},
        "gaps": _group_gaps(await list_tenant_gaps(visit.office, visit.tenant_id)),
        "waiting": await count_waiting(visit),
        "real_time": {name: find_real_time(connector) for name, connector in list_connectors().items()},
        "reconnect": {one.id: say_reconnect(visit, one) for one in shown},
        "choices": [
            (one.name, say_label(visit, one), say_text(visit, f"connectors.{one.name}.says", ""))
            for one in rank_connectors()
        ],
    }
    return View("integrations/list.html", data)


async def show_one(visit: Visit) -> View:
    return await show_with(visit, None)


async def show_with(visit: Visit, validation: Validation | None) -> View:
    """`validation`: of the credentials, if they were just tried."""
    office, tenant_id = visit.office, visit.tenant_id
    shown, number = await read_integration(visit)
    status = await read_sync_status(office, visit.get_tenant())
    runs = await list_runs(office, tenant_id, RunsQuery(integration_id=shown.id), RUNS_SHOWN)
    gaps = _group_gaps(await list_tenant_gaps(office, tenant_id))
    connector = get_connector(shown.type)
    data: dict[str, Any] = {
        "integration": shown,
        "connector": connector,
        "label": say_label(visit, connector),
        "state": next(one for one in status.integrations if one.id == shown.id),
        "runs": runs.data,
        "gaps": gaps.get(shown.id, []),
        "waiting": await count_waiting(visit),
        "last_event_at": await _find_last_event(visit, shown.id),
        "budget": await _find_budget(visit, shown),
        "secrets": await _list_secrets(visit, number),
        "is_syncable": bool(list_syncable_streams(shown.type)),
        "real_time": find_real_time(connector),
        "reconnect": say_reconnect(visit, shown),
        "steps": list_setup_steps(visit, shown.type),
        "can_test": can_test(connector),
        "has_fetch": connector.make_live_reader is not None,
        "credential_fields": make_fields(visit, connector, connector.credentials, {}),
        "validation": validation,
        "findings": [
            (one.severity, say_finding(visit, shown.type, one)) for one in (validation.findings if validation else ())
        ],
    }
    return View("integrations/show.html", data)


def rank_connectors() -> list[Connector]:
    """Stores first, then what else is asked, then who sends by himself."""
    return sorted(
        list_connectors().values(),
        key=lambda one: (not one.credentials, all(stream.name != "orders" for stream in one.streams)),
    )


def find_real_time(connector: Connector) -> RealTime:
    """How it is told of changes: by a hook that is set at the provider, by calls to an address that somebody copies
    there, or not at all, so that syncs bring everything."""
    if any(one.authentication == "secret_header" for one in connector.endpoints):
        return "hook"
    return "calls" if connector.endpoints else "syncs"


def can_test(connector: Connector) -> bool:
    """Whether there is an address that a test call can be sent to."""
    return any(one.kind in TESTED_KINDS for one in connector.endpoints)


def say_reconnect(visit: Visit, shown: Integration) -> str | None:
    """What to do about an authorisation that counts no more; None for one that counts, and where credentials are no
    authorisation of a person's."""
    key = f"connectors.{shown.type}.finding.reconnect"
    return visit.t(key) if shown.status == "credentials_refused" and visit.texts.has(key) else None


def list_setup_steps(visit: Visit, connector: str) -> list[str]:
    """How it is connected, in the viewer's language; none for a connector that says nothing of it."""
    keys = (f"connectors.{connector}.setup_{n}" for n in range(1, 4))
    return [say_text(visit, key, "") for key in keys if visit.texts.has(key)]


async def count_waiting(visit: Visit) -> int | None:
    """Events of the tenant that wait for their turn or to be tried again; None while the queue does not say."""
    try:
        depth = await visit.office.queue.depth(visit.tenant_id)
    except QueueUnavailableError:
        return None
    return depth.waiting + depth.retrying


async def _find_last_event(visit: Visit, integration_id: str) -> datetime | None:
    """None also when the last ones were all of other integrations."""
    page = await list_events(visit.office, visit.tenant_id, EventsQuery(integration_id=integration_id), 1)
    return page.data[0].received_at if page.data else None


async def _find_budget(visit: Visit, shown: Integration) -> AccountBudget | None:
    try:
        found = await read_budgets(visit.office, [BudgetPlace(shown.type, shown.account, shown.config)])
    except QueueUnavailableError:
        return None
    return found[0] if found else None


async def _list_secrets(visit: Visit, number: int) -> Sequence[object]:
    try:
        return await list_secret_states(visit.office, visit.tenant_id, number)
    except AcequiaError:  # the page is about more than this
        return []


def _group_gaps(gaps: Sequence[GapShown]) -> Mapping[str, list[GapShown]]:
    grouped: dict[str, list[GapShown]] = {}
    for gap in gaps:
        grouped.setdefault(gap.integration_id, []).append(gap)
    return grouped


PAGES = (
    Page("integrations.list", "/tenants/{tenant_id:int}/integrations", "tenant", "integrations:read", show_list),
    Page(
        "integrations.show", "/tenants/{tenant_id:int}/integrations/{integration_id}", "tenant", "integrations:read",
        show_one,
    ),
)  # fmt: skip

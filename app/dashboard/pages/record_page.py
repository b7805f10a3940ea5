"""One order's and one customer's page: what is held, masked, whence and since when, what touched it, and whom it
belongs together with. Revealing is a POST, audited, and for that one answer."""

from collections.abc import Awaitable, Callable
from typing import Any

from app.core.errors import ConflictError
from app.dashboard.page import Go, Page, View
from app.dashboard.pages.records import make_reader
from app.dashboard.visit import Visit
from app.services.enqueue import enqueue_pointers
from app.services.ids import read_integration_id, read_record_id
from app.services.integration_reads import list_integrations
from app.services.record_history import read_history
from app.services.records import get_customer, get_order
from app.services.related_records import list_related
from schemas.integrations import Integration
from schemas.ledger import NewPointers
from schemas.records import RecordStream
from schemas.shown_records import CustomerShown, OrderShown

EVENTS = 20
# Fields that stand in a part of their own, or say how the rest is to be read.
ADDRESS_FIELDS = ("receiver_name", "street", "number", "complement", "neighborhood", "city", "state", "postal_code",
                  "country", "reference")  # fmt: skip

Handler = Callable[[Visit], Awaitable[View | Go]]


def _make_show(stream: RecordStream) -> Handler:
    async def show(visit: Visit) -> View:
        return await _show(visit, stream, reveal=False)

    return show


def _make_reveal(stream: RecordStream) -> Handler:
    async def reveal(visit: Visit) -> View:
        return await _show(visit, stream, reveal=True)

    return reveal


def _make_back(stream: RecordStream) -> Handler:
    async def go_back(visit: Visit) -> Go:
        """What was done by POST is not done again by looking at its address."""
        return Go(_link(visit, stream))

    return go_back


def _make_fetch(stream: RecordStream) -> Handler:
    async def fetch(visit: Visit) -> Go:
        record = await _read(visit, stream, reveal=False)
        integration = await _find_fetching(visit, record)
        if integration is None:
            raise ConflictError("No active integration can fetch this record again.")
        pointers = NewPointers(
            stream=stream, external_ids=[record.external_id], priority="high", account=record.account
        )  # fmt: skip
        [pointer] = await enqueue_pointers(
            visit.office, visit.get_tenant(), read_integration_id(integration.id).integration_id, pointers,
            actor=visit.actor,
        )  # fmt: skip
        if visit.may("events:read"):
            return Go(visit.link("events.show", event_id=pointer.event_id), "records.asked")
        return Go(_link(visit, stream), "records.asked")

    return fetch


async def _show(visit: Visit, stream: RecordStream, *, reveal: bool) -> View:
    office, tenant = visit.office, visit.get_tenant()
    record = await _read(visit, stream, reveal=reveal)
    history = None
    if visit.may("events:read"):
        cursor = "" if reveal else visit.query("cursor")
        history = await read_history(office, tenant.tenant_id, stream, record, limit=EVENTS, cursor=cursor)
    key = read_record_id(record.id)
    related = await list_related(office, tenant, stream, key, with_customers=visit.may("records:reveal"))
    integrations = await list_integrations(office, tenant.tenant_id)
    data: dict[str, Any] = {
        "record": record,
        "is_revealed": reveal,
        "history": history,
        "related": related,
        "integrations": {one.id: one for one in integrations},
        "address_fields": ADDRESS_FIELDS,
        "can_fetch": visit.may("integrations:operate") and _choose_fetching(integrations, record) is not None,
        "reveal_href": visit.link(f"{_name(stream)}_reveal", record_id=record.id),
        "fetch_href": visit.link(f"{_name(stream)}_fetch", record_id=record.id),
        "next_href": None,
        "first_href": _link(visit, stream) if visit.query("cursor") else None,
    }
    if history is not None and history.next_cursor:
        data["next_href"] = visit.link(_name(stream), record_id=record.id, cursor=history.next_cursor)
    return View(f"records/{stream[:-1]}.html", data)


async def _read(visit: Visit, stream: RecordStream, *, reveal: bool) -> CustomerShown | OrderShown:
    arguments = (visit.office, visit.get_tenant(), visit.text("record_id"), make_reader(visit))
    if stream == "orders":
        return await get_order(*arguments, reveal=reveal)
    return await get_customer(*arguments, reveal=reveal)


async def _find_fetching(visit: Visit, record: CustomerShown | OrderShown) -> Integration | None:
    return _choose_fetching(await list_integrations(visit.office, visit.tenant_id), record)


def _choose_fetching(integrations: list[Integration], record: CustomerShown | OrderShown) -> Integration | None:
    """The one that the record came by, or another of its account. What sends signed documents is never asked."""
    return next(
        (
            one
            for one in integrations
            if one.type == record.source
            and record.account in one.accepted_accounts
            and one.status == "active"
            and any(field.is_set for field in one.credentials.values())
        ),
        None,
    )


def _name(stream: RecordStream) -> str:
    return f"records.{stream[:-1]}"


def _link(visit: Visit, stream: RecordStream) -> str:
    return visit.link(_name(stream), record_id=visit.text("record_id"))


def _make_pages(stream: RecordStream) -> tuple[Page, ...]:
    name, path = _name(stream), f"/tenants/{{tenant_id:int}}/{stream}/{{record_id}}"
    back = _make_back(stream)
    return (
        Page(name, path, "tenant", "records:read", _make_show(stream)),
        Page(f"{name}_reveal", f"{path}/reveal", "tenant", "records:read", back, _make_reveal(stream),
             "records:reveal"),
        Page(f"{name}_fetch", f"{path}/fetch", "tenant", "records:read", back, _make_fetch(stream),
             "integrations:operate"),
    )  # fmt: skip


PAGES = (*_make_pages("orders"), *_make_pages("customers"))

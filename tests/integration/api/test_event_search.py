"""Looking for somebody's events by what is personal: found by blind index, audited, kept without a word of it."""

from collections.abc import Callable
from typing import Any

import pytest

from app.core.errors import ForbiddenError, InvalidInputError, NotFoundError
from app.services import record_lists
from app.services.audit import Actor, list_audit
from app.services.event_search import find_people, read_found
from app.services.ledger import find_reach, list_events
from app.services.records import Reader
from db import event_pages
from db.tenants import Tenant, find_tenant
from schemas.ledger import EventsQuery
from schemas.shown_records import CustomersQuery
from tests.integration.api.conftest import ACME, GLOBEX, Cast
from tests.integration.api.seeds import EMAIL, Seeds, plant

READER = Reader(Actor("person", "ana"), may_reveal=True)
BY_EMAIL = CustomersQuery(email=f" {EMAIL.upper()} ")


async def find_brand(cast: Cast, tenant_id: int = ACME) -> Tenant:
    async with cast.office.database.tenant_tx(tenant_id, "test") as connection:
        tenant = await find_tenant(connection, tenant_id)
    assert tenant is not None
    return tenant


@pytest.fixture
async def planted(cast: Cast, open_database: Callable[..., Any]) -> tuple[Seeds, Seeds]:
    writer = await open_database("worker")
    return (
        await plant(cast.office, writer, ACME, is_theirs=False),
        await plant(cast.office, writer, GLOBEX, is_theirs=True),
    )


async def test_an_email_leads_to_the_customers_orders_and_events_that_have_it(
    cast: Cast, planted: tuple[Seeds, Seeds]
) -> None:
    search_id = await find_people(cast.office, await find_brand(cast), BY_EMAIL, READER)
    found = await read_found(cast.office, ACME, search_id, READER)
    assert [key.external_id for key in found.customers] == ["c-0", "c-1", "c-2"]
    assert [key.external_id for key in found.orders] == ["o-0", "o-1", "o-2"]
    assert (found.is_more, found.filters) == (False, ["email"])
    page = await list_events(cast.office, ACME, EventsQuery(), 50, object_ids=found.object_ids)
    assert {str(event.event_id) for event in page.data} == set(planted[0].event_ids), "not the dead ones, nor globex's"
    orders = await list_events(cast.office, ACME, EventsQuery(kind="order"), 2, object_ids=found.object_ids)
    assert orders.next_cursor is not None
    rest = EventsQuery(kind="order", cursor=orders.next_cursor)
    last = await list_events(cast.office, ACME, rest, 2, object_ids=found.object_ids)
    assert [len(page.data) for page in (orders, last)] == [2, 1]
    assert last.next_cursor is None


@pytest.mark.usefixtures("planted")
async def test_what_was_found_is_for_whoever_asked_and_not_for_long(cast: Cast) -> None:
    search_id = await find_people(cast.office, await find_brand(cast), BY_EMAIL, READER)
    for tenant_id, who in ((GLOBEX, READER), (ACME, READER._replace(actor=Actor("person", "berta")))):
        with pytest.raises(NotFoundError):
            await read_found(cast.office, tenant_id, search_id, who)
    for other in ("", "x", "*", "A" * 22):
        with pytest.raises(NotFoundError):
            await read_found(cast.office, ACME, other, READER)
    assert 0 < await cast.office.cache.ttl(f"found:{ACME}:{search_id}") <= cast.office.settings.search_kept_s


@pytest.mark.usefixtures("planted")
async def test_the_search_is_audited_and_what_was_typed_stands_nowhere(cast: Cast) -> None:
    await find_people(cast.office, await find_brand(cast), BY_EMAIL, READER)
    [entry, *_] = (await list_audit(cast.office.database, ACME, limit=10)).data
    assert (entry.action, entry.actor_id, entry.details) == (
        "records.searched",
        "ana",
        {"rows": 6, "filters": ["email"]},
    )
    assert EMAIL not in entry.model_dump_json()
    for redis in (cast.office.cache, cast.office.queue.redis):
        async for key in redis.scan_iter():
            kind = (await redis.type(key)).decode()
            value = await redis.dump(key)
            assert EMAIL.encode() not in key + (value or b"").lower(), (key, kind)


async def test_it_needs_the_permission_and_something_that_can_be_somebodys(cast: Cast) -> None:
    brand = await find_brand(cast)
    with pytest.raises(ForbiddenError):
        await find_people(cast.office, brand, BY_EMAIL, READER._replace(may_reveal=False))
    with pytest.raises(InvalidInputError):
        await find_people(cast.office, brand, CustomersQuery(email="nobody"), READER)
    assert not [
        one for one in (await list_audit(cast.office.database, ACME, limit=10)).data if "searched" in one.action
    ]


@pytest.mark.usefixtures("planted")
async def test_records_are_looked_through_newest_first_and_masked(cast: Cast) -> None:
    brand = await find_brand(cast)
    first = await record_lists.list_newest_orders(cast.office, brand, "", 2)
    assert first.next_cursor is not None
    second = await record_lists.list_newest_orders(cast.office, brand, first.next_cursor, 2)
    assert second.next_cursor is None
    found = [order.external_id for order in (*first.data, *second.data)]
    assert sorted(found) == ["o-0", "o-1", "o-2"]
    assert all(order.is_masked and order.buyer and order.buyer.email == "a…@e….org" for order in first.data)
    assert await record_lists.list_newest_orders(cast.office, brand, "", 50, status="invoiced")
    assert not (await record_lists.list_newest_orders(cast.office, brand, "", 50, status="other")).data
    customers = await record_lists.list_newest_customers(cast.office, brand, "", 50)
    assert {customer.email for customer in customers.data} == {"a…@e….org"}
    search_id = await find_people(cast.office, brand, BY_EMAIL, READER)
    kept = await read_found(cast.office, ACME, search_id, READER)
    assert len(await record_lists.list_kept_customers(cast.office, brand, kept.customers)) == 3
    assert len(await record_lists.list_kept_orders(cast.office, brand, kept.orders)) == 3


async def test_a_page_says_how_far_back_it_has_looked(
    cast: Cast, planted: tuple[Seeds, Seeds], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_pages, "ROWS_SEEN_MAX", 2)
    page = await list_events(cast.office, ACME, EventsQuery(state="nowhere"), 50)
    assert not page.data
    assert page.next_cursor is not None
    reached = find_reach(page.next_cursor)
    newest = (await list_events(cast.office, ACME, EventsQuery(), 2)).data
    assert reached == newest[-1].received_at
    assert planted

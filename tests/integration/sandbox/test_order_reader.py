"""The stream of orders over the sandbox: windows under the page cap, the index's lag, and what a row says."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.connectors.listing import Listing
from app.connectors.vtex.mapping import map_order
from app.core.errors import CredentialsRefusedError, ObjectFailedError, ProviderUnavailableError, ThrottledError
from schemas.held_state import HeldState
from schemas.records import OrderRecord
from tests.integration.sandbox.conftest import Readers
from tests.integration.sandbox.remote import Sandbox
from tests.integration.sandbox.walks import LONG_AGO, give_access, read_expected, span_full, span_since, walk

MakeReaders = Callable[..., Readers]
WAY = 25  # more states than any order has


def hold(document: Any) -> HeldState:
    """What is stored of a document, as far as a list could tell."""
    record: OrderRecord = map_order(document)
    stamp = record.source_updated_at or datetime.now(UTC)
    return HeldState(
        record.external_id, stamp, stamp, record.is_deleted, record.source_created_at, record.status,
        record.status_class, record.total_minor, record.authorized_at, record.invoiced_at, record.has_workflow_error,
    )  # fmt: skip


@pytest.fixture
async def account(sandbox: Sandbox) -> str:
    """An account without an order on the edge of VTEX's two years: it would come and go with the clock."""
    name = f"{sandbox.acme}-own"
    await sandbox.put_account(name, orders=30, history_days=700)
    return name


async def list_one(account: str, readers: Readers, order_id: str) -> Listing:
    reader, now = readers.orders, datetime.now(UTC)
    positions = reader.plan(span_since(now, now - LONG_AGO))
    return (await walk(reader, give_access(account), positions)).listings[order_id]


async def test_ten_thousand_orders_are_listed_once_each_by_windows_that_halve(
    sandbox: Sandbox, account: str, make_readers: MakeReaders
) -> None:
    await sandbox.put_account(account, orders=10_500, history_days=700)
    reader = make_readers(vtex_index_lag_s=0).orders
    span = span_full(datetime.now(UTC) + timedelta(seconds=1))
    found = await walk(reader, give_access(account), reader.plan(span))
    expected = await read_expected(sandbox, account, "order")
    assert len(expected) >= 10_500
    assert found.listings.keys() == expected
    assert found.found == len(expected), "told at the first, undivided window and never again"
    assert found.pages[0][1].listings == ()
    assert not found.is_incomplete
    assert len(found.pages) < 10_500 / 100 + 40


async def test_a_full_run_ends_where_the_index_may_lag_and_never_begins_before_retention(
    sandbox: Sandbox, make_readers: MakeReaders
) -> None:
    await sandbox.put_account(sandbox.acme, orders=400)
    order_id = (await sandbox.change("order", deliver=False))["object_id"]
    reader = make_readers(vtex_index_lag_s=300).orders
    assert reader.lag_s == 300
    now = datetime.now(UTC)
    listed = (await walk(reader, give_access(sandbox.acme), reader.plan(span_full(now)))).listings
    assert order_id not in listed
    young = (await walk(reader, give_access(sandbox.acme), reader.plan(span_full(now, timedelta(days=100))))).listings
    assert 0 < len(young) < len(listed)
    assert young.keys() < listed.keys()
    assert reader.plan(span_full(now, timedelta(days=3_000)))[0]["from"] > str((now - timedelta(days=731)).date())


async def test_more_than_the_cap_in_one_second_is_listed_as_far_as_it_goes_and_said(
    sandbox: Sandbox, make_readers: MakeReaders
) -> None:
    until = datetime.now(UTC) - timedelta(days=3)
    await sandbox.put_account(sandbox.globex, orders=3_200, stocked_until=until.isoformat(), history_days=0.1 / 86_400)
    reader = make_readers().orders
    start, end = until - timedelta(seconds=0.6), until + timedelta(seconds=0.1)
    day = await reader.read_window(give_access(sandbox.globex), start, end)
    assert not day.is_complete
    assert day.listings is not None
    assert len(day.listings) == 3_000
    assert (await reader.read_window(give_access(sandbox.globex), until - timedelta(hours=1), until)).listings is None
    span = span_full(until + timedelta(seconds=300.1), timedelta(seconds=301))
    assert (await walk(reader, give_access(sandbox.globex), reader.plan(span))).is_incomplete


async def test_changes_are_found_by_three_dates_and_the_rest_by_the_trailing_window(
    sandbox: Sandbox, make_readers: MakeReaders
) -> None:
    await sandbox.put_account(sandbox.acme, orders=500, history_days=3)
    access, reader = give_access(sandbox.acme), make_readers(vtex_index_lag_s=60).orders
    begun_at = datetime.now(UTC)
    everything = (await walk(reader, access, reader.plan(span_full(begun_at + timedelta(seconds=90))))).listings
    new = (await sandbox.change("order", deliver=False))["object_id"]
    old = {order_id for order_id in everything if order_id != new}
    authorized = await advance_one(sandbox, old, "authorizedDate")
    invoiced = await advance_one(sandbox, old - {authorized}, "invoicedDate")
    moved = await advance_one(sandbox, old - {authorized, invoiced}, None)
    found = (await walk(reader, access, reader.plan(span_since(begun_at)))).listings
    assert {new, authorized, invoiced} <= found.keys()
    assert len(found) < len(everything)
    trailing = reader.plan(span_since(begun_at, begun_at - LONG_AGO))
    assert moved in (await walk(reader, access, trailing)).listings


async def advance_one(sandbox: Sandbox, among: set[str], field: str | None) -> str:
    """Some order of these that just got that date; None: that changed its status and got neither."""
    for order_id in sorted(among):
        path = f"/api/oms/pvt/orders/{order_id}"
        before = (await sandbox.call(sandbox.acme, "GET", path))[1]
        if before["status"] in ("invoiced", "canceled", "replaced"):
            continue
        for _ in range(WAY):
            await sandbox.change("order", object_id=order_id, deliver=False)
            after = (await sandbox.call(sandbox.acme, "GET", path))[1]
            news = [name for name in ("authorizedDate", "invoicedDate") if after[name] != before[name]]
            if news == ([field] if field else []):
                return order_id
            if news or after["status"] in ("invoiced", "canceled", "replaced"):
                break
    raise AssertionError("no order went that way")


async def test_a_row_and_the_stored_order_have_one_fingerprint_in_every_state(
    sandbox: Sandbox, account: str, make_readers: MakeReaders
) -> None:
    readers, access = make_readers(), give_access(account)
    seen: set[str] = set()
    for _ in range(6):
        order_id = (await sandbox.change("order", account=account, deliver=False))["object_id"]
        before = ""
        for _ in range(WAY):
            document: Any = await readers.orders.fetch(access, order_id)
            listing = await list_one(account, readers, order_id)
            assert readers.orders.describe_held(hold(document)) == listing.fingerprint
            if document["status"] in seen and document["status"] in ("invoiced", "canceled", "replaced"):
                break
            assert listing.fingerprint != before, "a change of state shows"
            before = listing.fingerprint
            seen.add(document["status"])
            if document["status"] in ("invoiced", "canceled", "replaced"):
                break
            await sandbox.change("order", account=account, object_id=order_id, deliver=False)
    assert len(seen) >= 8
    patch = {"workflowIsInError": True}
    await sandbox.change("order", account=account, object_id=order_id, patch=patch, deliver=False)
    listing = await list_one(account, readers, order_id)
    assert listing.fingerprint.endswith("error")
    assert readers.orders.describe_held(hold(await readers.orders.fetch(access, order_id))) == listing.fingerprint


async def test_a_stocked_store_is_known_by_its_rows(sandbox: Sandbox, account: str, make_readers: MakeReaders) -> None:
    await sandbox.put_account(account, orders=150)
    reader, access = make_readers().orders, give_access(account)
    for order_id, listing in (await walk(reader, access, reader.plan(span_full()))).listings.items():
        assert reader.describe_held(hold(await reader.fetch(access, order_id))) == listing.fingerprint
        assert listing.document is None


async def test_an_index_that_lags_shows_an_older_state(
    sandbox: Sandbox, account: str, make_readers: MakeReaders
) -> None:
    readers = make_readers()
    order_id = (await sandbox.change("order", account=account, deliver=False))["object_id"]
    before = (await list_one(account, readers, order_id)).fingerprint
    await sandbox.put_account(account, index_lag_s=240)
    await sandbox.change("order", account=account, object_id=order_id, deliver=False)
    assert (await list_one(account, readers, order_id)).fingerprint == before
    await sandbox.control("POST", "clock", {"advance_s": 300})
    assert (await list_one(account, readers, order_id)).fingerprint != before


async def test_a_day_is_all_that_was_created_in_it(sandbox: Sandbox, make_readers: MakeReaders) -> None:
    account = f"{sandbox.acme}-young"
    await sandbox.put_account(account, orders=2_000, history_days=19)
    reader, access = make_readers().orders, give_access(account)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days: list[str] = []
    for back in range(21):
        start = today - timedelta(days=back)
        day = await reader.read_window(access, start, start + timedelta(days=1))
        assert day.listings is not None
        assert day.is_complete
        days += [listing.external_id for listing in day.listings]
    assert len(days) == len(set(days)), "days do not overlap"
    assert set(days) == await read_expected(sandbox, account, "order")


async def test_rows_that_drifted_are_passed_over_or_fetched(make_readers: MakeReaders) -> None:
    from app.connectors.reading import JsonObject
    from app.connectors.vtex.order_list import describe_row

    nothing = HeldState("x", datetime.now(UTC), datetime.now(UTC), is_deleted=False, source_created_at=None)
    reader = make_readers().orders
    assert describe_row(JsonObject({})) == reader.describe_held(nothing)
    nulls = dict.fromkeys(("status", "totalValue", "creationDate", "authorizedDate", "workflowInErrorState"))
    assert describe_row(JsonObject(nulls)) == reader.describe_held(nothing)
    assert describe_row(JsonObject({"workflowInErrorState": False})) == reader.describe_held(nothing)
    unreadable = describe_row(JsonObject({"totalValue": 1.5}))
    assert unreadable != reader.describe_held(nothing)
    assert describe_row(JsonObject({"totalValue": "12", "authorizedDate": "0001-01-01T00:00:00"})) == (
        reader.describe_held(nothing._replace(total_minor=12))
    )
    assert reader.describe_held(nothing._replace(is_deleted=True)) != reader.describe_held(nothing)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 401}, CredentialsRefusedError),
        ({"status": 403}, CredentialsRefusedError),
        ({"status": 429, "retry_after_s": 7}, ThrottledError),
        ({"status": 500}, ObjectFailedError),
        ({"status": 503}, ProviderUnavailableError),
        ({"kind": "garbage"}, ObjectFailedError),
        ({"kind": "truncated"}, ObjectFailedError),
    ],
)
async def test_a_list_that_fails_is_read_again_from_where_it_was(
    sandbox: Sandbox, make_readers: MakeReaders, fault: dict[str, Any], error: type[Exception]
) -> None:
    reader, access = make_readers(breaker_failures=100).orders, give_access(sandbox.acme)
    [position] = reader.plan(span_full())
    fault = {"account": sandbox.acme, "route": "list_orders", "calls": 1, **fault}
    await sandbox.control("POST", "faults", fault)
    with pytest.raises(error):
        await reader.read(access, position)
    assert reader.restart(position) == position
    assert (await walk(reader, access, [position])).listings

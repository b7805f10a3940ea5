"""The stream of customers over the sandbox: scrolls over days, lost scrolls, searches for changes, addresses."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from app.connectors.listing import Page, Position
from app.connectors.vtex.mapping import map_customer
from app.core.errors import (
    CredentialsRefusedError,
    ObjectFailedError,
    PositionLostError,
    ProviderError,
    ProviderTimeoutError,
    ThrottledError,
)
from schemas.held_state import HeldState
from schemas.records import CustomerRecord
from tests.integration.sandbox.conftest import Readers
from tests.integration.sandbox.remote import HEADERS, Sandbox
from tests.integration.sandbox.walks import Walk, give_access, read_expected, span_full, span_since, walk

MakeReaders = Callable[..., Readers]


def hold(record: CustomerRecord) -> HeldState:
    stamp = record.source_updated_at or datetime.now(UTC)
    return HeldState(record.external_id, stamp, stamp, record.is_deleted, record.source_created_at)


def is_scroll(pages: list[tuple[Position, Page]]) -> bool:
    """Whether the last page read leaves a scroll to go on with."""
    return bool(pages) and any(position["kind"] == "scroll" for position in pages[-1][1].then)


@pytest.fixture
async def account(sandbox: Sandbox) -> str:
    """An account of 300 customers."""
    name = f"{sandbox.acme}-own"
    await sandbox.put_account(name, customers=300, history_days=700)
    return name


async def walk_full(readers: Readers, account: str) -> Walk:
    reader = readers.customers
    return await walk(reader, give_access(account), reader.plan(span_full()))


async def find_user(sandbox: Sandbox, account: str, document_id: str) -> str:
    path = f"/api/dataentities/CL/documents/{document_id}?_fields=userId"
    return str((await sandbox.call(account, "GET", path))[1]["userId"])


async def test_every_customer_is_scrolled_with_its_addresses_as_a_live_event_brings_it(
    sandbox: Sandbox, account: str, make_readers: MakeReaders
) -> None:
    readers = make_readers(vtex_scroll_documents=70, vtex_address_users=7)
    found = await walk_full(readers, account)
    expected = await read_expected(sandbox, account, "customer")
    assert found.listings.keys() == expected
    assert len(expected) == 300
    assert found.found == 300
    some_address = 0
    for document_id, listing in list(found.listings.items())[::3]:
        live = await readers.customers.fetch(give_access(account), document_id)
        assert map_customer(listing.document).model_dump_json() == map_customer(live).model_dump_json()
        assert map_customer(live).missing == map_customer(listing.document).missing
        some_address += len(map_customer(live).addresses)
    assert some_address > 50


async def test_windows_with_too_much_in_them_halve_down_to_a_day(sandbox: Sandbox, make_readers: MakeReaders) -> None:
    account = f"{sandbox.acme}-large"
    await sandbox.put_account(account, customers=11_000, history_days=400)
    readers = make_readers(vtex_scroll_window_documents=4_000, vtex_address_users=50)
    found = await walk_full(readers, account)
    assert found.listings.keys() == await read_expected(sandbox, account, "customer")
    assert found.found == 11_000, "told at the first look, of the undivided window"
    opened = [position for position, page in found.pages if position["kind"] == "open" and page.listings]
    assert len(opened) >= 3


async def test_a_day_alone_is_scrolled_however_much_is_in_it(sandbox: Sandbox, make_readers: MakeReaders) -> None:
    account = f"{sandbox.acme}-day"
    until = datetime.now(UTC).replace(hour=18, minute=0, second=0) - timedelta(days=1)
    await sandbox.put_account(account, customers=500, history_days=0.5, stocked_until=until.isoformat())
    readers = make_readers(vtex_scroll_window_documents=100, vtex_scroll_documents=200)
    assert len((await walk_full(readers, account)).listings) == 500


@pytest.mark.parametrize("kind", ["timeout", "garbage", "cut", "503", "500"])
async def test_an_answer_lost_in_a_scroll_loses_a_page_so_its_window_is_read_again(
    sandbox: Sandbox, account: str, make_readers: MakeReaders, kind: str
) -> None:
    reader = make_readers(vtex_scroll_documents=50, provider_call_timeout_s=0.5).customers
    access = give_access(account)
    begun = await walk(reader, access, reader.plan(span_full()), until=is_scroll)
    position = begun.pages[-1][1].then[0]
    fault: dict[str, Any] = {"account": account, "route": "scroll_CL", "calls": 1, "is_after": True}
    if kind in ("503", "500"):
        fault["status"] = int(kind)
    else:
        fault["kind"] = "hang" if kind == "timeout" else kind
    await sandbox.control("POST", "faults", fault)
    with pytest.raises(PositionLostError):
        await reader.read(access, position)
    again = reader.restart(position)
    assert "token" not in again
    rest = await walk(reader, access, [again])
    assert rest.listings.keys() == await read_expected(sandbox, account, "customer")
    assert rest.found == 0, "the window's number was told before"


async def test_a_token_that_died_is_a_lost_position(sandbox: Sandbox, account: str, make_readers: MakeReaders) -> None:
    reader, access = make_readers(vtex_scroll_documents=50).customers, give_access(account)
    begun = await walk(reader, access, reader.plan(span_full()), until=is_scroll)
    position = begun.pages[-1][1].then[0]
    await sandbox.control("POST", "clock", {"advance_s": 1_500})
    with pytest.raises(PositionLostError):
        await reader.read(access, position)
    assert (await walk(reader, access, [reader.restart(position)])).listings.keys() == await read_expected(
        sandbox, account, "customer"
    )


async def test_a_429_in_a_scroll_loses_nothing(sandbox: Sandbox, account: str, make_readers: MakeReaders) -> None:
    reader, access = make_readers(vtex_scroll_documents=50).customers, give_access(account)
    begun = await walk(reader, access, reader.plan(span_full()), until=is_scroll)
    position = begun.pages[-1][1].then[0]
    await sandbox.control("POST", "faults", {"account": account, "route": "scroll_CL", "calls": 1, "status": 429})
    with pytest.raises(ThrottledError):
        await reader.read(access, position)
    rest = await walk(reader, access, [position])
    whole = begun.listings.keys() | rest.listings.keys()
    assert whole == await read_expected(sandbox, account, "customer")


async def test_an_eleventh_scroll_waits(sandbox: Sandbox, account: str, make_readers: MakeReaders) -> None:
    reader, access = make_readers().customers, give_access(account)
    for _ in range(10):
        query = urlencode({"_size": 1, "_fields": "id"})
        url = f"{sandbox.url}/{account}/api/dataentities/CL/scroll?{query}"
        async with sandbox.session.get(url, headers=HEADERS) as response:
            assert response.status == 200
    [first, *_] = reader.plan(span_full())
    with pytest.raises(ThrottledError) as caught:
        await reader.read(access, first)
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s >= 10
    await sandbox.control("POST", "clock", {"advance_s": 1_500})
    assert (await walk(reader, access, [first])).listings


async def test_another_400_of_a_scroll_is_the_call_s_own_fault(
    sandbox: Sandbox, account: str, make_readers: MakeReaders
) -> None:
    reader, access = make_readers().customers, give_access(account)
    await sandbox.control("POST", "faults", {"account": account, "route": "scroll_CL", "calls": 1, "status": 400})
    [first, *_] = reader.plan(span_full())
    with pytest.raises(ObjectFailedError):
        await reader.read(access, first)


async def test_addresses_that_may_not_be_read_are_missing_and_those_that_failed_are_fetched_alone(
    sandbox: Sandbox, account: str, make_readers: MakeReaders
) -> None:
    readers = make_readers(vtex_scroll_documents=100, vtex_address_users=10)
    await sandbox.control("POST", "faults", {"account": account, "route": "search_AD", "status": 403})
    found = await walk_full(readers, account)
    assert len(found.listings) == 300
    assert all("addresses" in map_customer(one.document).missing for one in found.listings.values())
    await sandbox.control("DELETE", "faults")
    await sandbox.control("POST", "faults", {"account": account, "route": "search_AD", "status": 503, "calls": 2})
    found = await walk_full(readers, account)
    assert found.listings.keys() == await read_expected(sandbox, account, "customer")
    bare = [one for one in found.listings.values() if one.document is None]
    assert 1 <= len(bare) <= 20
    whole = [one for one in found.listings.values() if one.document is not None]
    assert not any("addresses" in map_customer(one.document).missing for one in whole)
    for position, page in found.pages:
        assert position["kind"] == "listed" or all(one.document is not None for one in page.listings), (
            "a page that cannot be read again brings everything"
        )


async def test_a_batch_fetch_asks_again_for_addresses_where_a_live_one_goes_without(
    sandbox: Sandbox, account: str, make_readers: MakeReaders
) -> None:
    reader, access = make_readers().customers, give_access(account)
    [document_id, *_] = sorted(await read_expected(sandbox, account, "customer"))
    await sandbox.control("POST", "faults", {"account": account, "route": "search_AD", "status": 429, "calls": 1})
    with pytest.raises(ThrottledError):
        await reader.fetch(access, document_id)
    assert "addresses" not in map_customer(await reader.fetch(access, document_id)).missing


async def test_changes_are_found_by_search_and_only_they_are_read_with_their_addresses(
    sandbox: Sandbox, account: str, make_readers: MakeReaders
) -> None:
    readers, access = make_readers(vtex_index_lag_s=0), give_access(account)
    everything = (await walk_full(readers, account)).listings
    since = datetime.now(UTC)
    changed = [
        (await sandbox.change("customer", account=account, object_id=one, deliver=False, patch={"firstName": "Ana"}))[
            "object_id"
        ]
        for one in sorted(everything)[:5]
    ]
    reader = readers.customers
    found = await walk(reader, access, reader.plan(span_since(since)))
    documents = {name: one.document for name, one in found.listings.items() if one.document is not None}
    assert documents.keys() == set(changed)
    for name, document in documents.items():
        record = map_customer(document)
        assert record.first_name == "Ana"
        assert record.model_dump_json() == map_customer(await reader.fetch(access, name)).model_dump_json()
        assert found.listings[name].fingerprint != everything[name].fingerprint
    others = {name: one for name, one in found.listings.items() if one.document is None}
    assert all(one.fingerprint == everything[name].fingerprint for name, one in others.items() if name in everything)
    assert len(found.listings) < len(everything)
    assert not any(position["kind"] == "scroll" for position, _ in found.pages)


@pytest.mark.parametrize("history_days", [5, 0.4])
async def test_many_changes_are_searched_by_halves_and_a_day_too_full_is_scrolled(
    sandbox: Sandbox, make_readers: MakeReaders, monkeypatch: pytest.MonkeyPatch, history_days: float
) -> None:
    monkeypatch.setattr("app.connectors.vtex.customer_reader.SEARCH_ROWS_MAX", 300)
    account = f"{sandbox.acme}-busy"
    until = datetime.now(UTC).replace(hour=18, minute=0, second=0) - timedelta(days=1)
    await sandbox.put_account(account, customers=500, history_days=history_days, stocked_until=until.isoformat())
    readers = make_readers(vtex_address_users=50, vtex_scroll_documents=200)
    reader, since = readers.customers, datetime.now(UTC) - timedelta(days=8)
    found = await walk(reader, give_access(account), reader.plan(span_since(since)))
    assert found.listings.keys() == await read_expected(sandbox, account, "customer")
    assert found.found == 500
    is_scrolled = any(position["kind"] == "scroll" for position, _ in found.pages)
    assert is_scrolled is (history_days < 1)
    assert {len(page.listings) for position, page in found.pages if position["kind"] == "search"} <= set(range(101))


async def test_an_address_that_changed_alone_points_at_its_customer(
    sandbox: Sandbox, account: str, make_readers: MakeReaders
) -> None:
    """The sandbox's addresses change only with their customer, so here the clients' part of the plan is left out."""
    readers, access = make_readers(vtex_index_lag_s=0), give_access(account)
    reader = readers.customers
    since = datetime.now(UTC) - timedelta(days=30)
    _, addresses = reader.plan(span_since(since))
    assert addresses["entity"] == "AD"
    found = await walk(reader, access, [addresses])
    assert found.listings == {}, "customers as young as their addresses are in the clients' list"
    assert found.found == 0
    # A client that the search does not show (yet) is pointed at by its user.
    await sandbox.control("POST", "faults", {"account": account, "route": "search_CL", "status": 503})
    pointers = (await walk(reader, access, [addresses])).listings
    await sandbox.control("DELETE", "faults")
    assert pointers
    assert all(one.is_pointer and one.document is None for one in pointers.values())
    document: Any = await reader.fetch(access, next(iter(pointers)))
    assert f"userId:{document['userId']}" in pointers


async def test_a_store_that_shows_no_addresses_has_its_changes_searched_all_the_same(
    sandbox: Sandbox, account: str, make_readers: MakeReaders
) -> None:
    reader = make_readers().customers
    await sandbox.control("POST", "faults", {"account": account, "route": "search_AD", "status": 403})
    found = await walk(reader, give_access(account), reader.plan(span_since(datetime.now(UTC))))
    assert not found.is_incomplete
    await sandbox.control("POST", "faults", {"account": account, "route": "search_CL", "status": 403})
    with pytest.raises(CredentialsRefusedError):
        await walk(reader, give_access(account), reader.plan(span_since(datetime.now(UTC))))


async def test_days_hold_every_customer_once_with_the_fingerprint_of_its_record(
    sandbox: Sandbox, make_readers: MakeReaders
) -> None:
    account = f"{sandbox.acme}-days"
    await sandbox.put_account(account, customers=700, history_days=5)
    reader, access = make_readers(vtex_scroll_documents=90).customers, give_access(account)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    found: list[str] = []
    for back in range(7):
        start = today - timedelta(days=back)
        day = await reader.read_window(access, start, start + timedelta(days=1))
        assert day.listings is not None
        assert day.is_complete
        for listing in day.listings[:5]:
            record = map_customer(await reader.fetch(access, listing.external_id))
            assert listing.fingerprint == reader.describe_held(hold(record))
            assert record.source_created_at is not None
            assert start <= record.source_created_at < start + timedelta(days=1)
            assert listing.document is None
        found += [listing.external_id for listing in day.listings]
    assert len(found) == len(set(found))
    assert set(found) == await read_expected(sandbox, account, "customer")
    noon = today - timedelta(days=1) + timedelta(hours=12)
    halves = [
        await reader.read_window(access, noon - timedelta(hours=12), noon),
        await reader.read_window(access, noon, noon + timedelta(hours=12)),
    ]
    whole = await reader.read_window(access, noon - timedelta(hours=12), noon + timedelta(hours=12))
    assert sorted(one.external_id for half in halves for one in half.listings or ()) == sorted(
        one.external_id for one in whole.listings or ()
    )


async def test_a_deleted_customer_is_in_no_list_and_not_found(
    sandbox: Sandbox, account: str, make_readers: MakeReaders
) -> None:
    readers = make_readers()
    [gone, *_] = sorted(await read_expected(sandbox, account, "customer"))
    await sandbox.change("customer", account=account, object_id=gone, action="delete", deliver=False)
    assert gone not in (await walk_full(readers, account)).listings
    with pytest.raises(ProviderError):
        await readers.customers.fetch(give_access(account), gone)
    assert readers.customers.finds_deletions
    assert not readers.orders.finds_deletions


async def test_a_search_that_times_out_is_read_again(sandbox: Sandbox, account: str, make_readers: MakeReaders) -> None:
    reader, access = make_readers(provider_call_timeout_s=0.3).customers, give_access(account)
    [clients, _] = reader.plan(span_since(datetime.now(UTC) - timedelta(days=60)))
    fault = {"account": account, "route": "search_CL", "kind": "hang", "calls": 1}
    await sandbox.control("POST", "faults", fault)
    with pytest.raises(ProviderTimeoutError):
        await reader.read(access, clients)
    assert reader.restart(clients) == clients
    assert (await walk(reader, access, [clients])).listings


async def test_stamps_that_are_not_there_have_one_fingerprint(make_readers: MakeReaders) -> None:
    from app.connectors.vtex.customer_list import describe_client

    reader, seen_at = make_readers().customers, datetime.now(UTC)
    held = HeldState("x", seen_at, seen_at, is_deleted=False, source_created_at=None)
    assert describe_client({"id": "x"}) == reader.describe_held(held)
    assert describe_client({"id": "x", "createdIn": "2025-03-19T21:43:29.7132146Z"}) == reader.describe_held(
        held._replace(source_updated_at=datetime(2025, 3, 19, 21, 43, 29, 713214, UTC))
    )
    assert reader.describe_held(held._replace(is_deleted=True)) != reader.describe_held(held)


def test_who_changes_behind_midnight_stays_in_the_list_that_is_walked(make_readers: MakeReaders) -> None:
    """Whoever left it would move another from a page that is still to be read to one that was."""
    before_midnight = datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC)
    span = span_since(before_midnight - timedelta(hours=1))._replace(now=before_midnight)
    for position in make_readers().customers.plan(span):
        assert (position["first"], position["last"]) == ("2026-11-24", "2026-11-25")


async def test_an_id_that_is_an_email_address_is_counted_and_not_listed(
    sandbox: Sandbox, make_readers: MakeReaders
) -> None:
    reader, access = make_readers(vtex_index_lag_s=0).customers, give_access(sandbox.acme)
    since = datetime.now(UTC)
    document_id = (await sandbox.change("customer", deliver=False, patch={"id": "CL-Ana@example.com"}))["object_id"]
    for span in (span_full(datetime.now(UTC) + timedelta(seconds=1)), span_since(since)):
        found = await walk(reader, access, reader.plan(span))
        assert found.unnamed == 1
        assert not found.listings.keys() & {document_id, "ana@example.com"}
        assert "ana@" not in str([page.then for _, page in found.pages]).lower(), "positions are kept in the clear"
    day = await reader.read_window(access, since - timedelta(days=1), since + timedelta(days=1))
    assert day.unnamed == 1
    assert "ana@" not in str(day).lower()

"""The order list as VTEX has it: date windows, thirty pages, an index that lags, and no changed-since filter."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.integration.sandbox.remote import Sandbox

LIST = "/api/oms/pvt/orders"


async def list_orders(sandbox: Sandbox, **query: object) -> Any:
    status, body = await sandbox.call(sandbox.acme, "GET", f"{LIST}?{urlencode(query)}")
    assert status == 200, body
    return body


async def show_order(sandbox: Sandbox, order_id: str) -> Any:
    return (await sandbox.call(sandbox.acme, "GET", f"{LIST}/{order_id}"))[1]


def write_range(field: str, low: datetime, high: datetime) -> str:
    texts = (moment.isoformat(timespec="milliseconds")[:23] + "Z" for moment in (low, high))
    return f"{field}:[{' TO '.join(texts)}]"


def parse(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def walk(sandbox: Sandbox, **query: object) -> list[Any]:
    rows: list[Any] = []
    for page in range(1, 31):
        body = await list_orders(sandbox, page=page, per_page=100, **query)
        rows += body["list"]
        if page >= body["paging"]["pages"]:
            break
    return rows


async def test_a_row_says_what_the_document_says_without_mail_and_last_change(sandbox: Sandbox) -> None:
    rows = (await list_orders(sandbox, per_page=10))["list"]
    assert len(rows) == 10
    for row in rows:
        document = await show_order(sandbox, row["orderId"])
        assert (row["status"], row["totalValue"], row["sequence"]) == (
            document["status"],
            document["value"],
            document["sequence"],
        )
        assert row["creationDate"] == document["creationDate"][:19] + "+00:00"
        authorized = document["authorizedDate"]
        assert row["authorizedDate"] == (authorized and authorized[:19] + "+00:00")
        assert row["clientName"].split()[0] == document["clientProfileData"]["firstName"].split()[0]
        assert row["workflowInErrorState"] is False
        assert row["items"] is None
        assert {"lastChange", "email"}.isdisjoint(row)


async def test_pages_of_a_window_hold_each_of_its_orders_once(sandbox: Sandbox) -> None:
    await sandbox.put_account(sandbox.acme, orders=430)
    now = datetime.now(UTC)
    half = now - timedelta(days=365)
    everything = await walk(sandbox, orderBy="creationDate,asc")
    assert len({row["orderId"] for row in everything}) == len(everything) == 430
    dates = [row["creationDate"] for row in everything]
    assert dates == sorted(dates)
    assert now - timedelta(days=731) < parse(dates[0]) < half < parse(dates[-1]) <= now
    parts = [
        await walk(sandbox, f_creationDate=write_range("creationDate", *ends))
        for ends in ((now - timedelta(days=800), half - timedelta(milliseconds=1)), (half, now))
    ]
    assert sorted(row["orderId"] for part in parts for row in part) == sorted(row["orderId"] for row in everything)
    assert all(parts)


async def test_both_ends_of_a_range_belong_to_it(sandbox: Sandbox) -> None:
    order_id = (await list_orders(sandbox))["list"][3]["orderId"]
    created_at = parse((await show_order(sandbox, order_id))["creationDate"])
    low = created_at.replace(microsecond=created_at.microsecond // 1000 * 1000)
    high = low + timedelta(milliseconds=1)
    inside = await list_orders(sandbox, f_creationDate=write_range("creationDate", low, high))
    assert [row["orderId"] for row in inside["list"]] == [order_id]
    before = await list_orders(sandbox, f_creationDate=write_range("creationDate", low - timedelta(days=1), low))
    assert order_id not in [row["orderId"] for row in before["list"]] or created_at == low


@pytest.mark.parametrize(
    ("field", "document_field"), [("authorizedDate", "authorizedDate"), ("invoicedDate", "invoicedDate")]
)
async def test_orders_are_found_by_the_day_they_were_paid_or_invoiced(
    sandbox: Sandbox, field: str, document_field: str
) -> None:
    await sandbox.put_account(sandbox.acme, orders=200)
    now = datetime.now(UTC)
    found = await walk(sandbox, **{f"f_{field}": write_range(field, now - timedelta(days=300), now)})
    expected = set()
    for row in await walk(sandbox):
        moment = (await show_order(sandbox, row["orderId"]))[document_field]
        if moment and parse(moment) >= now - timedelta(days=300):
            expected.add(row["orderId"])
    assert {row["orderId"] for row in found} == expected
    assert 20 < len(expected) < 150


async def test_ranges_and_a_status_narrow_each_other(sandbox: Sandbox) -> None:
    await sandbox.put_account(sandbox.acme, orders=300)
    now = datetime.now(UTC)
    year = now - timedelta(days=365)
    found = await walk(
        sandbox,
        f_creationDate=write_range("creationDate", year, now),
        f_invoicedDate=write_range("invoicedDate", year, now - timedelta(days=100)),
        f_status="invoiced",
    )
    assert 20 < len(found) < 200
    assert {row["status"] for row in found} == {"invoiced"}
    assert await walk(sandbox, f_status="nothing") == []


async def test_only_thirty_pages_can_be_reached_but_all_are_counted(sandbox: Sandbox) -> None:
    await sandbox.put_account(sandbox.acme, orders=3_250)
    body = await list_orders(sandbox, page=30, per_page=100)
    assert len(body["list"]) == 100
    assert body["paging"] == {"total": 3_250, "pages": 33, "currentPage": 30, "perPage": 100}
    for query in ("page=31", "page=0", "per_page=101", "per_page=0", "page=x", "orderBy=lastChange,asc"):
        assert (await sandbox.call(sandbox.acme, "GET", f"{LIST}?{query}"))[0] == 400, query


@pytest.mark.parametrize(
    "text", ["creationDate:[a TO b]", "creationDate:2026-01-01", "invoicedDate:[2026-01-01 TO 2026-01-02]"]
)
async def test_a_range_that_is_none_is_refused(sandbox: Sandbox, text: str) -> None:
    assert (await sandbox.call(sandbox.acme, "GET", f"{LIST}?{urlencode({'f_creationDate': text})}"))[0] == 400


async def test_a_changed_since_filter_is_ignored(sandbox: Sandbox) -> None:
    future = write_range("lastChange", datetime(2050, 1, 1, tzinfo=UTC), datetime(2051, 1, 1, tzinfo=UTC))
    assert (await list_orders(sandbox, f_lastChange=future))["paging"]["total"] == 10
    assert (await list_orders(sandbox, incompleteOrders="true"))["paging"]["total"] == 0


async def test_the_list_shows_orders_as_they_were_the_lag_ago(sandbox: Sandbox) -> None:
    old_id = (await list_orders(sandbox))["list"][0]["orderId"]
    before = (await list_orders(sandbox))["list"][0]
    await sandbox.put_account(sandbox.acme, index_lag_s=240)
    new_id = (await sandbox.change("order", deliver=False))["object_id"]
    await sandbox.change("order", object_id=old_id, patch={"value": 77}, deliver=False)
    assert (await show_order(sandbox, new_id))["status"] == "order-created", "documents do not lag"
    assert (await show_order(sandbox, old_id))["value"] == 77
    body = await list_orders(sandbox)
    assert body["paging"]["total"] == 10
    assert body["list"][0] == before
    await sandbox.control("POST", "clock", {"advance_s": 241})
    body = await list_orders(sandbox)
    assert body["paging"]["total"] == 11
    assert [row["orderId"] for row in body["list"][:2]] == [new_id, old_id]
    assert body["list"][1]["totalValue"] == 77


async def test_the_index_forgets_where_an_order_stood(sandbox: Sandbox) -> None:
    """Its old dates lead nowhere once it has new ones."""
    now = datetime.now(UTC)
    order_id = (await sandbox.change("order", deliver=False))["object_id"]
    window = {"f_authorizedDate": write_range("authorizedDate", now, now + timedelta(hours=1))}
    assert await walk(sandbox, **window) == []
    while (await show_order(sandbox, order_id))["authorizedDate"] is None:
        document = await show_order(sandbox, order_id)
        if document["status"] in ("canceled", "replaced"):
            order_id = (await sandbox.change("order", deliver=False))["object_id"]
        await sandbox.change("order", object_id=order_id, deliver=False)
    [row] = await walk(sandbox, **window)
    assert (row["orderId"], row["status"]) == (order_id, "payment-approved")


async def test_an_order_is_found_by_its_sequence(sandbox: Sandbox) -> None:
    for row in (await list_orders(sandbox))["list"]:
        assert (await show_order(sandbox, f"seq{row['sequence']}"))["orderId"] == row["orderId"]
    assert (await sandbox.call(sandbox.acme, "GET", f"{LIST}/seq1"))[0] == 404

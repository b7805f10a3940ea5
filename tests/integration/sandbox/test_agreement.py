"""Whatever happened: lists, searches, scrolls and documents say what the fingerprints say, once the lag is over."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.sandbox.remote import Receiver, Sandbox
from tests.integration.sandbox.test_mutations import mutate, read_fingerprints
from tests.integration.sandbox.test_order_list import list_orders, parse, walk, write_range
from tests.integration.sandbox.test_scroll import read_all
from tests.integration.sandbox.test_search import find


async def stir(sandbox: Sandbox) -> None:
    """Traffic and hidden changes of every kind, upon a stock."""
    await sandbox.put_account(sandbox.acme, orders=900, customers=400, index_lag_s=240, search_lag_s=60)
    await sandbox.run(events=300, accounts=[sandbox.acme], mix={"orders": 0.5, "customers": 0.5, "deletions": 0.2})
    for action in ("advance", "status", "total", "edit", "create"):
        await mutate(sandbox, "order", action, 15, seed=1)
    for action in ("update", "delete", "create"):
        await mutate(sandbox, "customer", action, 15, seed=2)


async def test_orders_agree(sandbox: Sandbox) -> None:
    await stir(sandbox)
    lagging = {row["orderId"]: row for row in await walk(sandbox)}
    truth = await read_fingerprints(sandbox, "order")
    assert len(lagging) == 900 < len(truth)
    await sandbox.control("POST", "clock", {"advance_s": 241})
    rows = {row["orderId"]: row for row in await walk(sandbox, orderBy="creationDate,asc")}
    assert set(rows) == set(truth)
    for order_id, row in rows.items():
        assert (row["status"], row["totalValue"]) == (truth[order_id]["status"], truth[order_id]["total_minor"])
        assert parse(row["creationDate"]) == parse(truth[order_id]["created_at"]).replace(microsecond=0)
    assert sum(rows[order_id] != lagging[order_id] for order_id in lagging) >= 10
    everything = write_range("authorizedDate", datetime(2000, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1))
    authorized = [row["orderId"] for row in await walk(sandbox, f_authorizedDate=everything)]
    assert sorted(authorized) == sorted(order_id for order_id, row in rows.items() if row["authorizedDate"])
    by_status = await list_orders(sandbox, f_status="canceled")
    assert by_status["paging"]["total"] == sum(row["status"] == "canceled" for row in rows.values())


async def test_customers_agree(sandbox: Sandbox, receiver: Receiver) -> None:
    await stir(sandbox)
    await sandbox.control("POST", "clock", {"advance_s": 61})
    truth = await read_fingerprints(sandbox, "customer")
    assert sum(one["deleted"] for one in truth.values()) >= 15

    def check(rows: list[Any]) -> None:
        assert {row["id"] for row in rows} == {one for one in truth if not truth[one]["deleted"]}
        for row in rows:
            dates = (row["createdIn"], row["updatedIn"] or "", row["lastInteractionIn"])
            assert parse(max(dates)) == parse(truth[row["id"]]["source_updated_at"])

    fields = "id,createdIn,updatedIn,lastInteractionIn"
    check(await read_all(sandbox, _fields=fields))
    everybody = "createdIn between 2000-01-01 AND 2100-01-01"
    pages = range(0, len(truth), 100)
    check(
        [row for start in pages for row in await find(sandbox, everybody, rows=f"{start}-{start + 100}", sort="id ASC")]
    )
    users = {row["userId"] for row in await read_all(sandbox, _fields="userId")}
    assert {row["userId"] for row in await read_all(sandbox, "AD", _fields="userId")} <= users
    assert receiver.calls

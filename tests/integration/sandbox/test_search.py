"""Master Data's search: filters, ranges of rows, an index that lags."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.integration.sandbox.remote import HEADERS, Sandbox

ALL_FIELDS = "id,userId,email,createdIn,updatedIn,lastInteractionIn"


async def search(
    sandbox: Sandbox,
    where: str = "",
    entity: str = "CL",
    *,
    rows: str = "0-100",
    sort: str = "",
    fields: str = ALL_FIELDS,
) -> tuple[int, Any, str | None]:
    """Status, body and REST-Content-Range."""
    query = {"_fields": fields, **({"_where": where} if where else {}), **({"_sort": sort} if sort else {})}
    url = f"{sandbox.url}/{sandbox.acme}/api/dataentities/{entity}/search?{urlencode(query)}"
    async with sandbox.session.get(url, headers={**HEADERS, "REST-Range": f"resources={rows}"}) as response:
        return response.status, await response.json(), response.headers.get("REST-Content-Range")


async def find(sandbox: Sandbox, where: str, **more: Any) -> list[Any]:
    status, rows, _ = await search(sandbox, where, **more)
    assert status == 200, rows
    return list(rows)


async def list_all(sandbox: Sandbox) -> list[Any]:
    return await find(sandbox, "")


async def test_dates_are_filtered_with_both_ends(sandbox: Sandbox) -> None:
    customers = sorted(await list_all(sandbox), key=lambda row: row["createdIn"])
    assert len(customers) == 20
    low, high = customers[4]["createdIn"], customers[9]["createdIn"]
    found = await find(sandbox, f"createdIn between {low} AND {high}", sort="createdIn ASC")
    assert [row["id"] for row in found] == [row["id"] for row in customers[4:10]]
    day = customers[4]["createdIn"][:10]
    assert len(await find(sandbox, f"createdIn between {day} AND 2100-01-01")) == 16


async def test_conditions_combine(sandbox: Sandbox) -> None:
    rows = await list_all(sandbox)
    touched = {row["id"] for row in rows if row["updatedIn"]}
    assert 0 < len(touched) < 20
    assert {row["id"] for row in await find(sandbox, "updatedIn is not null")} == touched
    assert {row["id"] for row in await find(sandbox, "updatedIn is null")} == {row["id"] for row in rows} - touched
    first, second = rows[0], rows[1]
    both = f"(email={first['email']} OR id={second['id']})"
    assert {row["id"] for row in await find(sandbox, both)} == {first["id"], second["id"]}
    assert await find(sandbox, f"email={first['email']} AND id={second['id']}") == []
    ends = "2001-01-01 AND 2100-01-01"
    changed = f"(updatedIn between {ends}) OR (updatedIn is null AND createdIn between {ends})"
    assert len(await find(sandbox, changed)) == 20
    assert [row["id"] for row in await find(sandbox, f"userId={first['userId']}")] == [first["id"]]
    assert len(await find(sandbox, f"id<>{first['id']}")) == 19


@pytest.mark.parametrize("where", ["firstName=Ana", "id=1 OR document is null", "phone between 1 AND 2"])
async def test_other_fields_are_not_filterable(sandbox: Sandbox, where: str) -> None:
    status, body, _ = await search(sandbox, where)
    assert (status, body["Message"]) == (400, "Field is not filterable")


@pytest.mark.parametrize(
    "where", ["createdIn between 1 AND", "(id=1", "id", "id=1 id=2", "createdIn between x AND y", "id=1)"]
)
async def test_a_filter_that_cannot_be_read_is_refused(sandbox: Sandbox, where: str) -> None:
    assert (await search(sandbox, where))[0] == 400


async def test_rows_are_given_in_ranges(sandbox: Sandbox) -> None:
    await sandbox.put_account(sandbox.acme, customers=130)
    ids: list[str] = []
    for start in (0, 50, 100):
        status, rows, content_range = await search(sandbox, rows=f"{start}-{start + 50}", sort="id ASC")
        assert (status, content_range) == (200, f"resources={start}-{min(start + 50, 130)}/130")
        ids += [row["id"] for row in rows]
    assert ids == sorted(set(ids))
    assert len(ids) == 130
    assert (await search(sandbox, rows="0-101"))[0] == 400
    assert (await search(sandbox, rows="9950-10000"))[0] == 200
    assert (await search(sandbox, rows="9950-10001"))[0] == 400


async def test_pages_without_an_order_repeat_rows(sandbox: Sandbox) -> None:
    await sandbox.put_account(sandbox.acme, customers=200)
    pages = [(await search(sandbox, rows=f"{start}-{start + 50}"))[1] for start in range(0, 200, 50)]
    assert sum(map(len, pages)) == 200
    assert len({row["id"] for page in pages for row in page}) < 200


async def test_addresses_are_found_by_their_user(sandbox: Sandbox) -> None:
    addresses = await find(sandbox, "", entity="AD", fields="id,userId,city,createdIn")
    assert addresses
    users = {row["userId"] for row in await list_all(sandbox)}
    assert {row["userId"] for row in addresses} <= users
    one = addresses[0]
    of_user = await find(sandbox, f"userId={one['userId']}", entity="AD", fields="id,userId,city,createdIn")
    assert one in of_user
    assert {row["userId"] for row in of_user} == {one["userId"]}
    assert await find(sandbox, f"id={one['id']}", entity="AD", fields="id,userId,city,createdIn") == [one]
    assert (await search(sandbox, "email=a", entity="AD"))[0] == 400


async def test_only_the_search_lags(sandbox: Sandbox) -> None:
    await sandbox.put_account(sandbox.acme, search_lag_s=60)
    rows = await list_all(sandbox)
    changed, deleted = rows[0]["id"], rows[1]["id"]
    await sandbox.change("customer", object_id=changed, patch={"email": "new@example.com"}, deliver=False)
    await sandbox.change("customer", object_id=deleted, action="delete", deliver=False)
    new = (await sandbox.change("customer", deliver=False))["object_id"]
    path = "/api/dataentities/CL/documents"
    assert (await sandbox.call(sandbox.acme, "GET", f"{path}/{changed}?_fields=email"))[1] == {
        "email": "new@example.com"
    }
    assert (await sandbox.call(sandbox.acme, "GET", f"{path}/{deleted}?_fields=email"))[0] == 404
    assert (await sandbox.call(sandbox.acme, "GET", f"{path}/{new}?_fields=id"))[1] == {"id": new}
    assert await list_all(sandbox) == rows
    await sandbox.control("POST", "clock", {"advance_s": 61})
    after = {row["id"]: row for row in await list_all(sandbox)}
    assert set(after) == {row["id"] for row in rows} - {deleted} | {new}
    assert after[changed]["email"] == "new@example.com"
    assert [row["id"] for row in await find(sandbox, "email=new@example.com")] == [changed]
    assert await find(sandbox, f"email={rows[0]['email']}") == []


async def test_a_change_is_found_by_its_time(sandbox: Sandbox) -> None:
    begin = datetime.now(UTC) - timedelta(seconds=1)
    customer_id = (await list_all(sandbox))[5]["id"]
    await sandbox.change("customer", object_id=customer_id, patch={"firstName": "Ana"}, deliver=False)
    where = f"lastInteractionIn between {begin.isoformat()[:23]}Z AND 2100-01-01T00:00:00Z"
    assert [row["id"] for row in await find(sandbox, where)] == [customer_id]

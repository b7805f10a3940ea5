"""Master Data's scroll: a cursor at the server, for a while, and ten of them."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.integration.sandbox.remote import HEADERS, Sandbox


async def scroll(sandbox: Sandbox, entity: str = "CL", **query: object) -> tuple[int, Any, dict[str, str]]:
    """Status, body and headers."""
    url = f"{sandbox.url}/{sandbox.acme}/api/dataentities/{entity}/scroll?{urlencode(query)}"
    async with sandbox.session.get(url, headers=HEADERS) as response:
        return response.status, await response.json(), {name.lower(): text for name, text in response.headers.items()}


async def open_scroll(sandbox: Sandbox, **query: object) -> str:
    status, _, headers = await scroll(sandbox, "CL", **query)
    assert status == 200
    return headers["x-vtex-md-token"]


async def read_all(sandbox: Sandbox, entity: str = "CL", **query: object) -> list[Any]:
    status, rows, headers = await scroll(sandbox, entity, **query)
    token, total, found = headers["x-vtex-md-token"], int(headers["rest-content-total"]), []
    while rows:
        assert status == 200
        found += rows
        status, rows, headers = await scroll(sandbox, entity, _token=token)
        assert "x-vtex-md-token" not in headers
    assert len(found) == total
    return found


@pytest.mark.parametrize("entity", ["CL", "AD"])
async def test_pages_hold_every_document_once(sandbox: Sandbox, entity: str) -> None:
    await sandbox.put_account(sandbox.acme, customers=120)
    rows = await read_all(sandbox, entity, _size=25, _fields="id,userId,createdIn")
    assert len({row["id"] for row in rows}) == len(rows) >= 110
    assert set(rows[0]) == {"id", "userId", "createdIn"}


async def test_a_filter_narrows_it(sandbox: Sandbox) -> None:
    rows = await read_all(sandbox, _fields="id,updatedIn")
    touched = {row["id"] for row in rows if row["updatedIn"]}
    assert {row["id"] for row in await read_all(sandbox, _where="updatedIn is not null", _size=3)} == touched
    assert 0 < len(touched) < len(rows)
    assert (await scroll(sandbox, _where="document=1"))[1] == {"Message": "Field is not filterable"}
    assert (await scroll(sandbox, _size=1_001))[0] == 400


async def test_every_call_moves_the_cursor_also_when_its_answer_is_lost(sandbox: Sandbox) -> None:
    ids = [row["id"] for row in await read_all(sandbox)]
    token = await open_scroll(sandbox, _size=5)
    fault = {"kind": "garbage", "account": sandbox.acme, "route": "scroll_CL", "calls": 1, "is_after": True}
    await sandbox.control("POST", "faults", fault)
    url = f"{sandbox.url}/{sandbox.acme}/api/dataentities/CL/scroll?_token={token}"
    async with sandbox.session.get(url, headers=HEADERS) as response:
        assert (await response.text()).startswith("<html>")
    assert [row["id"] for row in (await scroll(sandbox, _token=token))[1]] == ids[10:15]


async def test_an_eleventh_scroll_is_refused_until_one_ends(sandbox: Sandbox) -> None:
    tokens = [await open_scroll(sandbox, _size=100) for _ in range(10)]
    status, body, _ = await scroll(sandbox, _size=100)
    assert (status, body) == (400, {"Message": "Maximum simultaneous scrolls rate exceeded (10)"})
    assert (await sandbox.call(sandbox.globex, "GET", "/api/dataentities/CL/scroll"))[0] == 200
    assert (await sandbox.control("GET", "calls"))[sandbox.acme]["open_scrolls"] == 10
    assert (await scroll(sandbox, _token=tokens[3]))[1] == []
    await open_scroll(sandbox, _size=100)
    assert (await scroll(sandbox, _size=100))[0] == 400


async def test_an_idle_token_dies(sandbox: Sandbox) -> None:
    token = await open_scroll(sandbox, _size=2)
    await sandbox.control("POST", "clock", {"advance_s": 19 * 60})
    assert len((await scroll(sandbox, _token=token))[1]) == 2, "each call counts anew"
    await sandbox.control("POST", "clock", {"advance_s": 19 * 60})
    assert len((await scroll(sandbox, _token=token))[1]) == 2
    await sandbox.control("POST", "clock", {"advance_s": 20 * 60})
    status, body, _ = await scroll(sandbox, _token=token)
    assert (status, body) == (400, {"Message": f"Operation not found for this token: '{token}'"})


async def test_what_is_deleted_meanwhile_ends_no_scroll(sandbox: Sandbox) -> None:
    ids = [row["id"] for row in await read_all(sandbox)]
    token = await open_scroll(sandbox, _size=1)
    for object_id in ids[1:4]:
        await sandbox.change("customer", object_id=object_id, action="delete", deliver=False)
    assert [row["id"] for row in (await scroll(sandbox, _token=token))[1]] == ids[4:5]

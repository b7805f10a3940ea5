"""Answers that are spoilt on demand, on every route."""

import aiohttp
import orjson
import pytest

from tests.integration.sandbox.remote import HEADERS, Sandbox

ROUTES = {
    "list_orders": "/api/oms/pvt/orders",
    "search_CL": "/api/dataentities/CL/search?_sort=id+ASC",
    "search_AD": "/api/dataentities/AD/search?_sort=id+ASC",
    "scroll_CL": "/api/dataentities/CL/scroll",
    "scroll_AD": "/api/dataentities/AD/scroll",
    "get_hook": "/api/orders/hook/config",
}


async def add_fault(sandbox: Sandbox, **fault: object) -> None:
    await sandbox.control("POST", "faults", {"account": sandbox.acme, "calls": 1, **fault})


async def read(sandbox: Sandbox, path: str) -> bytes:
    async with sandbox.session.get(f"{sandbox.url}/{sandbox.acme}{path}", headers=HEADERS) as response:
        assert response.status == 200
        return await response.read()


@pytest.mark.parametrize("route", ROUTES)
async def test_a_truncated_answer_is_half_of_the_right_one(sandbox: Sandbox, route: str) -> None:
    whole = await read(sandbox, ROUTES[route])
    await add_fault(sandbox, kind="truncated", route=route)
    half = await read(sandbox, ROUTES[route])
    assert half == whole[: len(whole) // 2]
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(half)
    assert await read(sandbox, ROUTES[route]) == whole


@pytest.mark.parametrize("route", ROUTES)
async def test_a_cut_answer_breaks_the_connection(sandbox: Sandbox, route: str) -> None:
    await add_fault(sandbox, kind="cut", route=route)
    with pytest.raises(aiohttp.ClientPayloadError):
        await read(sandbox, ROUTES[route])
    assert orjson.loads(await read(sandbox, ROUTES[route]))


@pytest.mark.parametrize("route", ROUTES)
async def test_a_status_and_its_retry_after(sandbox: Sandbox, route: str) -> None:
    await add_fault(sandbox, status=429, retry_after_s=7, route=route)
    async with sandbox.session.get(f"{sandbox.url}/{sandbox.acme}{ROUTES[route]}", headers=HEADERS) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize("route", ROUTES)
async def test_an_answer_that_never_comes(sandbox: Sandbox, route: str) -> None:
    await add_fault(sandbox, kind="hang", route=route)
    timeout = aiohttp.ClientTimeout(total=0.2)
    with pytest.raises(TimeoutError):
        await sandbox.call(sandbox.acme, "GET", ROUTES[route], timeout=timeout)
    assert await read(sandbox, ROUTES[route])

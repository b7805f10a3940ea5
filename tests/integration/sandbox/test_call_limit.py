"""The limit of calls that an account has, and hooks that VTEX gives up."""

import asyncio
from typing import Any

import pytest

from tests.integration.sandbox.remote import HEADERS, Receiver, Sandbox

LIST = "/api/oms/pvt/orders"
HOOK = "/api/orders/hook/config"
DAY_S = 86_400


async def call(sandbox: Sandbox, account: str) -> tuple[int, str | None]:
    """Status and Retry-After."""
    async with sandbox.session.get(f"{sandbox.url}/{account}{LIST}", headers=HEADERS) as response:
        return response.status, response.headers.get("Retry-After")


@pytest.mark.parametrize("retry_after_s", [None, 3])
async def test_an_account_that_calls_too_often_is_shut_out_for_a_while(
    sandbox: Sandbox, retry_after_s: int | None
) -> None:
    limit = {"calls_per_minute": 5, "lasts_s": 0.3, "retry_after_s": retry_after_s}
    await sandbox.put_account(sandbox.acme, call_limit=limit)
    answers = [await call(sandbox, sandbox.acme) for _ in range(7)]
    told = None if retry_after_s is None else str(retry_after_s)
    assert answers == [(200, None)] * 5 + [(429, told)] * 2
    assert (await call(sandbox, sandbox.globex))[0] == 200
    assert (await sandbox.control("GET", "calls"))[sandbox.acme]["over_limit"] == 2
    async with asyncio.timeout(5):
        while (await call(sandbox, sandbox.acme))[0] == 429:  # noqa: ASYNC110 - it opens by the clock
            await asyncio.sleep(0.05)
    await sandbox.put_account(sandbox.acme, call_limit=None)
    assert {await call(sandbox, sandbox.acme) for _ in range(10)} == {(200, None)}


async def test_calls_are_counted_by_route(sandbox: Sandbox) -> None:
    async def read() -> Any:
        return (await sandbox.control("GET", "calls"))[sandbox.acme]["by_route"].get("list_orders", 0)

    before = await read()
    await call(sandbox, sandbox.acme)
    assert await read() == before + 1


async def test_a_silent_hook_is_deleted_after_three_days(sandbox: Sandbox, receiver: Receiver) -> None:
    await sandbox.control("POST", "clock", {"advance_s": 2 * DAY_S})
    await sandbox.change("order")
    assert len(receiver.calls) == 1
    await sandbox.control("POST", "clock", {"advance_s": 2 * DAY_S})
    assert (await sandbox.call(sandbox.acme, "GET", HOOK))[0] == 200, "it had something to tell two days ago"
    await sandbox.change("order", deliver=False)
    await sandbox.control("POST", "clock", {"advance_s": DAY_S})
    assert (await sandbox.call(sandbox.acme, "GET", HOOK))[0] == 404, "what nobody was told of does not count"
    assert (await sandbox.change("order"))["deliveries"] == []
    assert (await sandbox.set_hook(sandbox.acme, f"{receiver.url}/hook/again"))[0] == 200
    assert len((await sandbox.change("order"))["deliveries"]) == 1


async def test_the_clock_can_run_faster_and_never_back(sandbox: Sandbox) -> None:
    async def read() -> float:
        return float((await sandbox.control("POST", "clock", {}))["now_s"])

    await sandbox.control("POST", "clock", {"rate": 1_000_000})
    begin = await read()
    while await read() < begin + DAY_S:
        pass
    await sandbox.control("POST", "clock", {"rate": 1})
    async with sandbox.session.post(f"{sandbox.url}/_sandbox/clock", json={"advance_s": -1}) as response:
        assert response.status == 400

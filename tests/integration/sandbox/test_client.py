"""The product's VTEX client over the sandbox: what it brings, and whose fault it says an error is."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from app.connectors.vtex.client import VtexClient
from app.connectors.vtex.mapping import map_customer, map_order
from app.core.errors import (
    CredentialsRefusedError,
    ObjectFailedError,
    ObjectNotFoundError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    ThrottledError,
)
from app.core.outbound import Outbound
from app.core.settings import Settings
from tests.integration.sandbox.conftest import NoLimit, Provider
from tests.integration.sandbox.remote import KEYS, Receiver, Sandbox

STABLE = "vtexcommercestable"
MakeProvider = Callable[..., Provider]


async def fetch(provider: Provider, account: str, order_id: str) -> Any:
    return await provider.client.fetch_order(account, STABLE, KEYS, order_id)


async def make_order(sandbox: Sandbox, **fields: Any) -> str:
    return str((await sandbox.change("order", deliver=False, **fields))["object_id"])


async def test_an_order_is_fetched_and_mapped(sandbox: Sandbox, make_provider: MakeProvider) -> None:
    order_id = await make_order(sandbox)
    provider = make_provider()
    record = map_order(await fetch(provider, sandbox.acme, order_id))
    assert record.external_id == order_id
    assert record.currency == "ARS"
    answered_at = provider.client.get_last_answer_at(sandbox.acme)
    assert answered_at is not None
    assert abs(answered_at - time.monotonic()) < 5
    assert provider.client.get_last_answer_at(sandbox.globex) is None


async def test_a_customer_comes_with_its_addresses(sandbox: Sandbox, make_provider: MakeProvider) -> None:
    client = make_provider().client
    changed = [await sandbox.change("customer", deliver=False) for _ in range(20)]
    records = [
        map_customer(await client.fetch_customer(sandbox.acme, STABLE, KEYS, change["object_id"])) for change in changed
    ]
    assert [record.external_id for record in records] == [change["object_id"] for change in changed]
    assert sum(len(record.addresses) for record in records) >= 10
    assert all(address.city for record in records for address in record.addresses)
    assert not any("addresses" in record.missing for record in records)


async def test_a_customer_is_found_by_its_user_id(sandbox: Sandbox, make_provider: MakeProvider) -> None:
    document_id = (await sandbox.change("customer", deliver=False, patch={"firstName": "Ana"}))["object_id"]
    _, client_document = await sandbox.call(
        sandbox.acme, "GET", f"/api/dataentities/CL/documents/{document_id}?_fields=userId"
    )
    pointer = f"userId:{client_document['userId']}"
    document = await make_provider().client.fetch_customer(sandbox.acme, STABLE, KEYS, pointer)
    assert map_customer(document).external_id == document_id


async def test_addresses_that_cannot_be_read_are_missing_and_no_error(
    sandbox: Sandbox, make_provider: MakeProvider
) -> None:
    document_id = (await sandbox.change("customer", deliver=False))["object_id"]
    await sandbox.control("POST", "faults", {"account": sandbox.acme, "route": "search_AD", "status": 403})
    document = await make_provider().client.fetch_customer(sandbox.acme, STABLE, KEYS, document_id)
    assert "addresses" in map_customer(document).missing


@pytest.mark.parametrize("customer_id", ["nobody", "userId:nobody", "userId:x OR email=a"])
async def test_a_customer_that_is_not_there_is_not_found(
    sandbox: Sandbox, make_provider: MakeProvider, customer_id: str
) -> None:
    with pytest.raises(ObjectNotFoundError):
        await make_provider().client.fetch_customer(sandbox.acme, STABLE, KEYS, customer_id)


@pytest.mark.parametrize("order_id", ["nothing-01", "../hook/config", "a/b", "a?b=c", "ñ#"])
async def test_an_id_stays_one_part_of_the_path(sandbox: Sandbox, make_provider: MakeProvider, order_id: str) -> None:
    with pytest.raises(ObjectNotFoundError) as caught:
        await fetch(make_provider(), sandbox.acme, order_id)
    assert order_id not in str(caught.value)


async def test_an_order_not_readable_yet_is_not_found_and_later_is(
    sandbox: Sandbox, make_provider: MakeProvider
) -> None:
    await sandbox.control("POST", "faults", {"account": sandbox.acme, "not_readable_ms": 60_000})
    order_id = await make_order(sandbox)
    provider = make_provider()
    with pytest.raises(ObjectNotFoundError):
        await fetch(provider, sandbox.acme, order_id)
    await sandbox.control("DELETE", "faults")
    assert map_order(await fetch(provider, sandbox.acme, order_id)).external_id == order_id


async def test_a_stale_document_is_older_than_its_notification(sandbox: Sandbox, make_provider: MakeProvider) -> None:
    order_id = await make_order(sandbox)
    await sandbox.change("order", object_id=order_id, deliver=False)
    provider = make_provider()
    await sandbox.control("POST", "faults", {"kind": "stale", "account": sandbox.acme, "calls": 1})
    stale = map_order(await fetch(provider, sandbox.acme, order_id))
    fresh = map_order(await fetch(provider, sandbox.acme, order_id))
    assert stale.source_updated_at is not None
    assert fresh.source_updated_at is not None
    assert stale.source_updated_at < fresh.source_updated_at


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 401}, CredentialsRefusedError),
        ({"status": 403}, CredentialsRefusedError),
        ({"status": 404}, ObjectNotFoundError),
        ({"status": 400}, ObjectFailedError),
        ({"status": 301}, ObjectFailedError),
        ({"status": 408}, ProviderTimeoutError),
        ({"status": 500}, ObjectFailedError),
        ({"kind": "garbage"}, ObjectFailedError),
    ],
)
async def test_an_answer_says_whose_fault_it_is(
    sandbox: Sandbox, make_provider: MakeProvider, fault: dict[str, Any], error: type[Exception]
) -> None:
    order_id = await make_order(sandbox)
    await sandbox.control("POST", "faults", {"account": sandbox.acme, "calls": 1, **fault})
    with pytest.raises(error) as caught:
        await fetch(make_provider(), sandbox.acme, order_id)
    assert order_id not in str(caught.value)
    assert KEYS["app_token"] not in repr(caught.value)


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_gateway_s_error_is_the_object_s_own_only_if_others_are_answered(
    sandbox: Sandbox, make_provider: MakeProvider, status: int
) -> None:
    poison, good = await make_order(sandbox), await make_order(sandbox)
    fault = {"account": sandbox.acme, "object_id": poison, "status": status}
    await sandbox.control("POST", "faults", fault)
    provider = make_provider()
    with pytest.raises(ProviderUnavailableError):
        await fetch(provider, sandbox.acme, poison)
    await fetch(provider, sandbox.acme, good)
    with pytest.raises(ObjectFailedError):
        await fetch(provider, sandbox.acme, poison)


@pytest.mark.parametrize(("retry_after_s", "pause_s"), [(7, 7.0), (None, 60.0)])
async def test_429_pauses_the_account(
    sandbox: Sandbox, make_provider: MakeProvider, retry_after_s: int | None, pause_s: float
) -> None:
    order_id = await make_order(sandbox)
    fault = {"account": sandbox.acme, "status": 429, "calls": 1, "retry_after_s": retry_after_s}
    await sandbox.control("POST", "faults", fault)
    provider = make_provider()
    with pytest.raises(ThrottledError) as caught:
        await fetch(provider, sandbox.acme, order_id)
    assert caught.value.retry_after_s == pause_s
    assert provider.budget.pauses == {f"vtex:{sandbox.acme}": pause_s}


async def test_a_call_that_hangs_ends_at_its_time(sandbox: Sandbox, make_provider: MakeProvider) -> None:
    order_id = await make_order(sandbox)
    await sandbox.control("POST", "faults", {"kind": "hang", "account": sandbox.acme, "calls": 1})
    with pytest.raises(ProviderTimeoutError) as caught:
        await fetch(make_provider(provider_call_timeout_s=0.2), sandbox.acme, order_id)
    assert caught.value.status == 0


async def test_a_drip_that_never_ends_is_cut_at_the_time_of_the_whole_call(make_provider: MakeProvider) -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            writer.close()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Outbound(Settings(provider_call_timeout_s=0.3), NoLimit()) as outbound:
            client = VtexClient(outbound, url_template=f"http://127.0.0.1:{port}/{{account}}")
            started_at = time.monotonic()
            with pytest.raises(ProviderTimeoutError):
                await client.fetch_order("acme", STABLE, KEYS, "1-01")
            assert time.monotonic() - started_at < 2


async def test_nobody_listening_is_the_surroundings_fault() -> None:
    async with Outbound(Settings(), NoLimit()) as outbound:
        client = VtexClient(outbound, url_template="http://127.0.0.1:1/{account}")
        with pytest.raises(ProviderUnavailableError):
            await client.fetch_order("acme", STABLE, KEYS, "1-01")


async def test_an_answer_over_the_cap_is_not_read(sandbox: Sandbox, make_provider: MakeProvider) -> None:
    order_id = await make_order(sandbox)
    with pytest.raises(ObjectFailedError, match="over 2000 bytes"):
        await fetch(make_provider(provider_answer_bytes_max=2_000), sandbox.acme, order_id)


async def test_the_breaker_spares_an_account_that_fails_and_tries_again(
    sandbox: Sandbox, make_provider: MakeProvider
) -> None:
    order_id = await make_order(sandbox)
    await sandbox.control("POST", "faults", {"account": sandbox.acme, "status": 500, "calls": 3})
    provider = make_provider(breaker_failures=3, breaker_open_s=0.2)
    for error in (ObjectFailedError, ObjectFailedError, ProviderUnavailableError):
        with pytest.raises(error):
            await fetch(provider, sandbox.acme, order_id)
    with pytest.raises(ProviderUnavailableError, match="breaker") as caught:
        await fetch(provider, sandbox.acme, order_id)
    assert caught.value.retry_after_s is not None
    assert map_order(await fetch(provider, sandbox.globex, await make_order_at(sandbox, sandbox.globex)))
    await asyncio.sleep(caught.value.retry_after_s)
    assert map_order(await fetch(provider, sandbox.acme, order_id)).external_id == order_id


async def make_order_at(sandbox: Sandbox, account: str) -> str:
    change = await sandbox.control("POST", "changes", {"account": account, "kind": "order", "deliver": False})
    return str(change["object_id"])


async def test_the_hook_is_configured_read_and_deleted(
    sandbox: Sandbox, receiver: Receiver, make_provider: MakeProvider
) -> None:
    client, place = make_provider().client, (sandbox.acme, STABLE, KEYS)
    configuration = {"hook": {"url": f"{receiver.url}/mine", "headers": {"X-A": "b"}}}
    await client.post_hook(*place, configuration)
    assert await client.get_hook(*place) == configuration
    receiver.answer_in_turn(500)
    with pytest.raises(ObjectFailedError) as caught:
        await client.post_hook(*place, configuration)
    assert caught.value.status == 400
    await client.delete_hook(*place)
    assert await client.get_hook(*place) is None
    await client.delete_hook(*place)


async def test_one_account_s_cookies_do_not_reach_another(receiver: Receiver) -> None:
    from aiohttp import web

    async def bake(_: object) -> web.Response:
        return web.json_response({"orderId": "1-01"}, headers={"Set-Cookie": "session=acme; Path=/"})

    receiver.answer = bake
    async with Outbound(Settings(), NoLimit()) as outbound:
        client = VtexClient(outbound, url_template=f"{receiver.url}/{{account}}")
        for account in ("acme", "globex"):
            await client.fetch_order(account, STABLE, KEYS, "1-01")
    assert not any("Cookie" in call.headers for call in receiver.calls)

"""A sandbox in a process of its own, and a receiver here that does what it is told."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp import web

from app.connectors.listing import Access, StreamReader
from app.connectors.tools import Tools
from app.connectors.vault import Vault
from app.connectors.vtex import readers
from app.connectors.vtex.client import VtexClient
from app.core.outbound import Outbound, Priority
from app.core.settings import Settings
from schemas.ids import make_uuid7
from tests.integration.sandbox.remote import KEYS, Call, Receiver, Sandbox


class NoLimit:
    """A budget without an end that remembers the pauses it was told."""

    def __init__(self) -> None:
        self.pauses: dict[str, float] = {}

    async def take(self, account_key: str, priority: Priority) -> None:
        del account_key, priority

    async def close(self, account_key: str, seconds: float) -> None:
        self.pauses[account_key] = seconds


class Readers(NamedTuple):
    orders: StreamReader
    customers: StreamReader
    budget: NoLimit


class Provider(NamedTuple):
    client: VtexClient
    budget: NoLimit


@pytest.fixture(scope="session")
async def sandbox_process() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.sandbox", "--port", "0", "--latency-ms", "0", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    yield line.split()[-1]
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 5) is not None


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Answers every call as `receiver.answer` says, 200 with an event id at first."""
    receiver = Receiver()

    async def take(request: web.Request) -> web.Response:
        call = Call(dict(request.headers), request.path_qs, await request.read())
        receiver.calls.append(call)
        receiver.arrived.set()
        return await receiver.answer(call)

    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield receiver
    await runner.cleanup()


@pytest.fixture
async def sandbox(sandbox_process: str, receiver: Receiver) -> AsyncIterator[Sandbox]:
    """The sandbox with two fresh accounts, acme and globex, whose hooks and triggers call the receiver."""
    suffix = make_uuid7()[-12:]
    async with aiohttp.ClientSession() as session:
        sandbox = Sandbox(sandbox_process, session, f"acme-{suffix}", f"globex-{suffix}")
        for account in (sandbox.acme, sandbox.globex):
            await sandbox.put_account(account, trigger_url=f"{receiver.url}/trigger/{account}", customers=20, orders=10)
            await sandbox.set_hook(account, f"{receiver.url}/hook/{account}")
        receiver.calls.clear()
        yield sandbox
        await sandbox.control("DELETE", "faults")


@pytest.fixture
async def make_provider(sandbox_process: str) -> AsyncIterator[Callable[..., Provider]]:
    """`make_provider(provider_call_timeout_s=0.2)`: the product's client over the sandbox."""
    opened: list[Outbound] = []

    def make(**settings: Any) -> Provider:
        budget = NoLimit()
        outbound = Outbound(Settings(**settings), budget)
        opened.append(outbound)
        return Provider(VtexClient(outbound, url_template=f"{sandbox_process}/{{account}}"), budget)

    yield make
    for outbound in opened:
        await outbound.aclose()


def open_no_vault(access: Access, origin: str) -> Vault:
    """For connectors whose tokens do not change."""
    raise AssertionError(f"nobody keeps tokens of {access.account} ({origin})")


@pytest.fixture
async def make_readers(sandbox_process: str) -> AsyncIterator[Callable[..., Readers]]:
    """`make_readers(vtex_scroll_documents=5)`: what syncs list VTEX with, over the sandbox."""
    opened: list[Outbound] = []

    def make(**settings: Any) -> Readers:
        budget, chosen = NoLimit(), Settings(vtex_url_template=f"{sandbox_process}/{{account}}", **settings)
        opened.append(Outbound(chosen, budget))
        streams = readers.make_readers(Tools(opened[-1], chosen, open_no_vault, "batch"))
        return Readers(streams["orders"], streams["customers"], budget)

    yield make
    for outbound in opened:
        await outbound.aclose()


@pytest.fixture
def credentials() -> dict[str, str]:
    return dict(KEYS)

"""The sandbox in a process of its own, and the works: tenants, stores, queues, and workers on the session's servers."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from app.services import integrations
from schemas.ids import make_uuid7
from scripts.stack.installation import Installation
from scripts.stack.valkey import EmbeddedValkey
from tests.integration.sandbox.remote import Sandbox
from tests.integration.workers.works import Works, open_works

if TYPE_CHECKING:
    from redis.asyncio import Redis


@pytest.fixture(scope="session")
async def sandbox_url() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.sandbox", "--port", "0", "--latency-ms", "0", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    yield line.split()[-1]
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 5) is not None


@pytest.fixture
async def sandbox(sandbox_url: str) -> AsyncIterator[Sandbox]:
    """With names of accounts that no other test has."""
    suffix = make_uuid7()[-12:]
    async with aiohttp.ClientSession() as session:
        sandbox = Sandbox(sandbox_url, session, f"acme-{suffix}", f"globex-{suffix}")
        yield sandbox
        await sandbox.control("DELETE", "faults")


@pytest.fixture
def make_works(
    redis: "Redis", sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Installation], AbstractAsyncContextManager[Works]]:
    """`async with make_works(installation) as works`: acme and globex, each with a store at the sandbox.

    Changed credentials are seen at once, not after seconds.
    """
    monkeypatch.setattr(integrations, "CACHE_TTL_S", 0.05)
    return lambda installation: open_works(installation, redis, sandbox)


@pytest.fixture
async def works(
    installation: Installation, valkey: EmbeddedValkey, make_works: Callable[[Installation], Any]
) -> AsyncIterator[Works]:
    """The works over this test's own databases on the session's servers."""
    async with make_works(replace(installation, redis_url=valkey.url)) as works:
        yield works

"""The sandbox in a process of its own, and the works: tenants, stores, queues and workers over the session's servers."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp
import pytest

from app.services import integrations
from db.tenants import insert_organization
from schemas.ids import make_uuid7
from scripts.stack.installation import Installation
from scripts.stack.valkey import EmbeddedValkey
from tests.integration.sandbox.remote import Sandbox
from tests.integration.workers.works import ACME, GLOBEX, Works

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg
    from redis.asyncio import Redis

    from app.services.keyring import Keyring
    from db.pool import Database


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
async def works(
    installation: Installation,
    valkey: EmbeddedValkey,
    redis: "Redis",
    superuser: "asyncpg.Connection",
    open_database: "Callable[..., Awaitable[Database]]",
    keyring: "Keyring",
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> Works:
    """acme and globex, each with a store at the sandbox. Changed credentials are seen at once, not after seconds."""
    monkeypatch.setattr(integrations, "CACHE_TTL_S", 0.05)
    office = await open_database("operator")
    works = Works(
        installation=replace(installation, redis_url=valkey.url),
        redis=redis,
        superuser=superuser,
        database=await open_database("web"),
        keyring=keyring,
        sandbox=sandbox,
        accounts={ACME: sandbox.acme, GLOBEX: sandbox.globex},
    )
    await insert_organization(office, 1, "The cast")
    await works.open_store(ACME, "acme", office)
    await works.open_store(GLOBEX, "globex", office)
    return works

"""One receiver for the tests that change nothing of it; those that do start their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from scripts.stack.valkey import EmbeddedValkey
from tests.integration.receiver.support import Receiver, start_receiver


@pytest.fixture(scope="session")
async def receiver(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Receiver]:
    async with start_receiver(valkey.url, tmp_path_factory.mktemp("receiver")) as process:
        yield process


@pytest.fixture
async def own_valkey(tmp_path: Path) -> AsyncIterator[EmbeddedValkey]:
    """A server that the test may kill or misconfigure."""
    server = EmbeddedValkey(tmp_path / "server")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def own_redis(own_valkey: EmbeddedValkey) -> AsyncIterator[Redis]:
    """A connection to that server."""
    client = Redis.from_url(own_valkey.url)
    yield client
    await client.aclose()

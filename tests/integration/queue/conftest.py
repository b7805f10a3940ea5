"""A queue on the session's Valkey, and servers of a test's own that it may kill."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.core.queue import Queue, QueueLimits
from scripts.stack.valkey import EmbeddedValkey

MakeQueue = Callable[..., Awaitable[Queue]]
StartValkey = Callable[..., Awaitable[EmbeddedValkey]]


@pytest.fixture
async def make_queue(redis: Redis) -> AsyncIterator[MakeQueue]:
    """`await make_queue(group=…, limits=…)`: a queue as one more process would have it."""
    async with AsyncExitStack() as stack:

        async def make(client: Redis = redis, *, group: str = "shared", limits: QueueLimits | None = None) -> Queue:
            queue = Queue(client, group=group, limits=limits)
            stack.push_async_callback(queue.close)
            await queue.load()
            return queue

        yield make


@pytest.fixture
async def queue(make_queue: MakeQueue) -> Queue:
    return await make_queue()


@pytest.fixture
async def start_valkey(tmp_path: Path) -> AsyncIterator[StartValkey]:
    """`await start_valkey(appendonly="no")`: a server of this test's own, stopped at its end."""
    async with AsyncExitStack() as stack:

        async def start(**settings: str) -> EmbeddedValkey:
            server = EmbeddedValkey(tmp_path, settings=settings)
            stack.push_async_callback(server.stop)  # before it starts: one that fails to must not be left behind
            await server.start()
            return server

        yield start

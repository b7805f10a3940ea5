"""The process: what it needs to start, and how it ends."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis

from scripts.stack.valkey import EmbeddedValkey
from tests.integration.receiver.support import (
    ENDPOINT_TOKEN_KEY,
    Endpoint,
    publish,
    read_queue,
    start_receiver,
    wait_until,
)


async def test_sigterm_answers_what_is_in_hand_and_ends_at_once(
    own_valkey: EmbeddedValkey, own_redis: Redis, tmp_path: Path
) -> None:
    await own_redis.config_set("appendfsync", "everysec")  # so that an acknowledgement takes a while
    endpoint = Endpoint()
    await publish(own_redis, endpoint)
    async with start_receiver(own_valkey.url, tmp_path, redis_confirm_timeout_ms=3000) as receiver:
        assert (await receiver.post(endpoint)).status_code == 200
        in_hand = asyncio.create_task(receiver.post(endpoint))

        async def is_queued() -> bool:
            return len(await read_queue(own_redis)) == 2

        await wait_until(is_queued)
        started_at = time.monotonic()
        assert await receiver.stop() == 0
        assert time.monotonic() - started_at < 5
        assert (await in_hand).status_code == 200


async def test_sigterm_does_not_wait_for_half_sent_requests_or_a_redis_that_hangs(
    own_valkey: EmbeddedValkey, own_redis: Redis, tmp_path: Path
) -> None:
    endpoint = Endpoint()
    await publish(own_redis, endpoint)
    async with start_receiver(own_valkey.url, tmp_path) as receiver:
        assert (await receiver.post(endpoint)).status_code == 200
        assert own_valkey.child is not None
        own_valkey.child.send(signal.SIGSTOP)
        try:
            in_hand = asyncio.create_task(receiver.post(endpoint))
            _, half_sent = await asyncio.open_connection("127.0.0.1", receiver.port)
            half_sent.write(b"POST /webhooks/vtex/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
            started_at = time.monotonic()
            assert await receiver.stop() == 0
            assert time.monotonic() - started_at < 9
            assert (await in_hand).status_code == 503
            half_sent.close()
        finally:
            own_valkey.child.send(signal.SIGCONT)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "ENDPOINT_TOKEN_KEY"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0", "ENDPOINT_TOKEN_KEY": "short"}, "ENDPOINT_TOKEN_KEY"),
        ({"ENDPOINT_TOKEN_KEY": ENDPOINT_TOKEN_KEY}, "REDIS_URL"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0", "ENDPOINT_TOKEN_KEY": ENDPOINT_TOKEN_KEY,
          "ENVIRONMENT": "production"}, "RECEIVER_STATE_DIR"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0", "ENDPOINT_TOKEN_KEY": ENDPOINT_TOKEN_KEY,
          "RECEIVER_STATE_DIR": "/proc/none"}, "RECEIVER_STATE_DIR"),
    ],
)  # fmt: skip
async def test_it_does_not_start_without_what_it_needs_and_names_it(settings: dict[str, str], named: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.receiver", env=settings, stderr=asyncio.subprocess.PIPE
    )
    _, error = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert f"receiver cannot start: {named}" in error.decode()
    assert "Traceback" not in error.decode()
    assert ENDPOINT_TOKEN_KEY not in error.decode()

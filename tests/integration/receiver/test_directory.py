"""The directory: a revoked token stops within a second, and a directory that is not there is never a 401."""

import asyncio
import secrets
import time
from pathlib import Path

from redis.asyncio import Redis

from app.core.directory import GENERATION_KEY, VERSION_KEY
from app.core.queue_runner import send_command
from scripts.stack.valkey import EmbeddedValkey
from tests.integration.receiver.support import Endpoint, Receiver, make_hook, publish, start_receiver, wait_until


async def wait_for_status(receiver: Receiver, endpoint: Endpoint, status: int) -> float:
    """Seconds until a call is answered so; every answer before must be 200 (or 503)."""
    started_at = time.monotonic()
    while True:
        answer = await receiver.post(endpoint)
        if answer.status_code == status:
            return time.monotonic() - started_at
        assert answer.status_code in (200, 503)
        assert time.monotonic() - started_at < 5


async def test_a_revoked_token_stops_within_a_second(receiver: Receiver, redis: Redis) -> None:
    endpoint = Endpoint()
    await publish(redis, endpoint)
    assert (await receiver.post(endpoint)).status_code == 200
    await publish(redis)
    assert await wait_for_status(receiver, endpoint, 401) < 1.0


async def test_a_revoked_token_stops_within_a_second_when_every_connection_was_cut(
    receiver: Receiver, redis: Redis
) -> None:
    endpoint = Endpoint()
    await publish(redis, endpoint)
    assert (await receiver.post(endpoint)).status_code == 200
    await send_command(redis, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await publish(redis)
    assert await wait_for_status(receiver, endpoint, 401) < 1.0


async def test_a_revoked_token_stops_within_a_second_when_the_version_cannot_be_polled(
    own_valkey: EmbeddedValkey, own_redis: Redis, tmp_path: Path
) -> None:
    """The poll is denied, the look-up is not: what is cached is not used for longer than its time."""
    endpoint = Endpoint()
    await publish(own_redis, endpoint)
    async with start_receiver(own_valkey.url, tmp_path) as receiver:
        assert (await receiver.post(endpoint)).status_code == 200
        await send_command(own_redis, "ACL", "SETUSER", "default", "-mget")
        await publish(own_redis)
        assert await wait_for_status(receiver, endpoint, 401) < 1.0


async def test_a_changed_endpoint_is_used_as_changed_within_a_second(receiver: Receiver, redis: Redis) -> None:
    endpoint = Endpoint(secrets=["first-secret"])
    await publish(redis, endpoint)
    assert (await receiver.post(endpoint)).status_code == 200
    endpoint.secrets[:] = ["second-secret"]
    await publish(redis, endpoint)

    async def is_used() -> bool:
        return (await receiver.post(endpoint)).status_code == 200

    await wait_until(is_used, 1.0)
    first = await receiver.client.post(endpoint.path, content=make_hook(), headers={"X-Acequia-Secret": "first-secret"})
    assert first.status_code == 401


async def test_a_wiped_redis_is_503_and_never_401(receiver: Receiver, redis: Redis) -> None:
    cached, not_cached = Endpoint(), Endpoint()
    await publish(redis, cached, not_cached)
    assert (await receiver.post(cached)).status_code == 200
    await redis.flushall()
    assert (await receiver.post(not_cached)).status_code == 503
    await wait_for_status(receiver, cached, 503)
    for _ in range(20):
        for endpoint in (cached, not_cached):
            assert (await receiver.post(endpoint)).status_code == 503
    ready = await receiver.client.get("/readyz")
    assert ready.status_code == 503
    assert "not in Redis" in ready.json()["checks"]["directory"]
    await publish(redis, cached, not_cached)
    assert (await receiver.post(not_cached)).status_code == 200


async def test_entries_without_a_generation_conclude_nothing(receiver: Receiver, redis: Redis) -> None:
    endpoint = Endpoint()
    for key in (GENERATION_KEY, VERSION_KEY):
        await publish(redis, endpoint)
        await redis.delete(key)
        assert (await receiver.post(Endpoint())).status_code == 503
        assert (await receiver.post(endpoint)).status_code == 503


async def test_a_made_up_token_dies_in_memory(own_valkey: EmbeddedValkey, own_redis: Redis, tmp_path: Path) -> None:
    """With Redis away one of ours cannot be told, and one that nobody made can."""
    await publish(own_redis)
    async with start_receiver(own_valkey.url, tmp_path) as receiver:
        await own_valkey.kill()
        made_up = Endpoint(token="aqe_" + secrets.token_hex(15))
        assert (await receiver.post(made_up)).status_code == 401
        assert (await receiver.post(Endpoint())).status_code == 503


async def test_a_receiver_starts_without_redis_and_is_ready_when_it_comes(
    own_valkey: EmbeddedValkey, own_redis: Redis, tmp_path: Path
) -> None:
    endpoint = Endpoint()
    await publish(own_redis, endpoint)
    await own_valkey.kill()
    async with start_receiver(own_valkey.url, tmp_path) as receiver:
        assert (await receiver.client.get("/healthz")).status_code == 200
        assert (await receiver.client.get("/readyz")).status_code == 503
        assert (await receiver.post(endpoint)).status_code == 503
        await own_valkey.start()
        assert await wait_for_status(receiver, endpoint, 200) < 3.0

        async def is_ready() -> bool:
            return (await receiver.client.get("/readyz")).status_code == 200

        await wait_until(is_ready)


async def test_an_endpoint_is_asked_for_once_while_its_version_stands(receiver: Receiver, redis: Redis) -> None:
    endpoint = Endpoint()
    await publish(redis, endpoint)
    await redis.config_resetstat()
    answers = await asyncio.gather(*(receiver.post(endpoint) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    stats = await redis.info("commandstats")
    assert 1 <= stats["cmdstat_exec"]["calls"] < 10  # a look-up is a transaction

"""A refusal leaves a mark: on disk before it is answered, in Redis as soon as Redis can be written."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.core.queue_runner import send_command
from scripts.stack.valkey import EmbeddedValkey
from tests.integration.receiver.support import Endpoint, publish, start_receiver, wait_until


async def read_marks(redis: Redis) -> dict[bytes, bytes]:
    marks: dict[bytes, bytes] = await redis.hgetall("gaps")  # type: ignore[misc]
    return marks


@pytest.mark.kill
async def test_a_mark_survives_killed_redis_and_a_killed_receiver(
    own_valkey: EmbeddedValkey, own_redis: Redis, tmp_path: Path
) -> None:
    hook, trigger, unseen = Endpoint(), Endpoint(kind="customer_trigger"), Endpoint(tenant_id=57, account="globex")
    await publish(own_redis, hook, trigger, unseen)
    async with start_receiver(own_valkey.url, tmp_path) as receiver:
        assert (await receiver.post(hook)).status_code == 200
        await own_valkey.kill()
        for endpoint in (hook, trigger, unseen):
            assert (await receiver.post(endpoint)).status_code == 503
        await receiver.kill()
    kept = (tmp_path / "state" / "gaps.jsonl").read_text()
    assert hook.token not in kept
    await own_valkey.start()
    async with start_receiver(own_valkey.url, tmp_path) as receiver:

        async def are_marked() -> bool:
            return set(await read_marks(own_redis)) == {b"56|3|orders", b"56|3|customers", b"57|3|orders"}

        await wait_until(are_marked)

        async def is_file_empty() -> bool:
            return (tmp_path / "state" / "gaps.jsonl").stat().st_size == 0

        await wait_until(is_file_empty)


@pytest.mark.kill
async def test_a_mark_is_flushed_by_the_same_receiver_when_redis_is_back(
    own_valkey: EmbeddedValkey, own_redis: Redis, tmp_path: Path
) -> None:
    endpoint = Endpoint()
    await publish(own_redis, endpoint)
    async with start_receiver(own_valkey.url, tmp_path) as receiver:
        assert (await receiver.post(endpoint)).status_code == 200
        await own_valkey.kill()
        for _ in range(3):
            assert (await receiver.post(endpoint)).status_code == 503
        assert (await receiver.client.get("/readyz")).json()["notes"]["gap_marks_pending"] != "0"
        await own_valkey.start()

        async def is_marked() -> bool:
            return b"56|3|orders" in await read_marks(own_redis)

        await wait_until(is_marked)


async def test_the_earliest_mark_stands(valkey: EmbeddedValkey, redis: Redis, tmp_path: Path) -> None:
    endpoint = Endpoint(tenant_status="expired")
    await publish(redis, endpoint)
    earlier = "2020-01-01T00:00:00.000+00:00"
    await send_command(redis, "HSET", "gaps", "56|3|orders", earlier)
    async with start_receiver(valkey.url, tmp_path) as own:
        assert (await own.post(endpoint)).json()["ignored"] == "tenant_expired"

        async def is_flushed() -> bool:
            return bool((await own.client.get("/readyz")).json()["notes"]["gap_marks_pending"] == "0")

        await wait_until(is_flushed)
    assert await read_marks(redis) == {b"56|3|orders": earlier.encode()}

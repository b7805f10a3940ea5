"""A call with the secret before the newest is noted in Redis, so that a rotation knows its end."""

import time
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.core.directory import PREVIOUS_USED_KEY
from app.core.queue_runner import send_command
from app.core.signatures import make_signing_secret
from app.core.tokens import hash_token
from app.receiver.secret_uses import SecretUses
from scripts.stack.valkey import EmbeddedValkey
from tests.integration.receiver.support import Endpoint, publish, start_receiver, wait_until

DOCUMENT = b'{"type": "order.upsert", "data": {"external_id": "o-1"}}'


async def find_used_at(redis: Redis, token_hash: bytes) -> float | None:
    value = await send_command(redis, "HGET", PREVIOUS_USED_KEY, token_hash.hex())
    return None if value is None else float(value)


@pytest.mark.parametrize("kind", ["order_hook", "inline"])
async def test_only_calls_with_the_secret_before_the_newest_are_noted(
    redis: Redis, valkey: EmbeddedValkey, tmp_path: Path, kind: str
) -> None:
    names = ["new-secret", "old-secret"] if kind == "order_hook" else [make_signing_secret(), make_signing_secret()]
    endpoint = Endpoint(kind="order_hook" if kind == "order_hook" else "inline", secrets=names)
    other = Endpoint(secrets=["new", "old"])
    await publish(redis, endpoint, other)
    body = None if kind == "order_hook" else DOCUMENT

    def as_caller(secret: str) -> dict[str, str]:
        return {"X-Acequia-Secret": secret} if kind == "order_hook" else endpoint.sign(DOCUMENT, secret=secret)

    async with start_receiver(valkey.url, tmp_path) as receiver:
        assert (await receiver.post(endpoint, body, as_caller(names[0]))).status_code == 200
        assert (await receiver.post(other, None, {"X-Acequia-Secret": "old"})).status_code == 200

        async def is_noted() -> bool:
            return await find_used_at(redis, hash_token(other.token)) is not None

        await wait_until(is_noted)
        assert await find_used_at(redis, hash_token(endpoint.token)) is None
        assert (await receiver.post(endpoint, body, as_caller(names[1]))).status_code == 200
        assert await receiver.stop() == 0
    used_at = await find_used_at(redis, hash_token(endpoint.token))
    assert used_at is not None
    assert abs(time.time() - used_at) < 10


async def test_an_endpoint_is_written_once_a_minute_and_again_after_a_failure(redis: Redis) -> None:
    uses, token_hash = SecretUses(redis), b"\x01" * 32
    nowhere = SecretUses(Redis(port=1))
    nowhere.note(token_hash)
    await nowhere.flush()
    nowhere._redis = redis
    await nowhere.flush()
    assert await find_used_at(redis, token_hash) is not None, "what could not be written is kept"
    uses.note(token_hash)
    await uses.flush()
    await redis.delete(PREVIOUS_USED_KEY)
    uses.note(token_hash)
    await uses.flush()
    assert await find_used_at(redis, token_hash) is None, "noted again within the minute"

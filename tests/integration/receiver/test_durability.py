"""P1: 200 only after the fsync was confirmed; and each test again with WAITAOF taken out, where it must fail."""

import asyncio
import signal
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis

from scripts.stack.valkey import EmbeddedValkey
from tests.integration.receiver.support import Endpoint, Receiver, publish, read_queue, start_receiver, wait_until

PROTECTED = ("-m", "app.receiver")
UNPROTECTED = ("-m", "tests.integration.receiver.without_waitaof")
CALLS = 10
TICK_S = 0.1


async def count_acknowledged(receiver: Receiver, endpoint: Endpoint) -> int:
    answers = [await receiver.post(endpoint) for _ in range(CALLS)]
    assert all(answer.status_code == 200 or answer.headers["retry-after"] for answer in answers)
    return sum(answer.status_code == 200 for answer in answers)


async def run_with(
    settings: dict[str, str], folder: Path, module: tuple[str, ...], **receiver_settings: object
) -> tuple[int, float, int]:
    """Calls against a server so configured: acknowledged, seconds it took, events in the queue."""
    server = EmbeddedValkey(folder / "server", settings=settings)
    await server.start()
    redis = Redis.from_url(server.url)
    try:
        endpoint = Endpoint()
        await publish(redis, endpoint)
        async with start_receiver(server.url, folder, module=module, **receiver_settings) as receiver:
            started_at = time.monotonic()
            acknowledged = await count_acknowledged(receiver, endpoint)
            return acknowledged, time.monotonic() - started_at, len(await read_queue(redis))
    finally:
        await redis.aclose()
        await server.stop()


async def test_without_an_append_only_file_nothing_is_acknowledged(tmp_path: Path) -> None:
    acknowledged, _, queued = await run_with({"appendonly": "no"}, tmp_path, PROTECTED)
    assert acknowledged == 0
    assert queued == CALLS  # stored and not acknowledged: allowed, and never the other way round


async def test_without_an_append_only_file_the_unprotected_receiver_acknowledges_wrongly(tmp_path: Path) -> None:
    acknowledged, _, _ = await run_with({"appendonly": "no"}, tmp_path, UNPROTECTED)
    assert acknowledged == CALLS


async def test_an_fsync_that_nobody_asks_for_is_not_acknowledged(tmp_path: Path) -> None:
    """appendfsync no: the kernel writes when it likes, so no confirmation comes in time."""
    acknowledged, elapsed_s, _ = await run_with(
        {"appendfsync": "no"}, tmp_path, PROTECTED, redis_confirm_timeout_ms=200
    )
    assert acknowledged == 0
    assert elapsed_s >= CALLS * 0.2


async def test_an_fsync_that_nobody_asks_for_is_acknowledged_by_the_unprotected_receiver(tmp_path: Path) -> None:
    acknowledged, _, _ = await run_with({"appendfsync": "no"}, tmp_path, UNPROTECTED, redis_confirm_timeout_ms=200)
    assert acknowledged == CALLS


async def test_with_an_fsync_now_and_then_each_acknowledgement_waits_for_one(tmp_path: Path) -> None:
    """appendfsync everysec: Valkey syncs beside its work, on its timer of 100 ms at most. Each call is sent after the
    one before was acknowledged, so each waits for a tick of its own."""
    acknowledged, elapsed_s, _ = await run_with(
        {"appendfsync": "everysec"}, tmp_path, PROTECTED, redis_confirm_timeout_ms=3000
    )
    assert acknowledged == CALLS
    assert elapsed_s > CALLS * TICK_S / 2


async def test_with_an_fsync_now_and_then_the_unprotected_receiver_does_not_wait(tmp_path: Path) -> None:
    acknowledged, elapsed_s, _ = await run_with({"appendfsync": "everysec"}, tmp_path, UNPROTECTED)
    assert acknowledged == CALLS
    assert elapsed_s < CALLS * TICK_S / 2


async def test_replicas_that_are_not_there_are_not_waited_for_in_vain(
    own_valkey: EmbeddedValkey, own_redis: Redis, tmp_path: Path
) -> None:
    """REDIS_REPLICAS_CONFIRMED=1 without a replica: nothing is acknowledged."""
    endpoint = Endpoint()
    await publish(own_redis, endpoint)
    async with start_receiver(
        own_valkey.url, tmp_path, redis_replicas_confirmed=1, redis_confirm_timeout_ms=100
    ) as receiver:
        assert await count_acknowledged(receiver, endpoint) == 0


async def test_a_declared_provider_is_believed_and_the_status_page_says_that_it_is_not_proven(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "server", settings={"appendonly": "no"})
    await server.start()
    redis = Redis.from_url(server.url)
    endpoint = Endpoint()
    await publish(redis, endpoint)
    async with start_receiver(server.url, tmp_path, redis_durability="provider") as receiver:
        assert await count_acknowledged(receiver, endpoint) == CALLS
        ready = await receiver.client.get("/readyz")
        assert ready.status_code == 200
        assert "not proven" in ready.json()["notes"]["durability"]
    await redis.aclose()
    await server.stop()


@pytest.mark.parametrize(
    ("name", "value"), [("appendonly", "no"), ("appendfsync", "everysec"), ("maxmemory-policy", "allkeys-lru")]
)
async def test_a_server_that_could_lose_events_makes_the_receiver_unready(
    own_valkey: EmbeddedValkey, own_redis: Redis, tmp_path: Path, name: str, value: str
) -> None:
    await publish(own_redis, Endpoint())
    async with start_receiver(own_valkey.url, tmp_path) as receiver:
        assert (await receiver.client.get("/readyz")).status_code == 200
        await own_redis.config_set(name, value)
        answer = await receiver.client.get("/readyz")
        assert answer.status_code == 503
        assert f"CONFIG SET {name}" in answer.json()["checks"]["queue"]


@pytest.mark.kill
async def test_what_was_acknowledged_survives_a_killed_server_which_is_503_meanwhile(
    own_valkey: EmbeddedValkey, own_redis: Redis, tmp_path: Path
) -> None:
    endpoint = Endpoint()
    await publish(own_redis, endpoint)
    acknowledged: list[str] = []
    statuses: set[int] = set()

    async with start_receiver(own_valkey.url, tmp_path) as receiver:

        async def call_for_ever() -> None:
            while True:
                answer = await receiver.post(endpoint)
                statuses.add(answer.status_code)
                if answer.status_code == 200:
                    acknowledged.append(answer.json()["event_id"])

        async def wait_for_more() -> None:
            wanted = len(acknowledged) + 50

            async def is_reached() -> bool:
                return len(acknowledged) >= wanted

            await wait_until(is_reached)

        callers = [asyncio.create_task(call_for_ever()) for _ in range(8)]
        for _ in range(2):
            await wait_for_more()
            await own_valkey.kill()
            refused = await receiver.post(endpoint)
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
            await own_valkey.start()
        await wait_for_more()
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
    assert statuses == {200, 503}
    queued = {event_id for event_id, _ in await read_queue(own_redis)}
    assert set(acknowledged) <= queued


@pytest.mark.kill
async def test_a_server_that_hangs_makes_503_before_vtex_gives_up(
    own_valkey: EmbeddedValkey, own_redis: Redis, tmp_path: Path
) -> None:
    """VTEX waits 5 s. Many groups wait behind the round trips that hang: none of them may wait for all before it."""
    endpoint = Endpoint()
    await publish(own_redis, endpoint)
    async with start_receiver(own_valkey.url, tmp_path, append_events_max=3) as receiver:
        assert (await receiver.post(endpoint)).status_code == 200
        assert own_valkey.child is not None
        own_valkey.child.send(signal.SIGSTOP)
        try:
            async with asyncio.timeout(4.9):
                answers = await asyncio.gather(*(receiver.post(endpoint) for _ in range(60)))
        finally:
            own_valkey.child.send(signal.SIGCONT)
        assert {answer.status_code for answer in answers} == {503}
        assert (await receiver.post(endpoint)).status_code == 200

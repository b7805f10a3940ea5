"""Grouped appends over a real queue: one round trip for a tick, and limits on what may wait."""

import asyncio

from redis.asyncio import Redis

from app.core.errors import DurabilityError
from app.core.queue import Queue
from app.core.queue_records import NewEntry, QueueLimits
from app.core.settings import read_settings
from app.receiver.appender import Appender
from schemas.ids import make_uuid7
from tests.integration.receiver.support import ACME, GLOBEX, read_queue


def make_entry(body: bytes = b"{}") -> NewEntry:
    return NewEntry(make_uuid7(), body)


async def make_queue(redis: Redis, **limits: int) -> Queue:
    queue = Queue(redis, limits=QueueLimits(**limits))
    await queue.load()
    await redis.config_resetstat()
    return queue


async def count_calls(redis: Redis, command: str) -> int:
    return int((await redis.info("commandstats")).get(f"cmdstat_{command}", {}).get("calls", 0))


async def test_all_events_of_a_tick_share_one_script_per_tenant_and_one_fsync(redis: Redis) -> None:
    appender = Appender(await make_queue(redis), read_settings())
    groups = {appender.add(tenant_id, "normal", make_entry()) for tenant_id in [ACME, GLOBEX] * 50}
    assert len(groups) == 1
    for group in groups:
        assert group is not None
        assert await group.done is None
        assert not group.full
    assert (await count_calls(redis, "evalsha"), await count_calls(redis, "waitaof")) == (2, 1)
    assert [len(await read_queue(redis, tenant_id)) for tenant_id in (ACME, GLOBEX)] == [50, 50]


async def test_events_that_come_during_a_round_trip_travel_together_in_the_next(redis: Redis) -> None:
    appender = Appender(await make_queue(redis), read_settings(append_flushes_max=1))
    first = appender.add(ACME, "normal", make_entry())
    await asyncio.sleep(0)  # the tick ends: the first group leaves
    later = {appender.add(ACME, "normal", make_entry()) for _ in range(30)}
    assert first is not None
    assert len(later) == 1
    assert first not in later
    for group in later:
        assert group is not None
        assert await group.done is None
    assert await count_calls(redis, "waitaof") == 2


async def test_a_group_holds_no_more_than_its_limits_of_events_and_bytes(redis: Redis) -> None:
    appender = Appender(await make_queue(redis), read_settings(append_events_max=10))
    many = [appender.add(ACME, "normal", make_entry()) for _ in range(25)]
    large = [appender.add(GLOBEX, "normal", make_entry(b"x" * 400_000)) for _ in range(4)]
    assert len(set(many)) == 3
    assert len(set(large)) >= 2
    await appender.drain()
    assert len(await read_queue(redis, ACME)) == 25
    assert await redis.xlen(f"t:{GLOBEX}:events") == 4


async def test_what_waits_is_bounded_in_events_and_in_bytes(redis: Redis) -> None:
    queue = await make_queue(redis)
    events = Appender(queue, read_settings(append_waiting_max=100))
    taken = [events.add(ACME, "normal", make_entry()) for _ in range(150)]
    assert taken.index(None) == 100
    in_bytes = Appender(queue, read_settings(append_waiting_bytes_max=1_048_576))
    taken = [in_bytes.add(ACME, "normal", make_entry(b"x" * 300_000)) for _ in range(5)]
    assert taken.index(None) == 3
    await events.drain()
    await in_bytes.drain()
    assert events.add(ACME, "normal", make_entry()) is not None
    await events.drain()


async def test_a_full_tenant_does_not_refuse_its_neighbours_in_the_group(redis: Redis) -> None:
    appender = Appender(await make_queue(redis, events_max=3), read_settings())
    acme = [appender.add(ACME, "normal", make_entry()) for _ in range(4)]
    globex = appender.add(GLOBEX, "normal", make_entry())
    assert globex is not None
    assert globex is acme[0]
    assert await globex.done is None
    assert globex.full == {(ACME, "normal")}
    assert [await redis.xlen(f"t:{tenant_id}:events") for tenant_id in (ACME, GLOBEX)] == [0, 1]


async def test_a_failed_round_trip_fails_its_whole_group_and_the_next_goes_on(redis: Redis) -> None:
    settings = read_settings(redis_replicas_confirmed=1, redis_confirm_timeout_ms=20)
    queue = await make_queue(redis)
    group = Appender(queue, settings).add(ACME, "normal", make_entry())
    assert group is not None
    assert isinstance(await group.done, DurabilityError)
    again = Appender(queue, read_settings()).add(ACME, "normal", make_entry())
    assert again is not None
    assert await again.done is None

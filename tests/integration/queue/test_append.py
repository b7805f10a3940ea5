"""Append: grouped, bounded, rung in the same script, and durable before it answers."""

from collections.abc import Iterable

import pytest
from redis.asyncio import Connection, ConnectionPool, Redis

from app.core.errors import QueueUnavailableError
from app.core.queue import AppendBatch, Confirm, Deferral, NewEntry, Queue, QueueLimits
from schemas.ids import make_uuid7
from scripts.stack.valkey import EmbeddedValkey
from tests.integration.queue.conftest import MakeQueue
from tests.integration.queue.house import ACME, GLOBEX, append, check_house, claim, command, ids, plant, read_places


def batch(tenant: int, count: int = 1) -> AppendBatch:
    return AppendBatch(tenant, "normal", [NewEntry(make_uuid7(), b"{}") for _ in range(count)])


async def test_events_come_back_as_they_were_appended_each_to_its_own_tenant(queue: Queue) -> None:
    mine = [NewEntry(make_uuid7(), bytes([0, 255, n])) for n in range(3)]
    other = [NewEntry(make_uuid7(), b"other")]
    batches = [AppendBatch(ACME, "high", mine), AppendBatch(GLOBEX, "low", other)]
    assert await queue.append(batches, confirm=Confirm()) == ["ok", "ok"]
    turn = await claim(queue)
    assert turn.tenant_id == ACME
    read = await queue.read(turn, 10)
    assert [(entry.event_id, entry.body) for entry in read.entries] == mine
    assert [(entry.reads, entry.tries) for entry in read.entries] == [(1, 0)] * 3
    assert read.last_entry_id == read.entries[-1].entry_id


async def test_a_tenant_with_a_new_event_is_ready_at_once(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    assert await read_places(redis, ACME) == ["ready:shared"]
    assert await queue.wait_for_bell(1)


async def test_appending_without_ringing_breaks_the_rule_of_the_house(queue: Queue, redis: Redis) -> None:
    plant(queue, "append", "look(id, tonumber(ARGV[3]))", "")
    await queue.load()
    await append(queue, ACME)
    with pytest.raises(AssertionError, match="has work and stands in"):
        await check_house(redis, ACME)


async def test_a_full_tenant_takes_nothing_and_its_neighbour_everything(make_queue: MakeQueue, redis: Redis) -> None:
    queue = await make_queue(limits=QueueLimits(events_max=3))
    await append(queue, ACME, 2)
    assert await queue.append([batch(ACME, 2), batch(GLOBEX, 3)], confirm=Confirm()) == ["full", "ok"]
    assert (await queue.depth(ACME)).waiting == 2
    assert await queue.append([batch(ACME, 1)], confirm=Confirm()) == ["ok"]
    assert (await queue.depth(ACME)).accepted == 3


async def test_parked_events_count_towards_the_cap(make_queue: MakeQueue) -> None:
    queue = await make_queue(limits=QueueLimits(events_max=1))
    await append(queue, ACME)
    turn = await claim(queue)
    [entry] = (await queue.read(turn, 1)).entries
    await queue.defer(turn, [Deferral(entry.event_id, entry.entry_id, 60_000)])
    assert await queue.append([batch(ACME)], confirm=Confirm()) == ["full"]


async def test_an_append_of_many_tenants_is_one_round_trip_on_one_connection(valkey: EmbeddedValkey) -> None:
    sent: list[int] = []

    class Counting(Connection):
        async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
            if self.is_connected:
                sent.append(id(self))
            await super().send_packed_command(command, check_health)

    pool = ConnectionPool.from_url(valkey.url)
    pool.connection_class = Counting
    client = Redis.from_pool(pool)
    queue = Queue(client)
    await queue.load()
    sent.clear()
    await queue.append([batch(tenant, 5) for tenant in range(100, 150)], confirm=Confirm())
    assert len(sent) == 1
    await queue.close()
    await client.aclose()


async def test_scripts_that_the_server_forgot_are_loaded_again_and_nothing_is_appended_twice(
    queue: Queue, redis: Redis
) -> None:
    await append(queue, ACME)
    await redis.script_flush()
    assert await queue.append([batch(ACME), batch(GLOBEX)], confirm=Confirm()) == ["ok", "ok"]
    assert (await queue.depth(ACME)).waiting == 2
    assert (await queue.depth(GLOBEX)).waiting == 1
    await redis.script_flush()
    assert await queue.claim() is not None


async def test_a_class_decides_between_tenants_that_become_ready_together(queue: Queue) -> None:
    await append(queue, 1, ahead="low")
    await append(queue, 2, ahead="normal")
    await append(queue, 3, ahead="high")
    assert [(await claim(queue)).tenant_id for _ in range(3)] == [3, 2, 1]


async def test_a_score_orders_and_never_delays(queue: Queue) -> None:
    await append(queue, ACME, ahead="low")
    assert (await claim(queue)).tenant_id == ACME


async def test_when_memory_is_used_up_appends_are_refused_and_draining_goes_on(queue: Queue, redis: Redis) -> None:
    events = await append(queue, ACME, 3)
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(QueueUnavailableError, match="OutOfMemory"):
            await queue.append([batch(GLOBEX)], confirm=Confirm())
        turn = await claim(queue)
        read = await queue.read(turn, 10)
        assert ids(read.entries) == events
        await queue.settle(ACME, [(entry.event_id, entry.entry_id) for entry in read.entries])
        assert await queue.finish(turn)
    finally:
        await redis.config_set("maxmemory", 0)
    assert (await queue.depth(GLOBEX)).where == "none"
    assert (await queue.depth(ACME)).where == "none"


async def test_without_its_flag_a_script_that_empties_the_queue_would_be_refused_too(
    queue: Queue, redis: Redis
) -> None:
    plant(queue, "claim", " flags=allow-oom", "")
    await queue.load()
    await append(queue, ACME)
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(QueueUnavailableError, match="OutOfMemory"):
            await queue.claim()
    finally:
        await redis.config_set("maxmemory", 0)


async def test_an_error_tells_neither_event_nor_body(queue: Queue, redis: Redis) -> None:
    await command(redis, "SET", f"t:{ACME}:events", "not a stream")
    secret = NewEntry(make_uuid7(), b"canary-7f3a")
    with pytest.raises(QueueUnavailableError) as caught:
        await queue.append([AppendBatch(ACME, "normal", [secret])], confirm=Confirm())
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__

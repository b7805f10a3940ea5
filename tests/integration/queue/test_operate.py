"""Pause, resume, move, rebuild, depths, and the tick that notices a loss of memory (queue_protocol.md §2.3, §2.8)."""

from redis.asyncio import Redis

from app.core.queue import Deferral, Queue
from tests.integration.queue.conftest import MakeQueue
from tests.integration.queue.house import (
    ACME,
    GLOBEX,
    append,
    check_house,
    claim,
    command,
    keys,
    read_kept,
    read_places,
)


async def test_a_paused_tenant_accepts_events_and_has_no_turn(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    await queue.pause(ACME)
    await append(queue, ACME)
    assert await queue.claim() is None
    assert (await queue.depth(ACME))[:2] == (2, 0)
    assert await read_places(redis, ACME) == ["paused"]
    await queue.resume(ACME)
    assert (await claim(queue)).tenant_id == ACME


async def test_a_pause_under_a_lease_ends_the_slice_and_the_tenant_rests(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME, 3)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    await queue.pause(ACME)
    assert (await queue.read(turn, 1, after=read.last_entry_id)).entries == []
    await queue.settle(ACME, keys(read.entries))
    assert await queue.finish(turn)
    assert await read_places(redis, ACME) == ["paused"]
    await queue.sweep(10)
    assert await queue.claim() is None


async def test_a_held_tenant_that_is_paused_stays_paused_when_its_hold_is_over(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    await queue.finish(await claim(queue), hold_ms=1_000)
    await queue.pause(ACME)
    assert await read_places(redis, ACME) == ["paused"]
    await queue.resume(ACME)
    assert await read_places(redis, ACME) == ["due"], "a pause does not shorten a hold"


async def test_pausing_and_resuming_twice_changes_nothing_more(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    for verb in (queue.pause, queue.pause, queue.resume, queue.resume):
        await verb(ACME)
        await check_house(redis, ACME)
    assert await read_places(redis, ACME) == ["ready:shared"]


async def test_a_moved_tenant_is_drained_by_its_new_group_from_the_next_turn_on(
    make_queue: MakeQueue, redis: Redis
) -> None:
    shared, dedicated = await make_queue(), await make_queue(group="acme")
    await append(shared, ACME, 2)
    turn = await claim(shared)
    await shared.move(ACME, "acme")
    assert await dedicated.claim() is None, "the drain at work finishes first"
    await shared.finish(turn)
    assert await shared.claim() is None
    assert await dedicated.wait_for_bell(1)
    await dedicated.finish(await claim(dedicated))
    await shared.move(ACME, "shared")
    assert await dedicated.claim() is None
    assert (await claim(shared)).tenant_id == ACME
    await check_house(redis, ACME)


async def test_rebuild_finds_the_place_of_every_tenant_and_disturbs_none(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    turn = await claim(queue)
    await append(queue, GLOBEX)
    await redis.delete("ready:shared")
    await queue.rebuild([ACME, GLOBEX, 99])
    assert await read_places(redis, ACME) == ["leased"]
    assert await read_places(redis, GLOBEX) == ["ready:shared"]
    assert await read_places(redis, 99) == []
    assert await queue.renew(turn)


async def test_depths_tell_of_everybody_who_ever_had_an_event(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME, 3)
    await append(queue, GLOBEX)
    turn = await claim(queue)
    assert turn.tenant_id == ACME
    depths = await queue.depths()
    assert {tenant: (depth.waiting, depth.where) for tenant, depth in depths.items()} == {
        ACME: (3, "leased"),
        GLOBEX: (1, "ready"),
    }
    assert 0 <= (depths[ACME].oldest_ms or 0) < 60_000
    assert (await queue.depth(99)) == (0, 0, None, "none", 0)


async def test_more_tenants_than_one_script_takes_are_all_told(queue: Queue, redis: Redis) -> None:
    await redis.hset("accepted", mapping={str(tenant): 1 for tenant in range(1_201)})  # type: ignore[misc]
    depths = await queue.depths()
    assert list(depths) == list(range(1_201))
    await queue.rebuild(range(1_201))


async def test_ticks_that_count_along_show_that_nothing_was_lost(queue: Queue) -> None:
    assert await queue.sync_tick("cell", 1) is None
    assert [await queue.sync_tick("cell", ticks) for ticks in (2, 3, 4)] == [1, 2, 3]
    assert await queue.read_tick("cell") == 4
    assert await queue.tick("cell") == 5


async def test_a_wiped_or_rewound_server_is_noticed_by_its_ticks(queue: Queue, redis: Redis) -> None:
    await queue.sync_tick("cell", 40)
    await redis.flushall()
    assert await queue.sync_tick("cell", 41) is None
    await redis.set("tick:cell", 30)
    assert await queue.sync_tick("cell", 42) == 30


async def test_two_workers_that_tick_at_once_do_not_set_each_other_back(queue: Queue) -> None:
    await queue.sync_tick("cell", 6)
    assert await queue.sync_tick("cell", 5) == 6
    assert await queue.read_tick("cell") == 6


async def list_traces(redis: Redis, tenant: int) -> list[str]:
    """Whatever the server still knows of a tenant."""
    found = [key.decode() async for key in redis.scan_iter(f"t:{tenant}:*")]
    found += await read_places(redis, tenant)
    for name in ("runs", "hold", "accepted", "groups"):
        found += [name] if await command(redis, "HEXISTS", name, tenant) else []
    bells = [key.decode() async for key in redis.scan_iter("doorbell:*")]
    found += [bell for bell in bells if str(tenant).encode() in await command(redis, "LRANGE", bell, 0, -1)]
    return found + (["paused"] if await command(redis, "SISMEMBER", "paused", tenant) else [])


async def test_emptying_drops_all_of_one_tenant_and_nothing_of_its_neighbour(
    make_queue: MakeQueue, redis: Redis
) -> None:
    queue, dedicated = await make_queue(), await make_queue(group="acme")
    await queue.move(ACME, "acme")
    await append(queue, ACME, 5)
    kept = await append(queue, GLOBEX, 2)
    turn = await claim(dedicated)
    read = await queue.read(turn, 3)
    first, second, _ = read.entries
    await queue.defer(turn, [Deferral(first.event_id, first.entry_id, 60_000)])
    assert {"leased", "runs", "accepted", "groups", "t:56:reads"} <= set(await list_traces(redis, ACME))
    assert await queue.empty(ACME) == 5
    assert await list_traces(redis, ACME) == []
    assert (await read_kept(redis, GLOBEX)).stream == kept
    assert await read_places(redis, GLOBEX) == ["ready:shared"]
    # The drain at work finds its run gone, and what it still says leaves nothing behind.
    assert (await queue.read(turn, 3)).status == "lost"
    assert not await queue.renew(turn)
    assert not await queue.defer(turn, [Deferral(second.event_id, second.entry_id, 60_000)])
    await queue.settle(ACME, keys(read.entries))
    await queue.refund(ACME, [second.event_id])
    await queue.untry(ACME, [first.event_id])
    assert not await queue.finish(turn, hold_ms=1_000, refunds=[second.event_id])
    assert await list_traces(redis, ACME) == []
    await queue.sweep(10)
    assert ACME not in await queue.depths()


async def test_emptying_reaches_the_held_and_the_paused_and_may_be_repeated(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME, 2)
    await queue.finish(await claim(queue), hold_ms=1_000)
    assert await queue.empty(ACME) == 2
    assert await list_traces(redis, ACME) == []
    await append(queue, ACME)
    await queue.pause(ACME)
    assert await queue.empty(ACME) == 1
    assert await queue.empty(ACME) == 0
    assert await list_traces(redis, ACME) == []
    await append(queue, ACME)
    await check_house(redis, ACME)
    assert (await claim(queue)).tenant_id == ACME

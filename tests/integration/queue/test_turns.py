"""Claim, finish, hold and renew: who has the turn, and who comes next (queue_protocol.md, rows b, i2, m; P5)."""

import asyncio

from redis.asyncio import Redis

from app.core.queue import AppendBatch, Confirm, Deferral, NewEntry, Queue
from schemas.ids import make_uuid7
from tests.integration.queue.conftest import MakeQueue
from tests.integration.queue.house import (
    ACME,
    GLOBEX,
    append,
    check_house,
    claim,
    command,
    end_lease,
    end_waits,
    keys,
    plant,
    read_kept,
    read_now_ms,
    read_places,
)


async def test_a_turn_belongs_to_one(queue: Queue) -> None:
    await append(queue, ACME)
    await claim(queue)
    assert await queue.claim() is None


async def test_a_bell_wakes_a_waiting_loop(queue: Queue) -> None:
    waiting = asyncio.create_task(queue.wait_for_bell(5))
    await append(queue, ACME)
    assert await waiting


async def test_without_a_bell_the_wait_ends_by_itself(queue: Queue) -> None:
    assert not await queue.wait_for_bell(0.05)


async def test_bells_are_bounded_and_stale_ones_are_dropped(queue: Queue, redis: Redis) -> None:
    for first in range(0, 1_000, 100):
        entries = [NewEntry(make_uuid7(), b"{}")]
        await queue.append([AppendBatch(first + n, "low", entries) for n in range(100)], confirm=Confirm())
    assert await redis.llen("doorbell:shared") == queue.limits.bells_max  # type: ignore[misc]
    while await queue.claim():
        pass
    assert await redis.llen("doorbell:shared") == 0  # type: ignore[misc]


async def test_an_append_under_a_lease_leaves_the_turn_where_it_is_and_finish_sees_it(
    queue: Queue, redis: Redis
) -> None:
    await append(queue, ACME)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    await queue.settle(ACME, keys(read.entries))
    await append(queue, ACME)
    assert await read_places(redis, ACME) == ["leased"]
    assert await queue.finish(turn)
    assert await read_places(redis, ACME) == ["ready:shared"]


async def test_row_b_a_stale_finish_starts_no_second_chain_of_turns(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME, 5)
    stale = await claim(queue)
    await end_lease(redis, ACME)
    await queue.sweep(10)
    turn = await claim(queue)
    assert not await queue.finish(stale)
    assert not await queue.renew(stale)
    assert await read_places(redis, ACME) == ["leased"]
    assert await queue.claim() is None
    assert await queue.finish(turn)


async def test_row_b_without_the_fence_two_drains_work_on_one_tenant(queue: Queue, redis: Redis) -> None:
    plant(queue, "finish", "if call('HGET', 'runs', id) ~= ARGV[2] then", "if false then")
    await queue.load()
    await append(queue, ACME, 5)
    stale = await claim(queue)
    await end_lease(redis, ACME)
    await queue.sweep(10)
    await claim(queue)
    await queue.finish(stale)
    assert await queue.claim() is not None, "the tenant is drained by one and ready for a second"


async def test_row_m_a_held_tenant_is_not_claimed_before_its_time_not_even_after_an_append(
    queue: Queue, redis: Redis
) -> None:
    await append(queue, ACME)
    await queue.finish(await claim(queue), hold_ms=30_000)
    await append(queue, ACME)
    assert await read_places(redis, ACME) == ["due"]
    await queue.sweep(10)
    assert await queue.claim() is None
    await end_waits(redis, ACME)
    await queue.sweep(10)
    assert (await claim(queue)).tenant_id == ACME


async def test_row_m_a_hold_listed_nowhere_strands_its_tenant(queue: Queue, redis: Redis) -> None:
    plant(queue, "finish", "call('ZADD', 'due', hold, id)", "")
    await queue.load()
    await append(queue, ACME)
    await queue.finish(await claim(queue), hold_ms=30_000)
    assert await read_places(redis, ACME) == []


async def test_holds_are_never_shorter_than_asked_and_spread(queue: Queue, redis: Redis) -> None:
    ends = []
    for tenant in range(100, 140):
        await append(queue, tenant)
        started = await read_now_ms(redis)
        await queue.finish(await claim(queue), hold_ms=10_000)
        ends.append(int(await command(redis, "HGET", "hold", tenant)) - started)
    assert min(ends) >= 10_000
    assert max(ends) < 15_100
    assert max(ends) - min(ends) > 2_000


async def test_a_hold_longer_than_the_longest_is_cut_and_still_holds(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    await queue.finish(await claim(queue), hold_ms=3_600_000)
    assert await read_places(redis, ACME) == ["due"]
    hold = int(await command(redis, "HGET", "hold", ACME))
    assert hold <= await read_now_ms(redis) + 2 * queue.limits.hold_max_ms


async def test_a_retry_behind_a_hold_waits_for_the_hold(queue: Queue, redis: Redis) -> None:
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    await queue.defer(turn, [Deferral(event, read.entries[0].entry_id, 0)])
    await queue.finish(turn, hold_ms=30_000)
    assert await read_places(redis, ACME) == ["due"]
    assert await queue.claim() is None


async def test_a_renewed_lease_lasts_from_now(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    turn = await claim(queue)
    await redis.zadd("leased", {str(ACME): await read_now_ms(redis) + 500})
    assert await queue.renew(turn)
    left_ms = (await redis.zscore("leased", str(ACME)) or 0) - await read_now_ms(redis)
    assert left_ms > queue.limits.lease_ms - 2_000


async def test_two_worker_groups_take_each_their_own(make_queue: MakeQueue) -> None:
    shared, dedicated = await make_queue(), await make_queue(group="acme")
    await shared.move(ACME, "acme")
    await append(shared, ACME)
    await append(shared, GLOBEX)
    assert (await claim(dedicated)).tenant_id == ACME
    assert (await claim(shared)).tenant_id == GLOBEX
    assert await shared.claim() is None


async def serve(queue: Queue, quiet_after: int, turns: int) -> list[int]:
    """Busy tenants take turns and come back; after `quiet_after` turns ACME gets one event. Who had each turn."""
    served = []
    for turn_number in range(turns):
        if turn_number == quiet_after:
            await append(queue, ACME)
        turn = await claim(queue)
        served.append(turn.tenant_id)
        if turn.tenant_id == ACME:
            await queue.settle(ACME, keys((await queue.read(turn, 10)).entries))
        await queue.finish(turn)
    return served


async def make_busy(queue: Queue, count: int) -> None:
    for first in range(1_000, 1_000 + count, 100):
        tenants = range(first, min(first + 100, 1_000 + count))
        batches = [AppendBatch(t, "normal", [NewEntry(make_uuid7(), b"{}") for _ in range(3)]) for t in tenants]
        await queue.append(batches, confirm=Confirm())


async def age_ready(redis: Redis, by_ms: int) -> None:
    for member, score in await redis.zrange("ready:shared", 0, -1, withscores=True):
        await redis.zadd("ready:shared", {member: score - by_ms})


async def test_p5_beside_four_hundred_busy_tenants_a_quiet_one_has_the_next_turn(queue: Queue, redis: Redis) -> None:
    await make_busy(queue, 400)
    await serve(queue, quiet_after=-1, turns=400)  # everybody has had a turn and came back
    served = await serve(queue, quiet_after=50, turns=100)
    assert served.index(ACME) == 50


async def test_p5_without_the_head_start_a_quiet_one_waits_a_whole_round(queue: Queue, redis: Redis) -> None:
    plant(queue, "append", "look(id, tonumber(ARGV[3]))", "look(id, 0)")
    await queue.load()
    await make_busy(queue, 400)
    await serve(queue, quiet_after=-1, turns=400)
    served = await serve(queue, quiet_after=50, turns=100)
    assert ACME not in served


async def test_p5_busy_tenants_take_turns_in_order_and_none_is_left_out(queue: Queue) -> None:
    await make_busy(queue, 60)
    first = await serve(queue, quiet_after=-1, turns=60)
    second = await serve(queue, quiet_after=-1, turns=60)
    assert sorted(first) == list(range(1_000, 1_060))
    assert second == first


async def test_p5_with_turns_in_whole_milliseconds_a_low_id_passes_a_high_one(queue: Queue, redis: Redis) -> None:
    """What the microseconds are for: with them taken out, two that come back in one millisecond go by their ids."""
    for script in ("append", "finish"):
        plant(queue, script, "now_exact - ahead", "0 - ahead")  # one long millisecond
    await queue.load()
    await make_busy(queue, 3)
    await serve(queue, quiet_after=-1, turns=3)
    assert await serve(queue, quiet_after=-1, turns=3) == [1_000, 1_000, 1_000]


async def test_p5_a_busy_tenant_that_waited_a_minute_is_passed_by_nobody(queue: Queue, redis: Redis) -> None:
    await make_busy(queue, 1)
    await queue.finish(await claim(queue))
    await age_ready(redis, 62_100)
    await append(queue, ACME, ahead="high")
    assert (await claim(queue)).tenant_id == 1_000


async def test_i10_hardly_any_claim_finds_nothing(queue: Queue, redis: Redis) -> None:
    await make_busy(queue, 100)
    turns = empty = 0
    while turn := await queue.claim():
        turns += 1
        read = await queue.read(turn, 1)
        empty += not read.entries
        await queue.settle(turn.tenant_id, keys(read.entries))
        await queue.finish(turn, hold_ms=30_000 if turns % 10 == 0 else 0)
    assert turns > 200
    assert empty == 0
    for tenant in range(1_000, 1_100):
        await check_house(redis, tenant)
    assert (await read_kept(redis, 1_000)).reads == {}

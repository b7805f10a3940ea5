"""Sweep: bounded, moving on, and the guard against a clock that steps back (queue_protocol.md, rows i3, j2; §2.7)."""

import pytest
from redis.asyncio import Redis

from app.core.queue import AppendBatch, Confirm, Deferral, NewEntry, Queue, Sweep
from schemas.ids import make_uuid7
from tests.integration.queue.house import (
    ACME,
    GLOBEX,
    append,
    check_house,
    claim,
    end_lease,
    end_waits,
    ids,
    plant,
    read_kept,
    read_now_ms,
    read_places,
    spread,
)

HOUR_MS = 3_600_000


async def append_many(queue: Queue, tenants: range) -> None:
    batches = [AppendBatch(tenant, "low", [NewEntry(make_uuid7(), b"{}")]) for tenant in tenants]
    await queue.append(batches, confirm=Confirm())


async def test_an_idle_sweep_does_nothing(queue: Queue) -> None:
    assert await queue.sweep(500) == Sweep(0, is_limit_reached=False, stepped_back=False)


async def test_a_living_lease_is_left_alone(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    await claim(queue)
    assert (await queue.sweep(500)).looked == 0
    assert await read_places(redis, ACME) == ["leased"]


async def test_after_a_worker_died_its_tenant_has_a_turn_again(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    await claim(queue)
    await end_lease(redis, ACME)
    assert await queue.sweep(500) == Sweep(1, is_limit_reached=False, stepped_back=False)
    assert (await claim(queue)).tenant_id == ACME


async def test_a_lease_that_ended_with_nothing_to_do_is_simply_dropped(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    await queue.settle(ACME, [(entry.event_id, entry.entry_id) for entry in read.entries])
    await end_lease(redis, ACME)
    await queue.sweep(500)
    assert await read_places(redis, ACME) == []
    assert await redis.hlen("runs") == 0  # type: ignore[misc]


async def test_row_i3_a_sweep_is_bounded_says_so_and_never_looks_at_the_same_tenants_again(
    queue: Queue, redis: Redis
) -> None:
    tenants = range(100, 125)
    await append_many(queue, tenants)
    while await queue.claim():
        pass
    for tenant in tenants:
        await end_lease(redis, tenant)
    sweeps: list[Sweep] = []
    while not sweeps or sweeps[-1].is_limit_reached:
        sweeps.append(await queue.sweep(10))
    assert [sweep.looked for sweep in sweeps] == [10, 10, 5]
    assert await redis.zcard("ready:shared") == 25


async def test_ten_thousand_held_tenants_come_back_from_one_outage_in_a_second(queue: Queue, redis: Redis) -> None:
    for first in range(10_000, 20_000, 500):
        await append_many(queue, range(first, first + 500))
    held = await redis.zrange("ready:shared", 0, -1)
    await redis.delete("ready:shared")
    await redis.zadd("due", dict.fromkeys(held, 1))
    rounds = 0
    while (await queue.sweep(500)).is_limit_reached:
        rounds += 1
    assert rounds == 20
    assert await redis.zcard("ready:shared") == 10_000


@pytest.mark.parametrize("step_ms", [5_000, 300_000, HOUR_MS])
async def test_row_j2_after_the_clock_stepped_back_leases_holds_and_retries_end_in_time(
    queue: Queue, redis: Redis, step_ms: int
) -> None:
    leased, held, retried = 1, 2, 3
    await append(queue, leased)
    await claim(queue)
    await append(queue, held)
    await queue.finish(await claim(queue), hold_ms=1_000)
    [event] = await append(queue, retried)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    await queue.defer(turn, [Deferral(event, read.entries[0].entry_id, 2_000)])
    await queue.finish(turn)
    await queue.sweep(500)
    await spread(redis, step_ms)
    assert (await queue.sweep(500)).stepped_back
    now = await read_now_ms(redis)
    lease = await redis.zscore("leased", str(leased))
    assert lease is not None
    assert lease <= now + queue.limits.lease_ms
    for tenant in (held, retried):
        due = await redis.zscore("due", str(tenant))
        assert due is not None, f"{await read_places(redis, tenant)}"
        assert due <= now + 2_500
    assert not (await queue.sweep(500)).stepped_back
    for tenant in (leased, held, retried):
        await check_house(redis, tenant)


async def test_row_j2_without_the_guard_everything_waits_for_as_long_as_the_step(queue: Queue, redis: Redis) -> None:
    plant(queue, "sweep", "mend(last - now)", "")
    await queue.load()
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    await queue.defer(turn, [Deferral(event, read.entries[0].entry_id, 2_000)])
    await queue.finish(turn)
    await queue.sweep(500)
    await spread(redis, 300_000)
    await queue.sweep(500)
    assert (await redis.zscore("due", str(ACME)) or 0) > await read_now_ms(redis) + 250_000


async def test_row_j2_waiting_tenants_are_not_passed_by_new_ones_for_the_length_of_the_step(
    queue: Queue, redis: Redis
) -> None:
    await append(queue, ACME)
    await queue.finish(await claim(queue))
    await queue.sweep(500)
    await spread(redis, HOUR_MS)
    await queue.sweep(500)
    score = await redis.zscore("ready:shared", str(ACME))
    assert score is not None
    assert score <= await read_now_ms(redis)


async def test_row_j2_a_lease_from_before_the_step_is_distrusted_by_an_append_before_any_sweep(
    queue: Queue, redis: Redis
) -> None:
    await append(queue, ACME)
    await claim(queue)
    await spread(redis, HOUR_MS)
    await append(queue, ACME)
    assert await read_places(redis, ACME) == ["ready:shared"]
    await check_house(redis, ACME)


async def test_row_j2_a_hold_from_before_the_step_is_distrusted_by_an_append(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    await queue.finish(await claim(queue), hold_ms=1_000)
    await spread(redis, HOUR_MS)
    await append(queue, ACME)
    assert await read_places(redis, ACME) == ["ready:shared"]


async def test_row_j2_a_retry_from_before_the_step_is_read_and_not_a_hot_loop(queue: Queue, redis: Redis) -> None:
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    await queue.defer(turn, [Deferral(event, read.entries[0].entry_id, 1_000)])
    await spread(redis, HOUR_MS)
    await redis.zadd("leased", {str(ACME): await read_now_ms(redis) + 10_000})
    await queue.finish(turn)
    turn = await claim(queue)
    assert ids((await queue.read(turn, 1)).entries) == [event]


async def test_a_step_that_no_sweep_noticed_is_mended_by_the_next_one_all_the_same(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    await claim(queue)
    await append(queue, GLOBEX)
    await queue.finish(await claim(queue), hold_ms=1_000)
    await spread(redis, HOUR_MS)
    await redis.delete("clock")
    assert not (await queue.sweep(500)).stepped_back
    for tenant in (ACME, GLOBEX):
        assert await read_places(redis, tenant) == ["ready:shared"]


async def test_what_is_read_after_a_step_back_still_counts_as_observed_later(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME, 3)
    turn = await claim(queue)
    before = (await queue.read(turn, 1)).server_now
    await spread(redis, HOUR_MS)
    await redis.zadd("leased", {str(ACME): await read_now_ms(redis) + 10_000})
    shifted = (await queue.read(turn, 1)).server_now
    again = (await queue.read(turn, 1)).server_now
    assert before < shifted < again


async def test_a_retry_that_is_due_is_noticed_by_the_sweep_alone(queue: Queue, redis: Redis) -> None:
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    await queue.defer(turn, [Deferral(event, read.entries[0].entry_id, 30_000)])
    await queue.finish(turn)
    await end_waits(redis, ACME)
    assert await queue.claim() is None
    await queue.sweep(10)
    assert ids((await queue.read(await claim(queue), 1)).entries) == [event]
    assert (await read_kept(redis, ACME)).tries == {event: 1}

"""Read: counted in the same script, shrinking around what may kill its worker (queue_protocol.md, rows d, d3, r)."""

import pytest
from redis.asyncio import Redis

from app.core.queue import Claim, Deferral, Queue
from tests.integration.queue.house import (
    ACME,
    append,
    check_house,
    claim,
    command,
    end_lease,
    end_waits,
    ids,
    keys,
    plant,
    read_kept,
)


async def crash_with_batch(queue: Queue, redis: Redis, limit: int = 500) -> list[str]:
    """A worker claims, reads and dies; its lease runs out and a sweep has looked. The ids it had in hand."""
    turn = await claim(queue)
    read = await queue.read(turn, limit, alone=True)
    await end_lease(redis, turn.tenant_id)
    await queue.sweep(10)
    return ids(read.entries)


async def test_reading_again_goes_on_behind_what_is_in_hand(queue: Queue) -> None:
    events = await append(queue, ACME, 5)
    turn = await claim(queue)
    first = await queue.read(turn, 2)
    second = await queue.read(turn, 2, after=first.last_entry_id)
    assert ids(first.entries) + ids(second.entries) == events[:4]
    third = await queue.read(turn, 2, after=second.last_entry_id)
    fourth = await queue.read(turn, 2, after=third.last_entry_id)
    assert (ids(third.entries), fourth.entries) == (events[4:], [])
    assert fourth.last_entry_id == third.last_entry_id


async def test_every_read_is_dated_later_than_the_one_before(queue: Queue) -> None:
    await append(queue, ACME)
    turn = await claim(queue)
    times = [(await queue.read(turn, 1)).server_now for _ in range(20)]
    assert times == sorted(set(times))


async def test_a_read_of_an_emptied_queue_is_fine_and_renews_the_lease(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    turn = await claim(queue)
    await queue.settle(ACME, keys((await queue.read(turn, 1)).entries))
    await redis.zadd("leased", {str(ACME): 1})
    read = await queue.read(turn, 1)
    assert (read.status, read.entries, read.last_entry_id) == ("ok", [], None)
    assert (await queue.sweep(10)).looked == 0


async def test_a_run_that_lost_its_lease_reads_nothing_and_counts_nothing(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME, 2)
    await end_lease(redis, (await claim(queue)).tenant_id)
    await queue.sweep(10)
    turn = await claim(queue)
    stale = Claim(ACME, "an older run")
    assert (await queue.read(stale, 10)).status == "lost"
    assert (await read_kept(redis, ACME)).reads == {}
    assert len((await queue.read(turn, 10)).entries) == 2


async def test_what_was_read_by_a_worker_that_died_comes_back_in_small_batches_and_then_alone(
    queue: Queue, redis: Redis
) -> None:
    events = await append(queue, ACME, 60)
    assert await crash_with_batch(queue, redis) == events
    assert await crash_with_batch(queue, redis) == events[:22]
    turn = await claim(queue)
    suspect = await queue.read(turn, 500)
    assert (suspect.status, suspect.entries) == ("suspect", [])
    assert (await read_kept(redis, ACME)).reads[events[0]] == 2, "a suspect is not counted before the process is quiet"
    alone = await queue.read(turn, 500, alone=True)
    assert [(entry.event_id, entry.reads) for entry in alone.entries] == [(events[0], 3)]


async def test_the_fifth_read_says_that_the_event_stopped_four_workers(queue: Queue, redis: Redis) -> None:
    events = await append(queue, ACME, 3)
    for _ in range(4):
        await crash_with_batch(queue, redis)
    read = await queue.read(await claim(queue), 500, alone=True)
    assert [(entry.event_id, entry.reads) for entry in read.entries] == [(events[0], 5)]


async def test_a_poison_kills_four_times_at_most_and_buries_no_other(queue: Queue, redis: Redis) -> None:
    events = await append(queue, ACME, 120)
    poison = {events[7], events[70]}
    deaths, dead, settled = 0, set(), set()
    while (await queue.depth(ACME)).where != "none":
        turn = await claim(queue)
        read = await queue.read(turn, 500)
        if read.status == "suspect":
            read = await queue.read(turn, 500, alone=True)
        buried = [entry for entry in read.entries if entry.reads > 4]
        alive = [entry for entry in read.entries if entry.reads <= 4]
        if poison & set(ids(alive)):
            deaths += 1
            await end_lease(redis, ACME)
            await queue.sweep(10)
            continue
        dead |= set(ids(buried))
        settled |= set(ids(alive))
        await queue.settle(ACME, keys(read.entries))
        await queue.finish(turn)
    assert dead == poison
    assert settled == set(events) - poison
    assert deaths <= 8


async def test_without_the_shrinking_a_poison_buries_its_neighbours(queue: Queue, redis: Redis) -> None:
    plant(queue, "read", "if reads[i] > 2 then", "if false then")
    plant(queue, "read", "math.min(cap, CAP_SECOND_READ)", "cap")
    await queue.load()
    events = await append(queue, ACME, 20)
    for _ in range(4):
        await crash_with_batch(queue, redis)
    read = await queue.read(await claim(queue), 500, alone=True)
    assert {entry.event_id for entry in read.entries if entry.reads > 4} == set(events)


async def test_a_batch_ends_before_an_entry_that_allows_fewer(queue: Queue, redis: Redis) -> None:
    events = await append(queue, ACME, 50)
    await command(redis, "HSET", f"t:{ACME}:reads", events[30], 1, events[40], 2)
    turn = await claim(queue)
    first = await queue.read(turn, 500)
    assert ids(first.entries) == events[:30], "thirty are more than an entry read once before may have beside it"
    second = await queue.read(turn, 500, after=first.last_entry_id)
    assert ids(second.entries) == events[30:40]
    assert (await queue.read(turn, 500, after=second.last_entry_id)).status == "suspect"


async def test_at_most_a_fifth_of_a_read_are_retries_and_none_while_some_are_in_hand(
    queue: Queue, redis: Redis
) -> None:
    old = await append(queue, ACME, 10)
    turn = await claim(queue)
    read = await queue.read(turn, 10)
    await queue.defer(turn, [Deferral(entry.event_id, entry.entry_id, 0) for entry in read.entries])
    new = await append(queue, ACME, 20)
    mixed = await queue.read(turn, 10)
    assert [entry.entry_id is None for entry in mixed.entries] == [True] * 2 + [False] * 8
    assert set(ids(mixed.entries)[:2]) <= set(old)
    more = await queue.read(turn, 10, after=mixed.last_entry_id, with_retries=False)
    assert ids(more.entries) == new[8:18]


async def test_a_parked_event_comes_back_with_its_body_and_its_tries(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    turn = await claim(queue)
    [entry] = (await queue.read(turn, 1)).entries
    await queue.defer(turn, [Deferral(entry.event_id, entry.entry_id, 60_000)])
    assert (await queue.read(turn, 1)).entries == [], "not before its time"
    await end_waits(redis, ACME)
    [again] = (await queue.read(turn, 1)).entries
    assert (again.event_id, again.entry_id, again.body, again.reads, again.tries) == (
        entry.event_id,
        None,
        entry.body,
        1,
        1,
    )


async def test_a_time_without_a_body_is_dropped_and_wakes_nobody_for_ever(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME)
    turn = await claim(queue)
    await redis.zadd(f"t:{ACME}:retry", {"ghost": 1})
    read = await queue.read(turn, 10)
    await queue.settle(ACME, keys(read.entries))
    await queue.finish(turn)
    assert (await queue.depth(ACME)).where == "none"
    await check_house(redis, ACME)


@pytest.mark.parametrize("count", [999, 1000, 1001, 2500])
async def test_long_lists_go_through_the_scripts_in_pieces(queue: Queue, redis: Redis, count: int) -> None:
    events = await append(queue, ACME, count)
    turn = await claim(queue)
    read = await queue.read(turn, 5_000)
    assert ids(read.entries) == events
    await queue.refund(ACME, events)
    assert (await read_kept(redis, ACME)).reads == {}
    await queue.defer(turn, [Deferral(entry.event_id, entry.entry_id, 0) for entry in read.entries])
    await queue.untry(ACME, events)
    kept = await read_kept(redis, ACME)
    assert (len(kept.parked), kept.tries) == (count, {})
    await queue.settle(ACME, [(event, None) for event in events])
    await queue.finish(turn)
    assert (await queue.depth(ACME)).where == "none"

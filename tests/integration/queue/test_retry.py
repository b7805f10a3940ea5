"""Defer, park, settle and the two ways of giving a count back (queue_protocol.md, rows a, c, d, d2)."""

from redis.asyncio import Redis

from app.core.queue import AppendBatch, Claim, Confirm, Deferral, NewEntry, Queue
from tests.integration.queue.house import (
    ACME,
    GLOBEX,
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
    read_now_ms,
    read_places,
)


async def lose_lease(queue: Queue, redis: Redis, tenant: int = ACME) -> Claim:
    """The drain's lease runs out and another takes the turn; the new turn."""
    await end_lease(redis, tenant)
    await queue.sweep(10)
    return await claim(queue)


async def test_row_a_a_drain_that_lost_its_lease_may_still_settle_what_it_committed(queue: Queue, redis: Redis) -> None:
    await append(queue, ACME, 3)
    mine = await claim(queue)
    read = await queue.read(mine, 3)
    theirs = await lose_lease(queue, redis)
    await queue.settle(ACME, keys(read.entries))
    assert (await queue.read(theirs, 3)).entries == []
    await queue.finish(theirs)
    assert (await read_kept(redis, ACME)) == ([], set(), set(), {}, {})


async def test_row_c1_a_deferred_event_is_parked_and_gone_from_the_stream_in_one_step(
    queue: Queue, redis: Redis
) -> None:
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    assert await queue.defer(turn, [Deferral(event, read.entries[0].entry_id, 60_000)])
    assert await read_kept(redis, ACME) == ([], {event}, {event}, {}, {event: 1})
    await check_house(redis, ACME)


async def test_row_c2_a_retry_that_falls_due_under_a_lease_is_not_forgotten_by_finish(
    queue: Queue, redis: Redis
) -> None:
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    await queue.defer(turn, [Deferral(event, read.entries[0].entry_id, 0)])
    await queue.sweep(10)
    await queue.finish(turn)
    assert await read_places(redis, ACME) == ["ready:shared"]


async def test_row_c2_a_retry_for_later_lists_its_tenant_as_due(queue: Queue, redis: Redis) -> None:
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    await queue.defer(turn, [Deferral(event, read.entries[0].entry_id, 60_000)])
    await queue.finish(turn)
    assert await read_places(redis, ACME) == ["due"]
    assert await queue.claim() is None
    await end_waits(redis, ACME)
    await queue.sweep(10)
    assert await read_places(redis, ACME) == ["ready:shared"]


async def test_row_c3_a_retried_event_keeps_its_id_and_never_comes_back_to_the_stream(
    queue: Queue, redis: Redis
) -> None:
    [event] = await append(queue, ACME)
    for tries in range(3):
        turn = await claim(queue)
        [entry] = (await queue.read(turn, 1)).entries
        assert (entry.event_id, entry.tries, entry.reads) == (event, tries, 1)
        await queue.defer(turn, [Deferral(event, entry.entry_id, 0)])
        await queue.finish(turn)
        assert (await read_kept(redis, ACME)).stream == []


async def test_row_d_an_event_that_a_successor_settled_is_not_parked_by_a_late_drain(
    queue: Queue, redis: Redis
) -> None:
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    await queue.settle(ACME, keys(read.entries))
    assert await queue.defer(turn, [Deferral(event, read.entries[0].entry_id, 0)])
    assert await read_kept(redis, ACME) == ([], set(), set(), {}, {})


async def test_defer_in_the_name_of_a_lost_run_changes_nothing(queue: Queue, redis: Redis) -> None:
    [event] = await append(queue, ACME)
    mine = await claim(queue)
    read = await queue.read(mine, 1)
    theirs = await lose_lease(queue, redis)
    before = await read_kept(redis, ACME)
    assert not await queue.defer(mine, [Deferral(event, read.entries[0].entry_id, 0)])
    assert not await queue.park(mine, [Deferral(event, read.entries[0].entry_id, 0)])
    assert await read_kept(redis, ACME) == before
    assert (await queue.read(theirs, 1)).status == "ok"


async def test_row_d2_a_refund_needs_no_lease(queue: Queue, redis: Redis) -> None:
    """Postgres refuses while the lease runs out, again and again: a good event must not be suspected."""
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    for _ in range(6):
        read = await queue.read(turn, 1)
        assert [entry.reads for entry in read.entries] == [1]
        stale, turn = turn, await lose_lease(queue, redis)
        assert not await queue.finish(stale, hold_ms=1_000, refunds=[event])
    assert await queue.renew(turn)


async def test_row_d2_with_a_fenced_refund_a_good_event_becomes_a_suspect(queue: Queue, redis: Redis) -> None:
    fence = "if call('HGET', 'runs', id) ~= ARGV[2] then\n  return 0\nend\n"
    uncount = "uncount(key_of(id, 'reads'), refunded)\n"
    plant(queue, "finish", uncount + fence, fence + uncount)
    await queue.load()
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    statuses = []
    for _ in range(3):
        statuses.append((await queue.read(turn, 1)).status)
        stale, turn = turn, await lose_lease(queue, redis)
        await queue.finish(stale, hold_ms=1_000, refunds=[event])
    assert statuses == ["ok", "ok", "suspect"]


async def test_giving_back_never_creates_a_count(queue: Queue, redis: Redis) -> None:
    [event] = await append(queue, ACME)
    await queue.refund(ACME, [event, "gone"])
    await queue.untry(ACME, [event, "gone"])
    kept = await read_kept(redis, ACME)
    assert (kept.reads, kept.tries) == ({}, {})


async def test_an_untried_event_has_the_try_back_and_keeps_its_time(queue: Queue, redis: Redis) -> None:
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    await queue.park(turn, [Deferral(event, read.entries[0].entry_id, 8_000)])
    await queue.finish(turn)
    due = await redis.zscore(f"t:{ACME}:retry", event)
    await queue.untry(ACME, [event])
    assert (await read_kept(redis, ACME)).tries == {}
    assert await redis.zscore(f"t:{ACME}:retry", event) == due


async def test_a_fetch_that_arrives_after_its_slice_settles_what_was_parked(queue: Queue, redis: Redis) -> None:
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    [entry] = (await queue.read(turn, 1)).entries
    await queue.park(turn, [Deferral(event, entry.entry_id, 8_000)])
    await queue.finish(turn)
    await queue.settle(ACME, [(event, entry.entry_id)])
    await end_waits(redis, ACME)
    await queue.sweep(10)
    assert await read_kept(redis, ACME) == ([], set(), set(), {}, {})
    assert await read_places(redis, ACME) == []
    assert await queue.claim() is None


async def test_more_than_one_piece_is_deferred_whole(queue: Queue, redis: Redis) -> None:
    events = await append(queue, ACME, 250)
    turn = await claim(queue)
    read = await queue.read(turn, 250)
    assert await queue.defer(turn, [Deferral(entry.event_id, entry.entry_id, 1_000) for entry in read.entries])
    assert (await read_kept(redis, ACME)).parked == set(events)


async def test_a_delay_beyond_the_longest_is_cut(queue: Queue, redis: Redis) -> None:
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    read = await queue.read(turn, 1)
    await queue.defer(turn, [Deferral(event, read.entries[0].entry_id, 10**12)])
    await queue.finish(turn)
    assert await read_places(redis, ACME) == ["due"], "further ahead it would be taken for a clock that stepped back"


async def test_settling_one_tenants_events_leaves_the_same_ids_of_another(queue: Queue, redis: Redis) -> None:
    events = await append(queue, ACME, 2)
    other = await append(queue, GLOBEX, 2)
    read = await queue.read(await claim(queue), 2)
    await queue.settle(ACME, [*keys(read.entries), *((event, None) for event in other)])
    assert (await read_kept(redis, GLOBEX)).stream == other
    assert (await read_kept(redis, ACME)).stream == []
    assert ids(read.entries) == events


async def test_an_entry_id_given_again_after_a_loss_of_memory_is_not_deleted_by_an_old_drain(
    queue: Queue, redis: Redis
) -> None:
    """A failover or an older file rewinds the stream, and the next entries get ids that a drain still has in hand."""
    await command(redis, "XADD", f"t:{ACME}:events", "1-0", "e", "lost", "b", "{}")
    await queue.rebuild([ACME])
    read = await queue.read(await claim(queue), 1)
    assert ids(read.entries) == ["lost"]
    await redis.flushall()
    await command(redis, "XADD", f"t:{ACME}:events", "1-0", "e", "new", "b", "{}")
    await queue.settle(ACME, keys(read.entries))
    assert (await read_kept(redis, ACME)).stream == ["new"]


async def test_settling_by_entry_id_alone_would_lose_it(queue: Queue, redis: Redis) -> None:
    plant(queue, "settle", "found and found[2][2] == event", "found")
    await queue.load()
    await command(redis, "XADD", f"t:{ACME}:events", "1-0", "e", "new", "b", "{}")
    await queue.settle(ACME, [("lost", "1-0")])
    assert (await read_kept(redis, ACME)).stream == []


async def test_an_event_appended_twice_is_handed_out_once_and_leaves_nothing_behind(queue: Queue, redis: Redis) -> None:
    events = await append(queue, ACME, 2)
    for event in events:
        await append_again(queue, event)
    turn = await claim(queue)
    read = await queue.read(turn, 10)
    assert ids(read.entries) == events
    assert (await read_kept(redis, ACME)).stream == events
    await queue.settle(ACME, keys(read.entries))
    await queue.finish(turn)
    assert (await queue.depth(ACME)).where == "none"


async def test_a_parked_event_appended_again_is_handed_out_once(queue: Queue, redis: Redis) -> None:
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    await queue.defer(turn, [Deferral(event, (await queue.read(turn, 1)).entries[0].entry_id, 0)])
    await append_again(queue, event)
    read = await queue.read(turn, 10)
    assert keys(read.entries) == [(event, None)]
    await queue.settle(ACME, keys(read.entries))
    assert await read_kept(redis, ACME) == ([], set(), set(), {}, {})


async def test_two_entries_of_one_event_in_hand_are_refunded_and_deferred_as_what_they_are(
    queue: Queue, redis: Redis
) -> None:
    [event] = await append(queue, ACME)
    turn = await claim(queue)
    first = await queue.read(turn, 1)
    await append_again(queue, event)
    second = await queue.read(turn, 1, after=first.last_entry_id)
    assert [entry.reads for entry in first.entries + second.entries] == [1, 2]
    await queue.refund(ACME, [event, event])
    assert (await read_kept(redis, ACME)).reads == {}
    await queue.defer(turn, [Deferral(e.event_id, e.entry_id, 0) for e in first.entries + second.entries])
    assert await read_kept(redis, ACME) == ([], {event}, {event}, {}, {event: 1})


async def append_again(queue: Queue, event: str) -> None:
    await queue.append([AppendBatch(ACME, "low", [NewEntry(event, b"{}")])], confirm=Confirm())


async def defer_all(queue: Queue, delays: dict[str, int]) -> None:
    turn = await claim(queue)
    entries = {entry.event_id: entry.entry_id for entry in (await queue.read(turn, 5_000)).entries}
    await queue.defer(turn, [Deferral(event, entries.get(event), delay) for event, delay in delays.items()])
    await queue.finish(turn)


async def test_a_recall_makes_due_what_has_no_failure_of_its_own(queue: Queue, redis: Redis) -> None:
    failed, postponed, theirs = *await append(queue, ACME, 2), *await append(queue, GLOBEX)
    await defer_all(queue, {failed: 60_000, postponed: 60_000})
    await defer_all(queue, {theirs: 60_000})
    await queue.untry(ACME, [postponed])
    await queue.untry(GLOBEX, [theirs])
    assert await read_places(redis, ACME) == ["due"]
    assert await queue.recall(ACME) == 1
    assert (await read_places(redis, ACME), await read_places(redis, GLOBEX)) == (["ready:shared"], ["due"])
    turn = await claim(queue)
    assert ids((await queue.read(turn, 5)).entries) == [postponed]
    await queue.finish(turn)
    await check_house(redis, ACME)


async def test_a_recall_of_many_goes_in_pieces_and_forgets_none(queue: Queue, redis: Redis) -> None:
    events = await append(queue, ACME, 2_500)
    await defer_all(queue, dict.fromkeys(events, 60_000))
    await queue.untry(ACME, [event for number, event in enumerate(events) if number % 3])
    recalled = await queue.recall(ACME)
    assert recalled == sum(1 for number in range(2_500) if number % 3)
    assert await redis.zcount(f"t:{ACME}:retry", "-inf", await read_now_ms(redis)) == recalled
    assert await queue.recall(ACME) == 0
    await check_house(redis, ACME)


async def test_a_recall_under_a_lease_or_of_nothing_changes_no_place(queue: Queue, redis: Redis) -> None:
    assert await queue.recall(ACME) == 0
    assert await read_places(redis, ACME) == []
    await append(queue, ACME)
    turn = await claim(queue)
    assert await queue.recall(ACME) == 0
    assert await read_places(redis, ACME) == ["leased"]
    await queue.finish(turn)
    await check_house(redis, ACME)

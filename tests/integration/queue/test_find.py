"""Looking for one event, and at what waits: nothing is counted as read, and nobody's turn changes."""

from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from app.core import queue as queue_module
from app.core.queue import Deferral, Queue
from schemas.ids import make_uuid7, read_uuid7_ms
from tests.integration.queue.house import ACME, GLOBEX, append, check_house, claim, keys, read_kept


async def is_found(queue: Queue, tenant: int, event_id: str) -> bool:
    return await queue.find(tenant, event_id, read_uuid7_ms(event_id)) is not None


async def test_an_event_is_found_while_it_waits_is_read_and_is_parked_and_not_when_it_is_settled(
    queue: Queue, redis: Redis
) -> None:
    first, second = await append(queue, ACME, 2)
    before = await read_kept(redis, ACME)
    waiting = await queue.find(ACME, first, read_uuid7_ms(first))
    assert waiting is not None
    assert (waiting.body, waiting.due_at, waiting.reads, waiting.tries) == (b"{}", None, 0, 0)
    assert await read_kept(redis, ACME) == before
    turn = await claim(queue)
    entries = (await queue.read(turn, 10)).entries
    read = await queue.find(ACME, second, read_uuid7_ms(second))
    assert read is not None
    assert read.reads == 1
    await queue.defer(turn, [Deferral(entries[0].event_id, entries[0].entry_id, 60_000)])
    parked = await queue.find(ACME, first, read_uuid7_ms(first))
    assert parked is not None
    assert (parked.body, parked.tries) == (b"{}", 1)
    assert parked.due_at is not None
    assert 50 < (parked.due_at - datetime.now(UTC)).total_seconds() <= 61
    await queue.settle(ACME, keys(entries[1:]))
    assert not await is_found(queue, ACME, second)
    assert not await is_found(queue, ACME, make_uuid7())
    await check_house(redis, ACME)


async def test_another_tenants_event_is_not_found(queue: Queue) -> None:
    [event_id] = await append(queue, ACME)
    assert await is_found(queue, ACME, event_id)
    assert not await is_found(queue, GLOBEX, event_id)
    assert await queue.peek(GLOBEX, 10) == []


async def test_a_search_ends_after_so_many_others(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await append(queue, ACME, 450)
    assert await is_found(queue, ACME, ids[-1])
    monkeypatch.setattr(queue_module, "FOUND_ENTRIES_MAX", 200)
    assert await is_found(queue, ACME, ids[10])
    assert not await is_found(queue, ACME, ids[-1]), "200 others came before"


async def test_what_waits_is_seen_retries_first_then_the_longest_waiting(queue: Queue, redis: Redis) -> None:
    ids = await append(queue, ACME, 6)
    turn = await claim(queue)
    entries = (await queue.read(turn, 2)).entries
    await queue.defer(turn, [Deferral(one.event_id, one.entry_id, 60_000) for one in entries])
    before = await read_kept(redis, ACME)
    seen = await queue.peek(ACME, 4)
    assert {one.event_id for one in seen[:2]} == set(ids[:2])
    assert [one.event_id for one in seen[2:]] == ids[2:4]
    assert [(one.tries, one.due_at is None) for one in seen] == [(1, False), (1, False), (0, True), (0, True)]
    assert [one.event_id for one in await queue.peek(ACME, 2)][1] == ids[2], "retries leave half to the others"
    assert len(await queue.peek(ACME, 6)) == 6
    assert await read_kept(redis, ACME) == before


async def test_a_hold_says_until_when(queue: Queue) -> None:
    await append(queue, ACME)
    assert await queue.find_hold(ACME) is None
    await queue.finish(await claim(queue), hold_ms=10_000)
    until = await queue.find_hold(ACME)
    assert until is not None
    assert 5 < (until - datetime.now(UTC)).total_seconds() <= 16
    assert await queue.find_hold(GLOBEX) is None

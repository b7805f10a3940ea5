"""Dead letters: kept sealed, replayed as a fresh event that closes them, or discarded."""

import asyncio

import pytest

from app.core.queue import Queue
from app.services import dead_letters
from app.services.audit import Actor
from app.services.dead_letters import (
    DeadLetterNotFoundError,
    append_stuck_replays,
    discard_letter,
    find_letters,
    replay_letter,
)
from tests.integration.workers.works import ACME, GLOBEX, Row, Works, count_outcomes

CLI = Actor("cli", "test")


async def replay(works: Works, event_id: str) -> str:
    queue = Queue(works.redis)
    try:
        return await replay_letter(
            works.office, works.keyring, queue, works.settings(), tenant_id=ACME, event_id=event_id, actor=CLI
        )
    finally:
        await queue.close()


async def bury_an_order(works: Works) -> tuple[str, str]:
    """Its event, dead for a price that is a fraction of a cent, and its own id."""
    order = await works.change_order(items=[{"id": "1", "quantity": 1, "price": 10.5}])
    ids = await works.append(works.hint(order))
    assert count_outcomes(await works.wait_for(ids)) == {"dead": 1}
    return ids[0], order.order_id


async def test_a_replay_closes_its_dead_letter_with_its_own_row(works: Works) -> None:
    async with works.worker():
        dead, order_id = await bury_an_order(works)
        await works.change_order(order_id, items=[{"id": "1", "quantity": 1, "price": 1_050}])
        fresh = await replay(works, dead)
        assert fresh != dead
        rows = await works.wait_for([fresh])
        await works.wait_for_rest()
    assert rows[fresh] == Row("applied", None, 1)
    assert (await works.read_ledger())[dead].outcome == "dead", "a first outcome stands"
    (letter,) = await works.read_dead_letters()
    assert letter["status"] == "replayed"
    assert await works.find_order(order_id)
    assert await find_letters(works.office, ACME) == []
    with pytest.raises(DeadLetterNotFoundError):
        await replay(works, dead)


async def test_a_replay_that_fails_again_is_a_dead_letter_of_its_own(works: Works) -> None:
    async with works.worker():
        dead, _ = await bury_an_order(works)
        fresh = await replay(works, dead)
        await works.wait_for([fresh])
        await works.wait_for_rest()
    letters = {letter["event_id"]: letter for letter in await works.read_dead_letters()}
    assert {event_id: letter["status"] for event_id, letter in letters.items()} == {dead: "replayed", fresh: "waiting"}
    assert letters[fresh]["field"] == "items[0].price"


async def test_an_inline_document_is_sealed_anew_for_its_replay(works: Works) -> None:
    async with works.worker():
        ids = await works.append(
            await works.inline(b'{"type":"customer.upsert","data":{"external_id":"c-1","birth_date":"never"}}')
        )
        assert (await works.wait_for(ids))[ids[0]] == Row("dead", "unmappable", 1)
        fresh = await replay(works, ids[0])
        rows = await works.wait_for([fresh])
        await works.wait_for_rest()
    # Still unmappable, and not unreadable: it was opened under its new id.
    assert rows[fresh] == Row("dead", "unmappable", 1)


async def test_a_replay_whose_append_was_lost_is_appended_again_and_is_one_row(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "STUCK_AFTER_S", 0.2)
    async with works.worker() as context:
        dead, order_id = await bury_an_order(works)
        await works.change_order(order_id, items=[{"id": "1", "quantity": 1, "price": 1_050}])

        async def lose(*_: object) -> None:
            raise ConnectionError("the append never left")

        with monkeypatch.context() as patch:
            patch.setattr(dead_letters, "_append", lose)
            with pytest.raises(ConnectionError):
                await replay(works, dead)
        assert [letter["status"] for letter in await works.read_dead_letters()] == ["replaying"]
        stuck = (context.database, context.keyring, context.queue, context.settings)
        assert await append_stuck_replays(*stuck) == 0, "it may still be on its way"
        await asyncio.sleep(0.25)
        assert await append_stuck_replays(*stuck) == 1
        fresh = str(await works.superuser.fetchval("SELECT replay_event_id FROM dead_letters"))
        assert count_outcomes(await works.wait_for([fresh])) == {"applied": 1}
        await works.wait_for_rest()
        assert await append_stuck_replays(*stuck) == 0
    assert [letter["status"] for letter in await works.read_dead_letters()] == ["replayed"]


async def test_a_replay_that_waits_in_a_paused_queue_is_not_appended_again_and_again(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "STUCK_AFTER_S", 0.2)
    async with works.worker() as context:
        dead, _ = await bury_an_order(works)
        await works.wait_for_rest()
        await context.queue.pause(ACME)
        await replay(works, dead)
        stuck = (context.database, context.keyring, context.queue, context.settings)
        await asyncio.sleep(0.25)
        assert await append_stuck_replays(*stuck) == 0
        assert (await context.queue.depth(ACME)).waiting == 1
        await context.queue.resume(ACME)
        await works.wait_for_rest()


async def test_a_discarded_dead_letter_keeps_its_row_and_loses_its_body(works: Works) -> None:
    async with works.worker():
        dead, _ = await bury_an_order(works)
    await discard_letter(works.office, ACME, dead, actor=CLI)
    (letter,) = await works.read_dead_letters()
    assert (letter["status"], letter["sealed_body"]) == ("discarded", None)
    for gone in (discard_letter(works.office, ACME, dead, actor=CLI), replay(works, dead)):
        with pytest.raises(DeadLetterNotFoundError):
            await gone


async def test_nobody_sees_or_touches_a_neighbours_dead_letters(works: Works) -> None:
    async with works.worker():
        dead, _ = await bury_an_order(works)
    assert await find_letters(works.office, GLOBEX) == []
    with pytest.raises(DeadLetterNotFoundError):
        await discard_letter(works.office, GLOBEX, dead, actor=CLI)
    assert [letter.event_id for letter in await find_letters(works.office, ACME)] == [dead]

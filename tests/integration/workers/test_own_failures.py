"""Failures of one event's own: it is tried, and dead when that does not help; its neighbours commit all the while."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

import workers.commit
import workers.policy
from app.connectors.vtex import live_reader
from app.core.queue import NewEntry
from schemas.events import Event, encode_event
from schemas.ids import make_uuid7
from schemas.records import OrderRecord
from tests.integration.workers.works import ACME, WAIT_S, Row, Works, count_calls, count_outcomes, until
from workers.commit import SurroundingsError
from workers.fetches import Fetches
from workers.policy import Decision


async def append_among_neighbours(works: Works, event: Event, neighbours: int = 6) -> tuple[str, list[str]]:
    """Its id and those of the orders around it, all in one read."""
    orders = [await works.change_order() for _ in range(neighbours)]
    hints = [works.hint(order) for order in orders]
    ids = await works.append(*hints[: neighbours // 2], event, *hints[neighbours // 2 :])
    return event.event_id, [event_id for event_id in ids if event_id != event.event_id]


async def test_an_order_that_never_becomes_readable_is_dead_after_the_last_try(works: Works) -> None:
    calls = count_calls()
    lost, neighbours = await append_among_neighbours(works, works.hint("1000000000001-01"))
    async with works.worker(tries_max=3):
        assert count_outcomes(await works.wait_for(neighbours)) == {"applied": 6}
        rows = await works.wait_for([lost])
        await works.wait_for_rest()
    assert rows[lost] == Row("dead", "not_found", 3)
    assert count_calls() - calls == 6 + 3
    (letter,) = await works.read_dead_letters()
    assert (letter["event_id"], letter["reason"], letter["status"]) == (lost, "not_found", "waiting")


async def test_an_order_that_cannot_be_mapped_is_dead_alone_and_its_field_is_named(works: Works) -> None:
    odd = await works.change_order(items=[{"id": "1", "quantity": 1, "price": 10.5}])
    dead, neighbours = await append_among_neighbours(works, works.hint(odd))
    async with works.worker():
        rows = await works.wait_for([dead, *neighbours])
        await works.wait_for_rest()
    assert rows.pop(dead) == Row("dead", "unmappable", 1)
    assert count_outcomes(rows) == {"applied": 6}
    (letter,) = await works.read_dead_letters()
    assert letter["field"] == "items[0].price"


async def test_an_object_whose_address_always_fails_is_dead_after_the_last_try(works: Works) -> None:
    failing = await works.change_order()
    await works.break_calls("status", object_id=failing.order_id, status=500)
    dead, neighbours = await append_among_neighbours(works, works.hint(failing))
    async with works.worker(tries_max=2):
        rows = await works.wait_for([dead, *neighbours])
        await works.wait_for_rest()
    assert rows.pop(dead) == Row("dead", "object_failed", 2)
    assert count_outcomes(rows) == {"applied": 6}


# -- a row that Postgres refuses --


def spoil_mapper(monkeypatch: pytest.MonkeyPatch, order_id: str, **values: Any) -> None:
    """That order's record gets values that no mapper of ours lets through."""
    map_order = vars(live_reader)["map_order"]  # after others that were spoiled

    def map_spoiled(document: object) -> OrderRecord:
        record: OrderRecord = map_order(document)
        return record.model_copy(update=values) if record.external_id == order_id else record

    monkeypatch.setattr(live_reader, "map_order", map_spoiled)


async def test_rows_that_postgres_refuses_are_found_by_halving_and_their_neighbours_commit(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused_by_server, refused_by_driver, no_text = [await works.change_order() for _ in range(3)]
    spoil_mapper(monkeypatch, refused_by_server.order_id, origin="a\x00b")
    spoil_mapper(monkeypatch, refused_by_driver.order_id, total_minor=2**63)
    spoil_mapper(monkeypatch, no_text.order_id, coupon="\ud800")
    bad = [works.hint(order) for order in (refused_by_server, refused_by_driver, no_text)]
    first, neighbours = await append_among_neighbours(works, bad[0], neighbours=11)
    dead = [first, *await works.append(*bad[1:])]
    async with works.worker():
        rows = await works.wait_for([*dead, *neighbours])
        await works.wait_for_rest()
    assert [rows.pop(event_id) for event_id in dead] == [Row("dead", "row_refused", 1)] * 3
    assert count_outcomes(rows) == {"applied": 11}
    assert await works.find_order(refused_by_server.order_id) is None
    assert await works.read_counter("orders") == 11


async def test_without_halving_a_refused_row_keeps_its_neighbours_out_for_ever(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def give_up(*_: object) -> None:
        raise SurroundingsError("refused")

    monkeypatch.setattr(workers.commit, "_commit_halves", give_up)
    bad = await works.change_order()
    spoil_mapper(monkeypatch, bad.order_id, origin="a\x00b")
    dead, neighbours = await append_among_neighbours(works, works.hint(bad))
    async with works.worker(commit_linger_ms=200):
        with pytest.raises(TimeoutError):
            await works.wait_for([dead, *neighbours], timeout_s=1.0)


# -- a call that hangs --


async def hang_among_others(works: Works) -> tuple[str, list[str]]:
    """One order whose answer never comes, and six others in the same read."""
    hanging = await works.change_order()
    await works.break_calls("hang", object_id=hanging.order_id)
    return await append_among_neighbours(works, works.hint(hanging))


async def keep_busy(works: Works, wanted: Sequence[str], timeout_s: float) -> dict[str, Row]:
    """Sends an order every 100 ms, so that the account answers something, until `wanted` are settled."""
    deadline = time.monotonic() + timeout_s
    while True:
        await works.append(works.hint(await works.change_order()))
        try:
            return await works.wait_for(wanted, timeout_s=0.1)
        except TimeoutError:
            if time.monotonic() > deadline:
                raise


async def test_a_call_that_hangs_while_the_account_answers_others_is_a_failure_of_its_own(works: Works) -> None:
    late, neighbours = await hang_among_others(works)
    async with works.worker(provider_call_timeout_s=1.0, tries_max=2) as context:
        assert count_outcomes(await works.wait_for(neighbours)) == {"applied": 6}
        assert context.in_flight[ACME] == 1, "the others waited for the slowest"
        rows = await keep_busy(works, [late], WAIT_S)
        await works.wait_for_rest()
    # Which of the two it is hangs on which side of its slice's end the last call ran into its time-out.
    assert rows[late] in (Row("dead", "provider_timeout", 2), Row("dead", "no_answer", 2))


async def test_without_the_look_at_the_others_answers_a_hanging_call_never_ends(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = workers.policy.decide

    def decide_without(*arguments: Any, **_: bool) -> Decision:
        return decide(*arguments, has_account_answered=False)

    monkeypatch.setattr("workers.resolve.decide", decide_without)
    late, neighbours = await hang_among_others(works)
    async with works.worker(provider_call_timeout_s=0.3, tries_max=2):
        await works.wait_for(neighbours)
        with pytest.raises(TimeoutError):
            await keep_busy(works, [late], timeout_s=1.5)


async def test_an_answer_that_outlives_its_slice_is_committed_when_it_comes(works: Works) -> None:
    slow = await works.change_order()
    await works.break_calls("slow", object_id=slow.order_id, delay_ms=1_200)
    late, neighbours = await append_among_neighbours(works, works.hint(slow))
    calls = count_calls()
    async with works.worker(provider_call_timeout_s=4.0) as context:
        await works.wait_for(neighbours)
        assert context.in_flight[ACME] == 1, "the others waited for the slowest"
        rows = await works.wait_for([late])
        assert rows[late] == Row("applied", None, 1)
        await works.wait_for_rest()
    assert count_calls() - calls == 7, "it was fetched again"
    assert await works.find_order(slow.order_id)


async def test_without_parking_a_slow_answer_is_never_taken(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fetches, "detach", lambda _: [])
    slow = await works.change_order()
    await works.break_calls("slow", object_id=slow.order_id, delay_ms=900)
    async with works.worker(provider_call_timeout_s=3.0):
        with pytest.raises(TimeoutError):
            await works.wait_for(await works.append(works.hint(slow)), timeout_s=2.0)


# -- entries that nobody can read --


UNREADABLE: tuple[bytes | dict[str, object], ...] = (
    b"\xff\x00 no json",
    b"[]",
    b'{"s":"vtex"}',
    {"k": "parcel"},  # words of a later release
    {"f": "postcard"},
    {"x": "merge"},
    {"o": 17},
    {"o": "a\x00b"},
    {"i": "one"},
    {"i": 2**40},
    {"t": "2026-11-23T10:00:00"},  # without a zone
)


async def test_entries_that_cannot_be_read_are_dead_and_their_neighbours_commit(works: Works) -> None:
    hint = works.hint(await works.change_order())
    bodies = [
        body if isinstance(body, bytes) else orjson.dumps(orjson.loads(encode_event(hint)) | body)
        for body in UNREADABLE
    ]
    unreadable = [NewEntry(make_uuid7(), body) for body in bodies]
    await works.append_raw(unreadable)
    (neighbour,) = await works.append(hint)
    async with works.worker():
        rows = await works.wait_for([neighbour, *(entry.event_id for entry in unreadable)])
        await works.wait_for_rest()
    assert rows.pop(neighbour).outcome == "applied"
    assert set(rows.values()) == {Row("dead", "unreadable_entry", 1)}
    keys = await works.keys_of(ACME)
    letters = {letter["event_id"]: letter["sealed_body"] for letter in await works.read_dead_letters()}
    opened = {event_id: keys.open("dead_letter.v1", event_id, body) for event_id, body in letters.items()}
    assert opened == dict(unreadable)


async def test_an_event_that_waited_too_long_is_dead(works: Works) -> None:
    order = await works.change_order()
    await works.append(works.hint(order))
    await asyncio.sleep(0)
    old = works.hint(order)._replace(event_id="01900000-0000-7000-8000-000000000001")
    await works.append(old)
    async with works.worker():
        rows = await works.wait_for([old.event_id])
        await works.wait_for_rest()
    assert rows[old.event_id].reason == "waited_too_long"


async def test_tries_are_spent_by_their_own_event_alone(works: Works) -> None:
    order = await works.change_order()
    await works.break_calls("status", object_id=order.order_id, status=404)
    failing, neighbours = await append_among_neighbours(works, works.hint(order))
    async with works.worker(retry_base_s=5.0, retry_max_s=5.0):
        await works.wait_for(neighbours)

        async def is_tried() -> dict[str, int]:
            return await works.count_tries()

        assert await until(is_tried) == {failing: 1}


async def test_an_entry_under_an_id_that_is_none_of_ours_is_dead_and_holds_nobody(works: Works) -> None:
    hint = works.hint(await works.change_order())
    await works.append_raw([NewEntry("not-an-id", encode_event(hint))])
    (neighbour,) = await works.append(hint)
    async with works.worker():
        rows = await works.wait_for([neighbour])
        await works.wait_for_rest()
    assert rows[neighbour].outcome == "applied"
    reasons = await works.superuser.fetch("SELECT reason FROM dead_letters")
    assert [row["reason"] for row in reasons] == ["unreadable_entry"]

"""P2 in Postgres: one row per event, in the transaction of its effect; what hangs on it comes only with that row."""

import asyncio
from datetime import date
from typing import Any

import pytest

import db.ledger
from app.services.apply import Settlement, apply_batch
from db.counters import list_counters
from db.dead_letters import (
    begin_replay,
    count_waiting,
    discard_dead_letter,
    find_dead_letter,
    list_dead_letters,
    take_stuck_replays,
)
from db.ledger import measure_latency, tail_events, total_all_events, total_events
from db.pool import Database
from schemas.ids import make_uuid7
from tests.integration.db.cast import (
    ACME,
    GLOBEX,
    NOW,
    at,
    make_customer,
    make_keys,
    make_observation,
    make_order,
    make_settlement,
)

KEYS = make_keys()
LONG_AGO = date(2026, 1, 1)
NOW_MS = int(NOW.timestamp() * 1000)


def make_ids(count: int) -> list[str]:
    """Event ids in the order of acceptance, a second apart, the last one ten seconds before NOW."""
    return [make_uuid7(NOW_MS - 10_000 - 1000 * number) for number in range(count)][::-1]


def make_dead(event_id: str) -> Settlement:
    return make_settlement(
        None, event_id=event_id, outcome="dead", reason="unmappable", field="items.0.price", sealed_body=b"sealed"
    )


async def test_ten_changes_and_one_document_are_one_applied_and_nine_superseded(database: Database) -> None:
    observation = make_observation(make_order(source_updated_at=at(9)))
    ids = make_ids(10)
    settlements = [make_settlement(observation, event_id=ids[n], stamp=at(n)) for n in range(10)]
    applied = await apply_batch(database, KEYS, settlements[::-1], now=NOW)
    assert [applied.outcomes[event_id] for event_id in ids] == ["superseded"] * 9 + ["applied"]


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([at(9), at(9), at(9)], ["duplicate", "duplicate", "applied"]),
        ([None, None], ["duplicate", "applied"]),
        ([at(3), None, at(9)], ["superseded", "duplicate", "applied"]),
        ([at(12)], ["applied"]),
    ],
    ids=["equal stamps", "no stamps", "mixed", "newer than its document"],
)
async def test_the_newest_event_of_a_batch_is_applied(database: Database, stamps: Any, expected: Any) -> None:
    observation = make_observation(make_order(source_updated_at=at(9)))
    ids = make_ids(len(stamps))
    settlements = [make_settlement(observation, event_id=i, stamp=s) for i, s in zip(ids, stamps, strict=True)]
    applied = await apply_batch(database, KEYS, settlements, now=NOW)
    assert [applied.outcomes[event_id] for event_id in ids] == expected


async def test_what_comes_late_is_superseded_and_what_is_known_a_duplicate(database: Database) -> None:
    await apply_batch(database, KEYS, [], [make_observation(make_order(source_updated_at=at(9)))], now=NOW)
    late = make_settlement(make_observation(make_order(source_updated_at=at(5)), seconds=60), stamp=at(5))
    applied = await apply_batch(database, KEYS, [late], now=NOW)
    assert list(applied.outcomes.values()) == ["superseded"]
    known = make_settlement(make_observation(make_order(source_updated_at=at(9)), seconds=70), stamp=at(9))
    applied = await apply_batch(database, KEYS, [known], now=NOW)
    assert list(applied.outcomes.values()) == ["duplicate"]


async def test_an_inline_document_without_a_stamp_counts_by_the_time_it_was_signed(database: Database) -> None:
    settlements = []
    for seconds, name in ((5, "Eva"), (3, "Ana")):
        record = make_customer(source_updated_at=None, first_name=name)
        settlement = make_settlement(make_observation(record, seconds=seconds), event_id=make_uuid7(NOW_MS - seconds))
        settlements.append(settlement._replace(event=settlement.event._replace(form="inline")))
    applied = await apply_batch(database, KEYS, settlements, now=NOW)
    assert [applied.outcomes[s.event.event_id] for s in settlements] == ["applied", "superseded"]


async def test_a_batch_committed_twice_is_counted_once(database: Database) -> None:
    settlements = [
        make_settlement(make_observation(make_customer(f"c-{n}")), event_id=event_id)
        for n, event_id in enumerate(make_ids(5))
    ]
    settlements += [make_dead(make_uuid7()), make_settlement(None, outcome="ignored", reason="ping")]
    first = await apply_batch(database, KEYS, settlements, now=NOW)
    second = await apply_batch(database, KEYS, settlements, now=NOW)
    assert second.outcomes == first.outcomes
    assert sorted(first.outcomes.values()) == ["applied"] * 5 + ["dead", "ignored"]
    async with database.tenant_tx(ACME, "test") as connection:
        assert await list_counters(connection, ACME) | {"stored_bytes": 0} == {
            "applied.1": 5, "customers": 5, "events_applied": 5, "events_dead": 1, "events_ignored": 1,
            "stored_bytes": 0,
        }  # fmt: skip
        assert await total_events(connection, ACME, LONG_AGO) == {"applied": 5, "dead": 1, "ignored": 1}
        assert await count_waiting(connection, ACME) == 1


async def test_four_drains_with_the_same_events_write_each_once(database: Database, superuser: Any) -> None:
    settlements = [
        make_settlement(make_observation(make_customer(f"c-{n % 20}", source_updated_at=at(n))), stamp=at(n))
        for n in range(100)
    ]
    results = await asyncio.gather(*(apply_batch(database, KEYS, settlements, now=NOW) for _ in range(4)))
    rows = {str(row["event_id"]): row["outcome"] for row in await superuser.fetch("SELECT * FROM events")}
    assert await superuser.fetchval("SELECT count(*) FROM events") == 100
    assert all(result.outcomes == rows for result in results)
    async with database.tenant_tx(ACME, "test") as connection:
        counters = await list_counters(connection, ACME)
    assert (counters["events_applied"], counters["events_superseded"], counters["customers"]) == (20, 80, 20)


async def test_one_event_twice_in_a_batch_has_one_row(database: Database, superuser: Any) -> None:
    settlement = make_settlement(make_observation(make_customer()))
    applied = await apply_batch(database, KEYS, [settlement, settlement], now=NOW)
    assert applied.outcomes == {settlement.event.event_id: "applied"}
    assert await superuser.fetchval("SELECT count(*) FROM events") == 1


async def test_an_event_that_was_applied_does_not_also_become_a_dead_letter(database: Database, superuser: Any) -> None:
    assert await apply_then_bury(database) == {"applied"}
    assert await superuser.fetchval("SELECT count(*) FROM dead_letters") == 0


async def test_beside_the_ledger_it_would(database: Database, superuser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = db.ledger.SQL["settle_events"]
    columns = "received_on, event_id, integration_id, attempts, latency_ms, kind, object_id, state, outcome, reason"
    arrays = sql[sql.index("$2::date[]") : sql.index(") AS i")]
    told = f"(SELECT * FROM unnest({arrays}) AS e ({columns})) AS w"
    assert "FROM written AS w JOIN" in sql
    monkeypatch.setitem(db.ledger.SQL, "settle_events", sql.replace("FROM written AS w JOIN", f"FROM {told} JOIN"))
    assert await apply_then_bury(database) == {"applied"}
    assert await superuser.fetchval("SELECT count(*) FROM dead_letters") == 1


async def apply_then_bury(database: Database) -> set[str]:
    """A slow drain commits an event; another, whose fetch failed for the last time, buries the same."""
    settlement = make_settlement(make_observation(make_customer()))
    await apply_batch(database, KEYS, [settlement], now=NOW)
    applied = await apply_batch(database, KEYS, [make_dead(settlement.event.event_id)], now=NOW)
    return set(applied.outcomes.values())


async def test_what_fails_leaves_neither_rows_nor_ledger(database: Database, superuser: Any) -> None:
    good = make_settlement(make_observation(make_customer()))
    bad = make_settlement(make_observation(make_order(status="\x00")))
    with pytest.raises(Exception, match="invalid byte sequence"):
        await apply_batch(database, KEYS, [good, bad], now=NOW)
    for table in ("customers", "orders", "events", "counters", "event_day_totals"):
        assert await superuser.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize("settlement", [make_settlement(None), make_settlement(None, outcome="dead")])
async def test_a_settlement_that_does_not_say_enough_is_refused(database: Database, settlement: Settlement) -> None:
    with pytest.raises(ValueError, match="needs"):
        await apply_batch(database, KEYS, [settlement], now=NOW)


async def test_an_observation_of_a_dead_event_is_not_written(database: Database, superuser: Any) -> None:
    dead = make_settlement(make_observation(make_customer()), outcome="dead", reason="row_refused")
    await apply_batch(database, KEYS, [dead], now=NOW)
    assert await superuser.fetchval("SELECT count(*) FROM customers") == 0


async def test_the_tail_is_read_newest_first_by_its_tenant_only(database: Database) -> None:
    ids = make_ids(3)
    for event_id in ids:
        await apply_batch(database, KEYS, [make_settlement(None, event_id=event_id, outcome="ignored")], now=NOW)
    async with database.tenant_tx(ACME, "test") as connection:
        assert [row.event_id for row in await tail_events(connection, ACME)] == ids[::-1]
        assert [row.event_id for row in await tail_events(connection, ACME, after=ids[1])] == ids[2:]
        assert await measure_latency(connection, ACME, after=ids[0]) == (2, 10_000, 11_000, 11_000)
    async with database.tenant_tx(GLOBEX, "test") as connection:
        assert await tail_events(connection, GLOBEX) == []
        assert await tail_events(connection, ACME) == []
    assert await total_all_events(database, LONG_AGO) == {ACME: {"ignored": 3}}


async def test_a_replay_is_closed_by_the_row_of_its_fresh_event(
    database: Database, open_database: Any, superuser: Any
) -> None:
    operator = await open_database("operator")
    [dead_id, fresh_id, other_id] = make_ids(3)
    await apply_batch(database, KEYS, [make_dead(dead_id)], now=NOW)
    async with operator.tenant_tx(ACME, "test") as connection:
        [listed] = await list_dead_letters(connection, ACME)
        assert (listed.event_id, listed.status, listed.field, listed.sealed_body) == (
            dead_id, "waiting", "items.0.price", None,
        )  # fmt: skip
        begun = await begin_replay(connection, ACME, dead_id, fresh_id)
        assert begun is not None
        assert (begun.replay_event_id, begun.sealed_body) == (fresh_id, b"sealed")
        again = await begin_replay(connection, ACME, dead_id, other_id)
        assert again is not None
        assert again.replay_event_id == fresh_id
        assert not await discard_dead_letter(connection, ACME, dead_id)
    async with operator.tenant_tx(ACME, "test") as connection:
        stuck = await take_stuck_replays(connection, ACME, begun.updated_at.replace(year=2100))
        assert [letter.replay_event_id for letter in stuck] == [fresh_id]
        assert await take_stuck_replays(connection, ACME, begun.updated_at) == []
    replay = make_settlement(make_observation(make_customer()), event_id=fresh_id)
    await apply_batch(database, KEYS, [replay], now=NOW)
    async with operator.tenant_tx(ACME, "test") as connection:
        closed = await find_dead_letter(connection, ACME, dead_id)
        assert closed is not None
        assert closed.status == "replayed"
        assert await begin_replay(connection, ACME, dead_id, other_id) is None
        assert await list_dead_letters(connection, ACME) == []


async def test_a_replay_that_dies_again_is_a_dead_letter_of_its_own(database: Database, open_database: Any) -> None:
    operator = await open_database("operator")
    [dead_id, fresh_id] = make_ids(2)
    await apply_batch(database, KEYS, [make_dead(dead_id)], now=NOW)
    async with operator.tenant_tx(ACME, "test") as connection:
        await begin_replay(connection, ACME, dead_id, fresh_id)
    await apply_batch(database, KEYS, [make_dead(fresh_id)], now=NOW)
    async with operator.tenant_tx(ACME, "test") as connection:
        letters = await list_dead_letters(connection, ACME, statuses=("waiting", "replaying", "replayed"))
        assert {letter.event_id: letter.status for letter in letters} == {dead_id: "replayed", fresh_id: "waiting"}
        assert await discard_dead_letter(connection, ACME, fresh_id)
        discarded = await find_dead_letter(connection, ACME, fresh_id)
        assert discarded is not None
        assert (discarded.status, discarded.sealed_body) == ("discarded", None)
    async with operator.tenant_tx(GLOBEX, "test") as connection:
        assert await find_dead_letter(connection, ACME, dead_id) is None

"""Limits that bind in a batch's transaction: who is kept out, what stands in their place, what goes on."""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import db.gaps
from app.services import customer_room
from app.services.apply import Applied, Observation, Settlement, apply_batch, make_version
from app.services.customer_room import DEAD_LETTER_PURPOSE, WriteLimits
from app.services.merge import observe
from app.services.sealed_rows import Sealer
from app.services.upsert import CUSTOMERS, upsert
from db.activity import list_activity
from db.counters import add_to_counters, list_counters, list_waiting_tenants
from db.gaps import GapMark, close_limit_gaps, set_gaps
from db.pool import Database
from db.versions import Key
from db.waiting_customers import Waiting, ask_overtaken, ask_waiting, insert_waiting
from schemas.events import decode_event
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
PLENTY = 10**15
NUMBERS = itertools.count(1)
NONE = WriteLimits(0, PLENTY)


def told(external_id: str, *, seconds: float = 0, **fields: Any) -> Settlement:
    """An event of a customer, as it stood at a time."""
    record = make_customer(external_id, source_updated_at=at(seconds), **fields)
    return make_settlement(make_observation(record, seconds=seconds), stamp=at(seconds))


def inline(external_id: str) -> Settlement:
    settlement = told(external_id)
    return settlement._replace(event=settlement.event._replace(form="inline", sealed=b"sealed to the tenant"))


async def apply(
    database: Database, *settlements: Settlement, customers: int = PLENTY, storage: int = PLENTY
) -> Applied:
    limits = WriteLimits(customers, storage)
    return await apply_batch(database, KEYS, settlements, now=NOW, limits=limits)


async def count(superuser: Any, what: str) -> int:
    return int(await superuser.fetchval(f"SELECT count(*) FROM {what}"))


async def read_counter(database: Database, name: str) -> int:
    async with database.tenant_tx(ACME, "test") as connection:
        return (await list_counters(connection, ACME)).get(name, 0)


async def check_figures(database: Database, superuser: Any) -> None:
    """Counters say what the tables hold, also of those who wait; and nobody waits and is there."""
    assert await read_counter(database, "customers_waiting") == await count(superuser, "waiting_customers")
    assert await read_counter(database, "customers") == await count(superuser, "customers WHERE deleted_at IS NULL")
    both = "waiting_customers JOIN customers USING (tenant_id, source, account, external_id) WHERE deleted_at IS NULL"
    assert await count(superuser, both) == 0


async def test_at_the_limit_a_new_customer_waits_and_whoever_is_held_goes_on(
    database: Database, superuser: Any
) -> None:
    await apply(database, told("c-1"), customers=1)
    order = make_settlement(make_observation(make_order()))
    events = [told("c-1", seconds=5, first_name="Eva"), told("c-2"), order]
    applied = await apply(database, *events, customers=1)
    assert [applied.outcomes[s.event.event_id] for s in events] == ["applied", "ignored", "applied"]
    assert len(applied.kept_out) == 1
    assert [row["external_id"] for row in await superuser.fetch("SELECT * FROM customers")] == ["c-1"]
    reasons = "SELECT reason FROM events WHERE outcome = 'ignored'"
    assert [row["reason"] for row in await superuser.fetch(reasons)] == ["customer_limit"]
    await check_figures(database, superuser)
    assert await list_waiting_tenants(database) == [ACME]


async def test_a_pointer_holds_nothing_personal_and_marks_its_integrations_gap_once(
    database: Database, superuser: Any
) -> None:
    await apply(database, told("c-2", email="ana@example.org"), customers=0)
    row = dict(await superuser.fetchrow("SELECT * FROM waiting_customers"))
    assert row.pop("waiting_since") > datetime.now(UTC) - timedelta(minutes=1)
    assert row == {
        "tenant_id": ACME, "source": "vtex", "account": "acmestore", "external_id": "c-2", "integration_id": 1,
        "form": "hint", "asked_at": None,
    }  # fmt: skip
    gap = await superuser.fetchrow("SELECT integration_id, stream, reason, gap_since, xmin::text FROM gaps")
    assert gap[:3] == (1, "customers", "customer_limit")
    await apply(database, told("c-2", seconds=9), told("c-3"), customers=0)
    assert await superuser.fetchrow("SELECT integration_id, stream, reason, gap_since, xmin::text FROM gaps") == gap
    assert await count(superuser, "waiting_customers") == 2
    await check_figures(database, superuser)


async def test_a_batch_fills_the_room_there_is_and_not_more(database: Database, superuser: Any) -> None:
    await apply(database, *(told(f"c-{n}") for n in range(10)), customers=4)
    assert await count(superuser, "customers") == 4
    await check_figures(database, superuser)


async def test_full_storage_keeps_new_customers_out_and_nobody_else(database: Database, superuser: Any) -> None:
    await apply(database, told("c-1"))
    order = make_settlement(make_observation(make_order()))
    await apply(database, told("c-1", seconds=5), told("c-2"), order, storage=1)
    rows = await superuser.fetch("SELECT object_id, outcome, reason FROM events WHERE outcome <> 'applied'")
    assert [tuple(row) for row in rows] == [("c-2", "ignored", "storage_limit")]
    assert await count(superuser, "orders") == 1
    assert await superuser.fetchval("SELECT reason FROM gaps") == "storage_limit"


async def test_an_inline_document_waits_as_a_dead_letter_that_can_be_read_again(
    database: Database, superuser: Any
) -> None:
    settlement = inline("c-1")
    applied = await apply(database, settlement, customers=0)
    event = settlement.event
    assert applied.outcomes == {event.event_id: "dead"}
    letter = await superuser.fetchrow("SELECT event_id::text, reason, status, sealed_body FROM dead_letters")
    assert letter[:3] == (event.event_id, "customer_limit", "waiting")
    body = KEYS.open(DEAD_LETTER_PURPOSE, event.event_id, letter["sealed_body"])
    assert decode_event(event.event_id, body) == event
    assert await superuser.fetchval("SELECT form FROM waiting_customers") == "inline"
    await check_figures(database, superuser)


async def test_the_same_event_is_applied_when_there_is_room(database: Database, superuser: Any) -> None:
    settlement = told("c-1")
    await apply(database, settlement, customers=0)
    again = settlement._replace(event=settlement.event._replace(event_id=make_uuid7()))
    applied = await apply(database, again, customers=1)
    assert applied.outcomes == {again.event.event_id: "applied"}
    assert await count(superuser, "waiting_customers") == 0
    await check_figures(database, superuser)


async def test_a_deletion_ends_the_wait_and_needs_no_room(database: Database, superuser: Any) -> None:
    await apply(database, told("c-1"), customers=0)
    await apply(database, told("c-1", seconds=5, is_deleted=True), customers=0)
    assert await count(superuser, "waiting_customers") == 0
    assert await count(superuser, "customers WHERE deleted_at IS NOT NULL") == 1
    late = await apply(database, told("c-1", seconds=1), customers=1)
    assert set(late.outcomes.values()) == {"superseded"}
    await check_figures(database, superuser)


async def test_whoever_comes_back_from_a_deletion_is_new(database: Database, superuser: Any) -> None:
    await apply(database, told("c-1"))
    await apply(database, told("c-1", seconds=5, is_deleted=True))
    back = told("c-1", seconds=9)
    assert (await apply(database, back, customers=0)).outcomes == {back.event.event_id: "ignored"}
    assert await count(superuser, "waiting_customers") == 1
    await apply(database, told("c-1", seconds=10), customers=1)
    assert await count(superuser, "customers WHERE deleted_at IS NULL") == 1
    await check_figures(database, superuser)


async def test_a_dead_hint_is_remembered_by_its_dead_letter_and_waits_no_more(
    database: Database, superuser: Any
) -> None:
    await apply(database, told("c-1"), customers=0)
    dead = make_settlement(None, outcome="dead", reason="not_found", sealed_body=b"sealed")
    await apply(database, dead)
    assert await count(superuser, "waiting_customers") == 0
    await check_figures(database, superuser)


async def test_pages_without_events_are_bound_too_and_must_say_whose_they_are(
    database: Database, superuser: Any
) -> None:
    page = [make_observation(make_customer(f"c-{n}")) for n in range(3)]
    applied = await apply_batch(
        database, KEYS, [], page, writer="bulk", now=NOW, limits=WriteLimits(2, PLENTY), integration_id=7
    )
    assert (applied.changed, len(applied.kept_out)) == (2, 1)
    assert await superuser.fetchval("SELECT integration_id FROM waiting_customers") == 7
    with pytest.raises(ValueError, match="need an integration"):
        await apply_batch(database, KEYS, [], page, now=NOW, limits=NONE)


async def test_no_limits_bind_nothing_and_a_neighbours_figures_do_not_count(database: Database, superuser: Any) -> None:
    await apply(database, told("c-1"), told("c-2"), customers=2)
    other = await apply_batch(database, make_keys(GLOBEX), [told("c-1")], now=NOW, limits=WriteLimits(1, PLENTY))
    assert set(other.outcomes.values()) == {"applied"}
    assert (await apply_batch(database, KEYS, [told("c-3")], now=NOW)).kept_out == frozenset()
    assert await count(superuser, "customers") == 4


@st.composite
def make_histories(draw: Any) -> list[tuple[str, int, bool]]:
    """Changes of few customers: who, when, and whether it was a deletion. At one moment a customer is in one state."""
    moments = draw(
        st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 9)), min_size=1, max_size=10, unique=True)
    )
    return [(name, moment, draw(st.booleans())) for name, moment in moments]


@given(history=make_histories(), room=st.integers(0, 3), data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_whatever_was_kept_out_ends_in_the_same_rows_once_there_is_room(
    database: Database, superuser: Any, history: list[tuple[str, int, bool]], room: int, data: st.DataObject
) -> None:
    """P3 beside a limit: any order, any repetition, any cut into batches; then there is room and all is told again."""
    account = f"account-{next(NUMBERS)}"  # hypothesis seeds chance: a random one would repeat
    before = await read_counter(database, "customers")
    events = [
        told(name, seconds=moment, is_deleted=True) if gone else told(name, seconds=moment, first_name=f"Ana {moment}")
        for name, moment, gone in history
    ]
    events = [s._replace(observation=_at(s, account), event=s.event._replace(account=account)) for s in events]
    shuffled = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=3))))
    for batch in _cut(shuffled, data.draw(st.lists(st.integers(1, 3), max_size=6))):
        await apply(database, *batch, customers=before + room)
        await check_figures(database, superuser)
        assert await read_counter(database, "customers") <= before + room
    await apply(database, *data.draw(st.permutations(events)))
    await check_figures(database, superuser)
    newest = {name: (moment, gone) for name, moment, gone in sorted(history, key=lambda change: change[1])}
    rows = await superuser.fetch(
        "SELECT external_id, source_updated_at, deleted_at IS NOT NULL FROM customers WHERE account = $1", account
    )
    assert {row[0]: (row[1], row[2]) for row in rows} == {k: (at(m), gone) for k, (m, gone) in newest.items()}
    assert await count(superuser, f"waiting_customers WHERE account = '{account}'") == 0


def _at(settlement: Settlement, account: str) -> Observation:
    assert settlement.observation is not None
    return settlement.observation._replace(account=account)


def _cut(events: Sequence[Settlement], sizes: Sequence[int]) -> list[Sequence[Settlement]]:
    batches, start = [], 0
    for size in [*sizes, len(events)]:
        if batch := events[start : start + size]:
            batches.append(batch)
        start += size
    return batches


async def test_writers_at_once_exceed_a_limit_by_a_batch_each_at_most_and_count_exactly(
    database: Database, superuser: Any
) -> None:
    writers, size, limit = 4, 10, 25
    batches = [[told(f"c-{writer}-{turn}-{n}") for n in range(size)] for writer in range(writers) for turn in range(4)]

    async def write(own: Sequence[list[Settlement]]) -> None:
        for batch in own:
            await apply(database, *batch, customers=limit)

    await asyncio.gather(*(write(batches[4 * writer : 4 * writer + 4]) for writer in range(writers)))
    stored = await count(superuser, "customers")
    assert limit <= stored <= limit + (writers - 1) * size
    assert stored + await count(superuser, "waiting_customers") == len(batches) * size
    await check_figures(database, superuser)


async def test_a_live_batch_at_its_limit_does_not_wait_for_a_bulk_page(database: Database, superuser: Any) -> None:
    await apply(database, told("c-0"), customers=0)
    page = [make_observation(make_customer(f"page-{n}")) for n in range(3)]
    async with database.tenant_tx(ACME, "bulk_page") as connection:
        await insert_waiting(connection, ACME, [Waiting(Key("vtex", "acmestore", "page-x"), 1)])
        await set_gaps(connection, ACME, [GapMark(1, "customers", NOW + timedelta(days=9), "customer_limit")])
        async with asyncio.timeout(2):
            await apply(database, told("c-1"), customers=0)
    await apply_batch(database, KEYS, [], page, writer="bulk", now=NOW, limits=NONE, integration_id=1)
    assert await count(superuser, "waiting_customers") == 6


async def test_a_limits_gap_is_closed_by_its_own_end_and_never_hides_another(
    database: Database, superuser: Any
) -> None:
    async def mark(seconds: float, reason: str) -> None:
        async with database.tenant_tx(ACME, "test") as connection:
            await set_gaps(connection, ACME, [GapMark(1, "customers", at(seconds), reason)])

    async def read() -> tuple[datetime, str] | None:
        row = await superuser.fetchrow("SELECT gap_since, reason FROM gaps")
        return None if row is None else tuple(row)

    async def close() -> list[int]:
        async with database.tenant_tx(ACME, "test") as connection:
            return await close_limit_gaps(connection, ACME)

    await mark(5, "customer_limit")
    await mark(9, "refused_calls")
    assert await read() == (at(5), "refused_calls"), "it must be repaired, from the earlier of the two"
    await mark(1, "storage_limit")
    assert await read() == (at(1), "refused_calls")
    assert await close() == []
    await superuser.execute("DELETE FROM gaps")
    await mark(5, "customer_limit")
    async with database.tenant_tx(ACME, "test") as connection:
        await insert_waiting(connection, ACME, [Waiting(Key("vtex", "acmestore", "c-1"), 1)])
    assert await close() == [], "somebody waits"
    await superuser.execute("DELETE FROM waiting_customers")
    assert await close() == [1]
    assert await read() is None


async def test_without_that_rule_a_limits_gap_would_swallow_another(
    database: Database, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql, rule = db.gaps.SQL["set_gaps"], "h.reason NOT IN ('customer_limit', 'storage_limit', 'repairing')"
    assert rule in sql
    monkeypatch.setitem(db.gaps.SQL, "set_gaps", sql.replace(rule, "true"))
    async with database.tenant_tx(ACME, "test") as connection:
        for seconds, reason in ((5, "customer_limit"), (9, "refused_calls")):
            await set_gaps(connection, ACME, [GapMark(1, "customers", at(seconds), reason)])
        await close_limit_gaps(connection, ACME)
    assert await count(superuser, "gaps") == 0, "nobody would repair what was refused"


async def test_without_striking_off_the_stored_would_wait_for_ever(
    database: Database, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def remove_nobody(*_: Any) -> int:
        return 0

    await apply(database, told("c-1"), customers=0)
    monkeypatch.setattr(customer_room, "remove_waiting", remove_nobody)
    await apply(database, told("c-1"), customers=1)
    with pytest.raises(AssertionError):
        await check_figures(database, superuser)


async def test_those_who_wait_are_asked_for_in_turn_and_not_again_at_once(database: Database, superuser: Any) -> None:
    for number in range(3):
        await apply(database, told(f"c-{number}"), customers=0)
    await apply(database, inline("c-9"), customers=0)
    soon = datetime.now(UTC) - timedelta(minutes=1)
    async with database.tenant_tx(ACME, "test") as connection:
        first = await ask_waiting(connection, ACME, soon, 2)
        second = await ask_waiting(connection, ACME, soon, 9)
        assert sorted(w.key.external_id for w in first) == ["c-0", "c-1"]
        assert [w.key.external_id for w in second] == ["c-2"], "an inline document has no source to ask"
        assert await ask_waiting(connection, ACME, soon, 9) == []
        assert len(await ask_waiting(connection, ACME, datetime.now(UTC) + timedelta(minutes=1), 9)) == 3
    async with database.tenant_tx(GLOBEX, "test") as connection:
        assert await ask_waiting(connection, ACME, datetime.now(UTC), 9) == []


async def test_one_who_was_being_stored_while_kept_out_is_asked_for_without_any_room(
    database: Database, superuser: Any
) -> None:
    """A page is storing a customer whom a live batch does not see yet and keeps out, with a newer state."""
    key = Key("vtex", "acmestore", "c-1")
    older = make_observation(make_customer("c-1"))
    async with database.tenant_tx(ACME, "page") as page:
        known = {key: observe(older.record, make_version(KEYS, older))}
        stored = await upsert(page, Sealer(KEYS, "AR"), CUSTOMERS, known)
        await add_to_counters(page, ACME, "bulk", stored.counters)
        newer = told("c-1", seconds=9, first_name="Eva")
        assert (await apply(database, newer, customers=0)).outcomes == {newer.event.event_id: "ignored"}
    async with database.tenant_tx(ACME, "test") as connection:
        assert await ask_overtaken(connection, ACME, datetime.now(UTC), 9) == [Waiting(key, 1)]
        assert await ask_overtaken(connection, ACME, datetime.now(UTC) - timedelta(minutes=1), 9) == []
    await apply(database, told("c-1", seconds=9, first_name="Eva"), customers=0)
    assert await superuser.fetchval("SELECT source_updated_at FROM customers") == at(9)
    await check_figures(database, superuser)


async def test_one_who_is_over_its_limit_from_the_start_stores_nothing_new_and_loses_nothing(
    database: Database, superuser: Any
) -> None:
    await apply(database, *(told(f"c-{n}") for n in range(5)))
    changed = await apply(database, *(told(f"c-{n}", seconds=5, first_name="Eva") for n in range(7)), customers=3)
    assert (changed.changed, len(changed.kept_out)) == (5, 2)
    assert await count(superuser, "customers") == 5
    await apply(database, told("c-0", seconds=9, is_deleted=True), customers=3)
    assert len((await apply(database, told("c-9"), customers=3)).kept_out) == 1, "still over it"
    await check_figures(database, superuser)


async def test_activity_is_noted_by_writer_to_the_second_and_not_for_what_is_dead(
    database: Database, superuser: Any
) -> None:
    await apply(database, told("c-1"))
    first = await superuser.fetch("SELECT integration_id, writer, last_synced_at, xmin::text FROM integration_activity")
    assert [row[:2] for row in first] == [(1, "live")]
    await apply(database, told("c-2"))
    assert first == await superuser.fetch(
        "SELECT integration_id, writer, last_synced_at, xmin::text FROM integration_activity"
    )
    await superuser.execute("UPDATE integration_activity SET last_synced_at = last_synced_at - interval '2 seconds'")
    other = make_settlement(None, outcome="dead", reason="not_found", sealed_body=b"x")
    await apply(database, told("c-3"), other._replace(event=other.event._replace(integration_id=5)))
    # Nor for a page: the run that reads it may fail yet.
    await apply_batch(database, KEYS, [], [make_observation(make_order())], writer="bulk", now=NOW, integration_id=2)
    async with database.tenant_tx(ACME, "test") as connection:
        found = await list_activity(connection, ACME)
    assert sorted(found) == [1]
    assert found[1] > first[0]["last_synced_at"]
    async with database.tenant_tx(GLOBEX, "test") as connection:
        assert await list_activity(connection, ACME) == {}

"""What batches add to their minutes: once per event, fresh only where there was news; and what is rolled up from it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.settings import Settings
from app.services.apply import Applied, Settlement, apply_batch
from app.services.event_ids import make_own_event_id
from app.services.series_keeping import keep_series
from app.services.throughput import make_series
from db.dead_letters import begin_replay
from db.pool import Database
from schemas.ids import make_uuid7
from tests.integration.db.cast import (
    ACME,
    GLOBEX,
    make_customer,
    make_keys,
    make_observation,
    make_order,
    make_settlement,
)

KEYS = make_keys()
NOW = datetime(2026, 11, 24, 12, 30, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def change(
    external_id: str, age_s: float, *, accepted_s: float = 0.5, now: datetime = NOW, **fields: Any
) -> Settlement:
    """An order that changed `age_s` ago, and of which a call was accepted `accepted_s` ago."""
    stamp = now - timedelta(seconds=age_s)
    event_id = fields.pop("event_id", None) or make_uuid7(int((now.timestamp() - accepted_s) * 1000))
    order = make_order(external_id, source_updated_at=stamp, **fields)
    return make_settlement(make_observation(order), event_id=event_id, stamp=stamp)


async def apply(database: Database, *settlements: Settlement, now: datetime = NOW, keys: Any = KEYS) -> Applied:
    return await apply_batch(database, keys, settlements, now=now)


async def read(superuser: Any, tenant_id: int = ACME, table: str = "event_minutes") -> list[dict[str, Any]]:
    rows = await superuser.fetch(f"SELECT * FROM {table} WHERE tenant_id = {tenant_id} ORDER BY 2, 3, 4")
    return [dict(row) for row in rows]


async def read_one(superuser: Any) -> dict[str, Any]:
    [row] = await read(superuser)
    return row


async def test_an_event_counts_in_the_minute_and_stream_of_its_commit(database: Database, superuser: Any) -> None:
    customer = make_settlement(make_observation(make_customer("c-1", source_updated_at=NOW - MINUTE)))
    applied = await apply(database, change("o-1", 3), change("o-2", 90), customer)
    customers, orders = await read(superuser)
    assert orders["minute"] == customers["minute"] == NOW.replace(second=0)
    assert (orders["stream"], orders["writer"], orders["applied"]) == ("orders", "live", 2)
    assert (orders["counted"], orders["late"], sum(orders["freshness"]), sum(orders["latency"])) == (2, 1, 2, 2)
    assert (customers["applied"], customers["counted"], customers["late"]) == (1, 1, 0)
    assert sorted(fresh.freshness_ms for fresh in applied.fresh) == [3_000, 60_000, 90_000]
    assert await read(superuser, GLOBEX) == []


async def test_the_same_events_again_add_nothing(database: Database, superuser: Any) -> None:
    batch = [change("o-1", 3), change("o-2", 90)]
    await apply(database, *batch)
    before = await read(superuser)
    again = await apply(database, *batch)
    assert (len(again.outcomes), list(again.fresh)) == (2, [])
    assert await read(superuser) == before


async def test_buckets_add_up_over_batches_of_different_lengths(database: Database, superuser: Any) -> None:
    await apply(database, change("o-1", 0.01))
    await apply(database, change("o-2", 3_000), change("o-3", 0.01))
    row = await read_one(superuser)
    assert (row["freshness"][find(0.01)], row["freshness"][find(3_000)]) == (2, 1)
    assert (sum(row["freshness"]), sum(row["latency"]), row["late"]) == (3, 3, 1)


def find(seconds: float) -> int:
    from app.core.histogram import find_bucket

    return find_bucket(seconds * 1000)


async def test_whoever_repeats_what_is_held_delays_nobody(database: Database, superuser: Any) -> None:
    await apply(database, change("o-1", 3))
    # VTEX tells it again two hours later, under an id of its own; and something older that came late.
    later = NOW + timedelta(hours=2)
    await apply(database, change("o-1", 7_203, now=later), change("o-1", 9_000, now=later), now=later)
    first, second = await read(superuser)
    assert (first["counted"], first["late"]) == (1, 0)
    assert (second["duplicate"], second["superseded"], second["counted"], second["late"]) == (1, 1, 0, 0)
    assert (sum(second["latency"]), second["freshness"]) == (2, [])


async def test_each_change_counts_of_those_that_one_document_brought(database: Database, superuser: Any) -> None:
    settlement = change("o-1", 5)
    earlier = settlement.event._replace(event_id=make_uuid7(), stamp=NOW - timedelta(seconds=70))
    await apply(database, settlement, settlement._replace(event=earlier))
    row = await read_one(superuser)
    assert (row["applied"], row["superseded"], row["counted"], row["late"]) == (1, 1, 2, 1)


async def test_what_we_put_into_the_queue_ourselves_is_no_live_call(database: Database, superuser: Any) -> None:
    await apply(database, change("o-1", 4_000, event_id=make_own_event_id(KEYS)), change("o-2", 1))
    row = await read_one(superuser)
    assert (row["applied"], row["counted"], row["late"]) == (2, 1, 0)


async def test_a_dead_letter_is_late_once_and_its_replay_no_live_call(database: Database, superuser: Any) -> None:
    dead = make_settlement(None, outcome="dead", reason="not_found", sealed_body=b"x")
    limited = make_settlement(None, outcome="dead", reason="customer_limit", sealed_body=b"x")
    await apply(database, dead, limited)
    row = await read_one(superuser)
    assert (row["dead"], row["counted"], row["late"]) == (2, 1, 1)
    replay_id = make_uuid7(int(NOW.timestamp() * 1000))
    async with database.tenant_tx(ACME, "test") as connection:
        assert await begin_replay(connection, ACME, dead.event.event_id, replay_id)
    stamp = NOW - timedelta(hours=3)
    customer = make_observation(make_customer("c-1", source_updated_at=stamp))
    await apply(database, make_settlement(customer, event_id=replay_id, stamp=stamp))
    row = await read_one(superuser)
    assert (row["applied"], row["counted"], row["late"]) == (1, 1, 1)


async def test_rows_of_a_sync_are_counted_apart_and_toward_no_objective(database: Database, superuser: Any) -> None:
    observations = [make_observation(make_order(f"o-{n}", source_updated_at=NOW - 900 * MINUTE)) for n in range(3)]
    for _ in range(2):
        await apply_batch(database, KEYS, [], observations, writer="bulk", now=NOW, integration_id=1)
    row = await read_one(superuser)
    assert (row["writer"], row["synced"], row["applied"], row["counted"], row["latency"]) == ("bulk", 3, 0, 0, [])


async def test_a_test_call_and_a_change_that_did_not_happen_yet(database: Database, superuser: Any) -> None:
    probe = make_settlement(None, outcome="ignored", reason="probe")
    ahead = await apply(database, probe, change("o-1", -30))
    assert [fresh.freshness_ms for fresh in ahead.fresh] == [0], "the provider's clock is ahead of ours"
    row = await read_one(superuser)
    assert (row["ignored"], row["applied"], row["stream"]) == (0, 1, "orders")


async def test_hours_hold_what_their_minutes_do_however_often_they_are_rolled_up(
    database: Database, superuser: Any
) -> None:
    other = make_keys(GLOBEX)
    for number in range(6):
        at = NOW - number * 25 * MINUTE
        await apply(database, change(f"o-{number}", 1 + 40 * number, now=at), now=at)
        await apply(database, change(f"o-{number}", 1, now=at), now=at, keys=other)
    await superuser.execute(
        "INSERT INTO tenants (tenant_id, name, slug, type, plan) VALUES (56, 'a', 'a', 'business', 'p'),"
        " (57, 'b', 'b', 'enterprise', 'p')"
    )
    settings = Settings()
    for _ in range(2):
        await keep_series(database, settings, NOW)
    expected = await superuser.fetch(
        "SELECT tenant_id, date_trunc('hour', minute, 'UTC') AS hour, sum(applied) AS applied, sum(late) AS late"
        " FROM event_minutes GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert [tuple(row) for row in expected] == [
        (row["tenant_id"], row["hour"], row["applied"], row["late"])
        for row in await read(superuser, table="event_hours") + await read(superuser, GLOBEX, "event_hours")
    ]
    assert sum(sum(row["freshness"]) for row in await read(superuser, table="event_hours")) == 6
    states = {row["tenant_id"]: row for row in await superuser.fetch("SELECT * FROM objective_states")}
    assert (states[ACME]["month_counted"], states[ACME]["month_late"], states[ACME]["d3_counted"]) == (6, 4, 6)
    assert (states[GLOBEX]["h6_counted"], states[GLOBEX]["h6_late"]) == (6, 0)


async def test_what_is_past_its_time_goes_and_hours_do_not_shrink_with_it(database: Database, superuser: Any) -> None:
    await superuser.execute(
        "INSERT INTO tenants (tenant_id, name, slug, type, plan) VALUES (56, 'a', 'a', 'business', 'p')"
    )
    for hour in range(3):
        at = NOW + timedelta(hours=hour)
        await apply(database, change(f"o-{hour}", 1, now=at), now=at)
    await keep_series(database, Settings(), NOW + timedelta(hours=3))
    before = await read(superuser, table="event_hours")
    assert len(before) == 3
    # Two days on nobody has looked meanwhile: the first hours' minutes are past their time.
    await superuser.execute("DELETE FROM queue_ticks")
    later = NOW + timedelta(days=2, minutes=20)
    await keep_series(database, Settings(), later)
    assert await read(superuser, table="event_hours") == before
    assert [row["minute"] for row in await read(superuser)] == [
        (NOW + timedelta(hours=hour)).replace(second=0) for hour in (1, 2)
    ]
    await keep_series(database, Settings(), NOW + timedelta(days=35, hours=1, minutes=10))
    assert len(await read(superuser, table="event_hours")) == 1
    assert await read(superuser) == []


@pytest.mark.parametrize(("period", "step_s", "points"), [("1h", 60, 60), ("24h", 600, 144), ("7d", 3_600, 168)])
async def test_a_period_is_told_by_its_steps_the_empty_ones_too(
    database: Database, superuser: Any, period: Any, step_s: int, points: int
) -> None:
    await superuser.execute(
        "INSERT INTO tenants (tenant_id, name, slug, type, plan) VALUES (56, 'a', 'a', 'business', 'p')"
    )
    ages = [0, 5, 50] if period == "1h" else [0, 30, 300]
    for number, age in enumerate(ages):
        at = NOW - age * MINUTE
        await apply(database, change(f"o-{number}", 2, now=at), now=at)
    await apply(database, change("o-old", 2, now=NOW - timedelta(days=9)), now=NOW - timedelta(days=9))
    await keep_series(database, Settings(), NOW)
    found = await make_series(database, ACME, period, NOW)
    assert (found.step_s, len(found.points)) == (step_s, points)
    assert found.points[-1].at <= NOW < found.points[-1].at + timedelta(seconds=step_s)
    told = {point.at: point.totals.applied for point in found.points if point.totals.events}
    assert told == Counter(floor(NOW - age * MINUTE, step_s) for age in ages)
    assert (found.totals.events, found.totals.counted, list(found.streams)) == (3, 3, ["orders"])
    assert found.totals.freshness_p99_ms == pytest.approx(2_000, rel=0.25)
    assert (await make_series(database, ACME, period, NOW, "customers")).totals.events == 0
    assert (await make_series(database, GLOBEX, period, NOW)).totals.events == 0


def floor(moment: datetime, step_s: int) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // step_s * step_s, UTC)

"""What one batch does to rows, dependent rows and counters."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from app.services.apply import apply_batch
from app.services.merge import AnyRecord
from app.services.sealed_rows import to_utc
from db.counters import Writer, list_counters
from db.customers import find_customers_by_identity
from db.failures import classify
from db.identities import Identity
from db.pool import Database
from schemas.records import Buyer, OrderItem, OrderRecord, Payment
from tests.integration.db.cast import (
    ACME,
    GLOBEX,
    NOW,
    T0,
    at,
    make_customer,
    make_keys,
    make_observation,
    make_order,
    make_settlement,
    open_all,
)

ORDER = make_order(
    status="invoiced",
    status_class="invoiced",
    total_minor=2**40,
    items=(OrderItem(sku="A", quantity=2, total_minor=100), OrderItem(sku="B", quantity=1, total_minor=2**40 - 100)),
    payments=(Payment(method="visa", value_minor=2**40, installments=3),),
    sellers=("1", "acme"),
    buyer=Buyer(email="ana@example.org", document_type="dni", document="30123456", phone="+54 11 4123-4567"),
    cancel_reason="se arrepintió",
)


async def test_an_order_comes_back_as_it_was_told(database: Database, superuser: Any) -> None:
    keys = make_keys()
    applied = await apply_batch(database, keys, [], [make_observation(ORDER)], now=NOW)
    [found] = await open_all(database, superuser, keys, ["o-1"])
    assert applied.changed == 1
    assert found.known.record == ORDER
    assert [kind for kind, _ in found.identities] == ["document", "email", "phone"]


async def test_personal_fields_stand_nowhere_in_the_clear(database: Database, superuser: Any) -> None:
    keys = make_keys()
    await apply_batch(database, keys, [], [make_observation(ORDER)], now=NOW)
    everything = str(await superuser.fetch("SELECT o.*, i.* FROM orders o, order_identities i"))
    for canary in ("ana@", "30123456", "4123", "arrepint"):
        assert canary not in everything


async def test_a_shorter_newer_order_loses_its_lines_and_identities(database: Database, superuser: Any) -> None:
    keys = make_keys()
    shorter = ORDER.model_copy(
        update={"items": ORDER.items[1:], "buyer": Buyer(email="eva@example.org"), "source_updated_at": at(1)}
    )
    await apply_batch(database, keys, [], [make_observation(ORDER)], now=NOW)
    await apply_batch(database, keys, [], [make_observation(shorter)], now=NOW)
    [found] = await open_all(database, superuser, keys, ["o-1"])
    assert found.known.record == shorter
    assert found.identities == [("email", keys.blind_index("email", "eva@example.org"))]


async def test_a_deletion_leaves_a_tombstone_that_older_pages_cannot_raise(database: Database, superuser: Any) -> None:
    keys = make_keys()
    gone = OrderRecord(external_id="o-1", source_updated_at=at(9), is_deleted=True)
    await apply_batch(database, keys, [], [make_observation(ORDER)], now=NOW)
    await apply_batch(database, keys, [], [make_observation(gone)], now=NOW)
    late = await apply_batch(database, keys, [], [make_observation(ORDER, seconds=60)], now=NOW)
    assert late.changed == 0
    [found] = await open_all(database, superuser, keys, ["o-1"])
    assert found.known.record.is_deleted
    assert found.identities == []
    assert await superuser.fetchval("SELECT count(*) FROM order_items") == 0
    assert await superuser.fetchval("SELECT sealed IS NULL AND deleted_at = $1 FROM orders", at(9))


async def test_the_same_content_seen_later_moves_the_observation_and_seals_nothing(
    database: Database, superuser: Any
) -> None:
    keys = make_keys()
    customer = make_customer(email="ana@example.org")
    await apply_batch(database, keys, [], [make_observation(customer)], now=NOW)
    before = await superuser.fetchrow("SELECT sealed, identities, updated_at FROM customers")
    again = make_settlement(make_observation(customer, seconds=5))
    applied = await apply_batch(database, keys, [again], now=NOW)
    assert applied.changed == 0
    assert applied.outcomes == {again.event.event_id: "duplicate"}
    assert await superuser.fetchrow("SELECT sealed, identities, updated_at FROM customers") == before
    assert await superuser.fetchval("SELECT observed_at FROM customers") == at(5)


async def test_a_partial_document_keeps_what_it_does_not_tell(database: Database, superuser: Any) -> None:
    keys = make_keys()
    full = make_customer(last_name="Paz", locale="es-AR", email="ana@example.org")
    partial = make_customer(first_name="Anahí", source_updated_at=at(5), missing=("email", "locale", "last_name"))
    fuller = make_customer(last_name="Paz Soldán", locale="es-UY", source_updated_at=at(3))
    await apply_batch(database, keys, [], [make_observation(full)], now=NOW)
    await apply_batch(database, keys, [], [make_observation(partial)], now=NOW)
    [found] = await open_all(database, superuser, keys, ["c-1"])
    expected = full.model_copy(update={"first_name": "Anahí", "source_updated_at": at(5)})
    assert found.known.record == expected
    # Older than the partial one, newer than the fields it left out: those change, and only those.
    await apply_batch(database, keys, [], [make_observation(fuller)], now=NOW)
    [found] = await open_all(database, superuser, keys, ["c-1"])
    update = {"last_name": "Paz Soldán", "locale": "es-UY", "email": None}
    assert found.known.record == expected.model_copy(update=update)
    assert found.identities == []


async def test_a_batch_reduces_many_observations_of_one_object_to_the_newest(
    database: Database, superuser: Any
) -> None:
    keys = make_keys()
    observations = [make_observation(make_customer(source_updated_at=at(i), first_name=f"Ana {i}")) for i in (3, 9, 1)]
    applied = await apply_batch(database, keys, [], observations, now=NOW)
    [found] = await open_all(database, superuser, keys, ["c-1"])
    assert applied.changed == 1
    assert found.known.record == observations[1].record


async def test_neither_tenant_sees_the_others_rows(database: Database, superuser: Any) -> None:
    acme, globex = make_keys(ACME), make_keys(GLOBEX)
    for keys, name in ((acme, "Ana"), (globex, "Hank")):
        record = make_customer(first_name=name, email=f"{name.lower()}@example.org")
        await apply_batch(database, keys, [], [make_observation(record)], now=NOW)
    for keys, name in ((acme, "Ana"), (globex, "Hank")):
        [found] = await open_all(database, superuser, keys, ["c-1"])
        assert found.known.record == make_customer(first_name=name, email=f"{name.lower()}@example.org")
    async with database.tenant_tx(GLOBEX, "test") as connection:
        own = Identity("email", 1, globex.blind_index("email", "hank@example.org"))
        others = Identity("email", 1, acme.blind_index("email", "ana@example.org"))
        assert len(await find_customers_by_identity(connection, GLOBEX, own)) == 1
        assert await find_customers_by_identity(connection, GLOBEX, others) == []
        assert await find_customers_by_identity(connection, ACME, others) == []


async def test_counters_say_what_the_tables_hold(database: Database, superuser: Any) -> None:
    keys = make_keys()
    steps: list[list[AnyRecord]] = [
        [make_customer("c-1"), make_customer("c-2", email="ana@example.org"), ORDER],
        [make_customer("c-1", source_updated_at=at(5), is_deleted=True), make_customer("c-3")],
        [make_customer("c-2", source_updated_at=at(5), last_name="Paz" * 20, missing=("email",))],
        [make_customer("c-1", source_updated_at=at(9)), make_customer("c-3", source_updated_at=at(9), is_deleted=True)],
        [make_customer("c-1"), make_customer("c-2", source_updated_at=at(6), is_deleted=True), ORDER],
    ]
    for number, records in enumerate(steps):
        writer: Writer = "bulk" if number % 2 else "live"
        observations = [make_observation(record, seconds=number) for record in records]
        await apply_batch(database, keys, [], observations, writer=writer, now=NOW)
        counted = await superuser.fetchrow(
            "SELECT (SELECT count(*) FROM customers WHERE deleted_at IS NULL) AS customers,"
            " (SELECT count(*) FROM customers WHERE deleted_at IS NOT NULL) AS customers_deleted,"
            " (SELECT count(*) FROM orders) AS orders, 256 * (SELECT count(*) FROM customers)"
            " + 256 * (SELECT count(*) FROM orders) + coalesce((SELECT sum(octet_length(sealed)) FROM customers), 0)"
            " + coalesce((SELECT sum(octet_length(sealed)) FROM orders), 0) AS stored_bytes"
        )
        async with database.tenant_tx(ACME, "test") as connection:
            counters = await list_counters(connection, ACME)
        assert {"customers_deleted": 0} | counters == dict(counted)


@pytest.mark.parametrize("value", [2**63, "\x00"], ids=["over 64 bits", "a zero byte"])
async def test_what_postgres_cannot_hold_is_the_contents_fault_and_leaves_nothing(
    database: Database, superuser: Any, value: Any
) -> None:
    bad = make_order("o-2", **({"total_minor": value} if isinstance(value, int) else {"status": value}))
    with pytest.raises(Exception) as refused:  # noqa: PT011 - asyncpg's and Postgres' errors have no common base
        await apply_batch(database, make_keys(), [], [make_observation(ORDER), make_observation(bad)], now=NOW)
    assert classify(refused.value) == "content"
    assert await superuser.fetchval("SELECT count(*) FROM orders") == 0


async def test_year_one_is_a_moment_wherever_it_was_written(database: Database, superuser: Any) -> None:
    """asyncpg takes the very first moment for minus infinity and reads that back without a zone."""
    keys = make_keys()
    west, east = (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=hours))) for hours in (0, 3))
    for number, stamp in enumerate((west, east)):
        record = make_customer(source_updated_at=stamp, source_created_at=stamp, first_name=f"Ana {number}")
        await apply_batch(database, keys, [], [make_observation(record, seconds=number)], now=NOW)
    [found] = await open_all(database, superuser, keys, ["c-1"])
    assert found.known.version.source_updated_at == to_utc(west) == to_utc(east)
    assert found.known.record.source_created_at == to_utc(east)
    assert to_utc(T0) == T0

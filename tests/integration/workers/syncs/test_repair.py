"""A repair: what the hook never told of is found by comparing, mended, and listed by id."""

from datetime import UTC, datetime, timedelta

import pytest

from app.services.sync_repairs import repair_gaps, verify_streams
from db.completeness import list_days, list_findings
from db.gaps import GapMark, list_gaps, set_gaps
from db.held_states import StreamPlace
from db.listing_marks import ListingMark, set_marks
from db.sync_streams import list_sync_streams
from schemas.records import RecordStream
from tests.integration.workers.syncs.conftest import SyncWorks
from tests.integration.workers.syncs.test_full import find_differences
from tests.integration.workers.works import ACME, VTEX, until
from workers.sync_jobs import forget_runs


async def read_findings(syncs: SyncWorks, run_id: str) -> dict[str, tuple[str, str | None]]:
    """External id → finding and outcome."""
    async with syncs.works.database.tenant_tx(ACME, "test") as connection:
        rows = await list_findings(connection, ACME, run_id)
    return {row.external_id: (row.finding, row.outcome) for row in rows}


async def repair(syncs: SyncWorks, **settings: object) -> str:
    async with syncs.syncer(**settings):
        run_id = await syncs.start("repair")
        run, streams = await syncs.wait(run_id)
    assert run.status == "succeeded", (run, streams)
    return run_id


async def test_what_was_hidden_from_the_hook_is_found_and_mended_by_the_next_repair_and_listed_by_id(
    syncs: SyncWorks,
) -> None:
    await syncs.stock(customers=80, orders=120)
    await syncs.sync("full")
    orders = sorted(await syncs.list_truth("order"))[:30]
    customers = sorted(await syncs.list_truth("customer"))
    for order_id in orders:
        await syncs.works.change("order", object_id=order_id, patch={"value": 4_242})
    for customer_id in customers[:20]:
        await syncs.works.change("customer", object_id=customer_id)
    for customer_id in customers[20:30]:
        await syncs.works.change("customer", object_id=customer_id, action="delete")
    new_order = (await syncs.works.change_order()).order_id
    expected = (
        dict.fromkeys([*orders, *customers[:20]], ("stale", "repaired"))
        | dict.fromkeys(customers[20:30], ("unlisted", "deleted"))
        | {new_order: ("missing", "repaired")}
    )

    run_id = await repair(syncs)

    assert await read_findings(syncs, run_id) == expected
    for kind in ("order", "customer"):
        assert not find_differences(await syncs.list_truth(kind), await syncs.list_held(kind))
    _, streams = await syncs.look(run_id)
    assert streams["customers"].deleted == 10
    async with syncs.works.database.tenant_tx(ACME, "test") as connection:
        days = await list_days(
            connection,
            ACME,
            VTEX,
            datetime.now(UTC).date() - timedelta(days=800),
            datetime.now(UTC).date(),
            limit=5_000,
        )
    assert sum(day.stale for day in days) == 50
    assert sum(day.unlisted for day in days) == 10
    assert sum(day.missing for day in days) == 1
    assert sum(day.listed for day in days if day.stream == "orders") == 121

    assert await read_findings(syncs, await repair(syncs)) == {}, "and then nothing is different any more"


async def test_a_store_that_answers_404_for_everybody_deletes_nobody(syncs: SyncWorks) -> None:
    """A provider's bad day: the lists are empty and no profile is there."""
    await syncs.stock(customers=260, orders=0)
    await syncs.sync("full", streams=("customers",))
    for customer_id in await syncs.list_truth("customer"):
        await syncs.works.change("customer", object_id=customer_id, action="delete")
    async with syncs.syncer(sync_repair_objects=50):
        run_id = await syncs.start("repair", streams=("customers",))
        run, streams = await syncs.wait(run_id)
    assert (run.status, streams["customers"].error_code) == ("partial", "too_many_deletions")
    assert 100 < streams["customers"].fetched <= 150, "and no more are asked for than settle it"
    assert not any(row["deleted"] for row in (await syncs.list_held("customer")).values())
    findings = await read_findings(syncs, run_id)
    assert set(findings.values()) == {("unlisted", "left_alone")}


async def test_whoever_is_only_missing_from_the_list_is_left_alone(syncs: SyncWorks) -> None:
    await syncs.stock(customers=10, orders=0)
    await syncs.sync("full", streams=("customers",))
    [*_, hidden] = sorted(await syncs.list_truth("customer"))
    # What we hold says another time of creation, so that no window lists it, and yet it is there when asked for.
    await syncs.works.superuser.execute(
        "UPDATE customers SET source_created_at = source_created_at - interval '40 days' WHERE tenant_id = $1"
        " AND external_id = $2", ACME, hidden,
    )  # fmt: skip
    async with syncs.syncer():
        run_id = await syncs.start("repair", streams=("customers",))
        await syncs.wait(run_id)
    assert (await read_findings(syncs, run_id))[hidden] == ("unlisted", "left_alone")
    assert not (await syncs.list_held("customer"))[hidden]["deleted"]


async def test_a_gap_starts_its_repair_by_itself_and_is_closed_by_it(syncs: SyncWorks) -> None:
    await syncs.stock(customers=3, orders=10)
    await syncs.sync("full")
    lost = (await syncs.works.change_order()).order_id
    async with syncs.works.office.tenant_tx(ACME, "test") as connection:
        await set_gaps(connection, ACME, [GapMark(VTEX, "orders", datetime.now(UTC), "refused_calls")])
    async with syncs.syncer() as context:
        assert await repair_gaps(context.database, context.settings) == 1
        assert await repair_gaps(context.database, context.settings) == 0, "it goes on already"

        async def is_closed() -> bool:
            async with context.database.tenant_tx(ACME, "test") as connection:
                return await list_gaps(connection, ACME) == []

        await until(is_closed, 20)
    assert await syncs.works.find_order(lost) is not None


async def test_a_gap_that_is_marked_while_it_is_repaired_stays_open_from_then_on(syncs: SyncWorks) -> None:
    await syncs.stock(customers=0, orders=10)
    await syncs.sync("full")
    since = datetime.now(UTC)
    async with syncs.works.office.tenant_tx(ACME, "test") as connection:
        await set_gaps(connection, ACME, [GapMark(VTEX, "orders", since, "refused_calls")])
    await syncs.works.break_calls("slow", route="list_orders", delay_ms=400)
    async with syncs.syncer() as context:
        run_id = await syncs.start("repair", streams=("orders",))

        async def is_repairing() -> bool:
            async with context.database.tenant_tx(ACME, "test") as connection:
                return [gap.reason for gap in await list_gaps(connection, ACME)] == ["repairing"]

        await until(is_repairing)
        async with syncs.works.office.tenant_tx(ACME, "test") as connection:
            await set_gaps(connection, ACME, [GapMark(VTEX, "orders", datetime.now(UTC), "refused_calls")])
        await syncs.works.mend_calls()
        run, _ = await syncs.wait(run_id)
    assert run.started_at is not None
    async with syncs.works.database.tenant_tx(ACME, "test") as connection:
        [gap] = await list_gaps(connection, ACME)
    assert gap.reason == "refused_calls"
    assert since < gap.gap_since, "what came before was looked at"


async def list_gaps_after_repair(
    syncs: SyncWorks, stream: RecordStream, gap_days: float, since_days: float | None, **settings: object
) -> list[str]:
    """The reasons of the gaps that are left when a gap of so many days ago stood and a repair from then on was made."""
    now = datetime.now(UTC)
    async with syncs.works.office.tenant_tx(ACME, "test") as connection:
        mark = GapMark(VTEX, stream, now - timedelta(days=gap_days), "refused_calls")
        await set_gaps(connection, ACME, [mark])
    since = None if since_days is None else now - timedelta(days=since_days)
    async with syncs.syncer(**settings):
        run, _ = await syncs.wait(await syncs.start("repair", streams=(stream,), since=since))
    assert run.status == "succeeded"
    async with syncs.works.office.tenant_tx(ACME, "test") as connection:
        return [gap.reason for gap in await list_gaps(connection, ACME)]


async def test_a_gap_from_before_all_that_can_be_compared_is_closed_by_comparing_that(syncs: SyncWorks) -> None:
    """Or it would be repaired again for ever."""
    assert await list_gaps_after_repair(syncs, "orders", 90, 135, sync_history_days=60) == []
    assert await list_gaps_after_repair(syncs, "customers", 90, None, sync_history_days=60) == []
    assert await list_gaps_after_repair(syncs, "customers", 9_000, None) == [], "nor what is no longer kept"


@pytest.mark.parametrize(("stream", "since_days"), [("orders", 5), ("customers", 5)])
async def test_a_repair_of_some_days_closes_no_gap_in_which_older_ones_may_have_changed(
    syncs: SyncWorks, stream: RecordStream, since_days: float
) -> None:
    left = await list_gaps_after_repair(syncs, stream, 3, since_days)
    assert len(left) == 1
    assert await list_gaps_after_repair(syncs, stream, 3, None) == []


async def test_a_repair_of_some_days_is_no_comparison_of_the_stream(syncs: SyncWorks) -> None:
    await syncs.sync("repair", since=datetime.now(UTC) - timedelta(days=1))
    async with syncs.works.database.tenant_tx(ACME, "test") as connection:
        assert [one.verified_at for one in await list_sync_streams(connection, ACME)] == [None, None]
    await syncs.sync("repair")
    async with syncs.works.database.tenant_tx(ACME, "test") as connection:
        assert all(one.verified_at for one in await list_sync_streams(connection, ACME))


@pytest.mark.parametrize("reason", ["customer_limit", "storage_limit"])
async def test_a_limits_gap_is_none_of_a_repairs(syncs: SyncWorks, reason: str) -> None:
    async with syncs.works.office.tenant_tx(ACME, "test") as connection:
        await set_gaps(connection, ACME, [GapMark(VTEX, "customers", datetime.now(UTC), reason)])
    async with syncs.syncer() as context:
        assert await repair_gaps(context.database, context.settings) == 0


async def test_every_stream_is_compared_once_its_time_has_come(syncs: SyncWorks) -> None:
    await syncs.stock(customers=2, orders=2)
    await syncs.sync("full")
    async with syncs.syncer() as context:
        assert await verify_streams(context.database, context.settings) == 0
        soon = context.settings.model_copy(update={"sync_verify_every_h": 1e-9})
        assert await verify_streams(context.database, soon) == 2
        assert await verify_streams(context.database, soon) == 0


async def test_what_ended_long_ago_is_forgotten_with_what_it_found(syncs: SyncWorks) -> None:
    superuser = syncs.works.superuser
    await syncs.stock(customers=0, orders=2)
    await repair(syncs)
    kept = await repair(syncs)
    assert await superuser.fetchval("SELECT count(*) FROM completeness_findings") >= 2
    await superuser.execute("UPDATE sync_runs SET ended_at = now() - interval '91 days' WHERE run_id <> $1", kept)
    async with syncs.idle_syncer() as context:
        await forget_runs({"sync": context})
    assert await superuser.fetchval("SELECT count(*) FROM completeness_findings") == 0
    for table in ("sync_runs", "sync_run_streams"):
        rows = await superuser.fetch(f"SELECT DISTINCT run_id FROM {table}")
        assert [str(row[0]) for row in rows] == [kept]


async def test_marks_that_no_longer_count_are_forgotten_by_the_next_run(syncs: SyncWorks) -> None:
    superuser = syncs.works.superuser
    async with syncs.idle_syncer() as context, context.database.tenant_tx(ACME, "test") as connection:
        for stream in ("orders", "customers"):
            place = StreamPlace(ACME, stream, "vtex", syncs.works.accounts[ACME])
            await set_marks(connection, place, [ListingMark(name, "f", "dead") for name in ("o-1", "o-2")])
    await superuser.execute("UPDATE listing_marks SET marked_at = now() - interval '31 days' WHERE external_id = 'o-1'")
    await syncs.sync("full", streams=("orders",))
    rows = await superuser.fetch("SELECT stream, external_id FROM listing_marks ORDER BY stream, external_id")
    assert [tuple(row) for row in rows] == [("customers", "o-1"), ("customers", "o-2"), ("orders", "o-2")]

"""What touched a record: its events, what of it still waits, the repairs that named it, whence its version is."""

from datetime import UTC, datetime
from uuid import UUID

from app.services.ids import write_record_id
from app.services.office import Office
from app.services.record_history import read_history
from app.services.records import Reader, get_order
from db.versions import Key
from schemas.ids import make_uuid7
from schemas.record_history import RecordHistory
from tests.integration.workers.test_event_lives import CLI, find_brand, office
from tests.integration.workers.works import ACME, GLOBEX, Order, Works

__all__ = ["office"]


async def look(works: Works, office: Office, order: Order) -> RecordHistory:
    key = Key("vtex", works.accounts[ACME], order.order_id)
    brand = await find_brand(office, ACME)
    shown = await get_order(office, brand, write_record_id(key), Reader(CLI, may_reveal=False), reveal=False)
    return await read_history(office, ACME, "orders", shown, limit=50, cursor="")


async def test_an_orders_history_is_its_events_and_whichever_of_them_wrote_it(works: Works, office: Office) -> None:
    order, other = await works.change_order(), await works.change_order()
    [first] = await works.append(works.hint(order))
    async with works.worker():
        await works.wait_for([first])
        ids = await works.append(works.hint(order), works.hint(other))
        await works.wait_for(ids)
    [waiting, _] = await works.append(works.hint(order), works.hint(other))
    await works.append(works.hint(order.order_id, GLOBEX), tenant_id=GLOBEX)
    history = await look(works, office, order)
    assert [(str(one.event_id), one.outcome) for one in history.events] == [(ids[0], "duplicate"), (first, "applied")]
    assert [str(one.event_id) for one in history.waiting] == [waiting]
    assert history.is_queue_seen_whole
    assert (history.last_write.event_id, history.last_write.run_ids, history.runs) == (UUID(first), [], [])


async def test_a_repair_that_named_it_is_shown_and_stands_for_a_write_that_no_event_made(
    works: Works, office: Office
) -> None:
    order = await works.change_order()
    [event_id] = await works.append(works.hint(order))
    async with works.worker():
        await works.wait_for([event_id])
    run_id = make_uuid7()
    for tenant_id in (ACME, GLOBEX):
        theirs = run_id if tenant_id == ACME else make_uuid7()
        await works.superuser.execute(
            "INSERT INTO sync_runs (tenant_id, run_id, integration_id, kind, trigger, requested_by)"
            " VALUES ($1, $2, 1, 'repair', 'manual', 'cli:test')", tenant_id, theirs,
        )  # fmt: skip
        await works.superuser.execute(
            "INSERT INTO completeness_findings (tenant_id, run_id, stream, external_id, finding, outcome, day)"
            " VALUES ($1, $2, 'orders', $3, 'stale', 'repaired', current_date)", tenant_id, theirs, order.order_id,
        )  # fmt: skip
    await works.superuser.execute(
        "INSERT INTO sync_run_streams (tenant_id, run_id, stream, integration_id, status, started_at)"
        " VALUES ($1, $2, 'orders', 1, 'running', now())", ACME, run_id,
    )  # fmt: skip
    await works.superuser.execute(
        "UPDATE orders SET updated_at = $2 WHERE tenant_id = $1", ACME, datetime.now(UTC)
    )  # fmt: skip
    await works.superuser.execute(
        "UPDATE events SET latency_ms = latency_ms + 1000000 WHERE tenant_id = $1", ACME
    )  # fmt: skip
    history = await look(works, office, order)
    assert [(str(one.run_id), one.finding, one.outcome) for one in history.runs] == [(run_id, "stale", "repaired")]
    assert history.last_write.event_id is None
    assert history.last_write.run_ids == [UUID(run_id)]

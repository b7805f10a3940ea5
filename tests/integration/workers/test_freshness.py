"""Freshness of real events on their way through a worker: from the change at the store to the committed row."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from app.services.objectives import measure_objective
from app.services.tenant_facts import read_all_facts
from app.services.throughput import make_series
from db.tenants import list_tenants
from tests.integration.workers.works import ACME, GLOBEX, Works


def read_metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def read_minutes(works: Works, tenant_id: int = ACME) -> dict[str, Any]:
    """Sums over a tenant's minutes."""
    row = await works.superuser.fetchrow(
        "SELECT coalesce(sum(applied + superseded + duplicate + ignored + dead), 0) AS events,"
        " coalesce(sum(counted), 0) AS counted, coalesce(sum(late), 0) AS late FROM event_minutes WHERE tenant_id = $1",
        tenant_id,
    )
    return dict(row)


async def test_a_change_is_fresh_when_its_row_is_committed_and_counts_once(works: Works) -> None:
    before = read_metric("acequia_freshness_seconds_count", stream="orders")
    in_time = read_metric("acequia_changes_total", tenant_type="business", result="in_time")
    order = await works.change_order()
    event = works.hint(order)
    async with works.worker() as context:
        await works.wait_for(await works.append(event))
        # Told again: the same call by an id of its own, and the same entry, as after a crash between COMMIT and delete.
        again = works.hint(order)
        await works.wait_for(await works.append(again))
        await works.append(event)
        await works.wait_for_rest()
        acme, globex = await read_all_facts(works.office, context.queue, context.settings)
        series = await make_series(works.office, ACME, "1h", datetime.now(UTC))
    assert await read_minutes(works) == {"events": 2, "counted": 1, "late": 0}
    assert await read_minutes(works, GLOBEX) == {"events": 0, "counted": 0, "late": 0}
    assert read_metric("acequia_freshness_seconds_count", stream="orders") == before + 1
    assert read_metric("acequia_changes_total", tenant_type="business", result="in_time") == in_time + 1
    assert acme.freshness_p99_ms is not None
    assert 0 < acme.freshness_p99_ms < 30_000
    assert (acme.events_recently, globex.freshness_p99_ms) == (2, None)
    assert (series.totals.events, series.totals.counted, list(series.streams)) == (2, 1, ["orders"])


async def test_a_call_that_comes_late_is_late_and_burns_the_budget(works: Works) -> None:
    late = [await works.change_order() for _ in range(2)]
    stamp = datetime.now(UTC) - timedelta(seconds=90)
    async with works.worker(objective_late_min=2) as context:
        await works.wait_for(await works.append(*(works.hint(order.order_id, stamp=stamp) for order in late)))
        await works.wait_for_rest()
        [acme, globex] = await read_all_facts(works.office, context.queue, context.settings)
        tenant = (await list_tenants(works.office))[0]
        exact = await measure_objective(works.office, context.settings, tenant, None, datetime.now(UTC))
    assert await read_minutes(works) == {"events": 2, "counted": 2, "late": 2}
    assert acme.objective is not None
    assert (acme.objective.burn_rates["5m"], acme.objective.burn_rates["1h"], acme.objective.burn) == (100, 100, "fast")
    assert globex.objective is not None
    assert (globex.objective.burn, globex.objective.budget_left) == (None, 1.0)
    assert exact.facts is not None
    assert (exact.facts.month.counted, exact.facts.month.late, exact.facts.burn) == (2, 2, "fast")
    assert exact.freshness_p50_ms == pytest.approx(90_000, rel=0.45)


async def test_what_waits_too_long_counts_before_anybody_has_drained_it(works: Works) -> None:
    order = await works.change_order()
    async with works.worker(objective_within_s=0.05, objective_late_min=2) as context:
        await context.queue.pause(ACME)
        await works.append(works.hint(order), works.hint(order))

        async def judge() -> Any:
            return (await read_all_facts(works.office, context.queue, context.settings))[0]

        facts = await judge()
        while (facts.oldest_s or 0) < 0.06:
            facts = await judge()
        assert (facts.objective.waiting, facts.objective.month.counted, facts.objective.burn) == (2, 0, "fast")
        patient = context.settings.model_copy(update={"objective_within_s": 60.0})
        in_time = (await read_all_facts(works.office, context.queue, patient))[0]
        assert in_time.objective is not None
        assert (in_time.objective.waiting, in_time.objective.burn) == (0, None)
        await context.queue.resume(ACME)
        await works.wait_for_rest()
        assert (await judge()).objective.waiting == 0

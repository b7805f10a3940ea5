"""What the worker does for a tenant's life: queued events of one that is suspended, and the jobs of every minute."""

from datetime import UTC, datetime, timedelta

import pytest

from app.services import live_tenants
from app.services.audit import Actor
from app.services.tenant_lifecycle import TenantOffice, confirm_deletion, request_deletion, suspend_tenant
from tests.integration.workers.works import ACME, GLOBEX, Works, count_outcomes, until
from workers import jobs
from workers.context import DrainContext

CLI = Actor("cli", "test")


def open_office(works: Works, context: DrainContext) -> TenantOffice:
    return TenantOffice(works.office, works.redis, context.settings)


async def test_what_was_accepted_before_a_suspension_is_applied_after_it(works: Works) -> None:
    order = await works.change_order()
    ids = await works.append(works.hint(order))
    async with works.worker() as context:
        await context.queue.pause(ACME)
        await suspend_tenant(open_office(works, context), ACME, "unpaid", CLI)
        more = await works.append(works.hint(await works.change_order()))
        await context.queue.resume(ACME)
        rows = await works.wait_for([*ids, *more])
        await works.wait_for_rest()
    assert count_outcomes(rows) == {"applied": 2}
    assert await works.find_order(order.order_id) is not None


async def test_every_job_of_the_list_runs_as_the_worker_and_finds_nothing_to_do(works: Works) -> None:
    async with works.worker() as context:
        for job in jobs.list_functions():
            await job({"drain": context})
    assert {job.name.removeprefix("cron:") for job in jobs.list_crons(context.settings)} == {
        job.__name__ for job in jobs.list_functions()
    }


async def test_the_jobs_expire_a_trial_and_erase_a_deleted_tenant(works: Works) -> None:
    await works.superuser.execute(
        "UPDATE tenants SET type = 'trial', trial_ends_at = $2 WHERE tenant_id = $1",
        GLOBEX,
        datetime.now(UTC) - timedelta(seconds=1),
    )
    order = await works.change_order()
    async with works.worker() as context:
        await works.wait_for(await works.append(works.hint(order)))
        await works.wait_for_rest()
        office = open_office(works, context)
        asked = await request_deletion(office, ACME, CLI)
        await confirm_deletion(office, ACME, asked.code, CLI)
        await works.superuser.execute(
            "UPDATE tenants SET delete_after = now() - interval '1 second' WHERE tenant_id = $1", ACME
        )
        for job in (jobs.expire_trials, jobs.erase_deleted_tenants):
            await job({"drain": context})
    statuses = dict(await works.superuser.fetch("SELECT tenant_id, status FROM tenants"))
    assert statuses == {ACME: "deleted", GLOBEX: "expired"}
    assert await works.superuser.fetchval("SELECT count(*) FROM orders") == 0


async def test_the_job_fetches_those_who_wait(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_tenants, "CACHE_TTL_S", 0.0)
    limit = "UPDATE tenants SET settings = jsonb_build_object('max_customers', $1::bigint)"
    await works.superuser.execute(limit, 0)
    customer = await works.change("customer")
    async with works.worker() as context:
        await works.wait_for(await works.append(works.hint(customer, kind="customer")))
        await works.superuser.execute(limit, 1)
        await jobs.ask_for_waiting_customers({"drain": context})

        async def is_stored() -> bool:
            return await works.find_customer(customer) is not None

        await until(is_stored)
        await works.wait_for_rest()

"""Failures of the surroundings: the tenant or the integration waits, no try is spent, nothing is dead."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

import workers.slice
from app.core.queue import Queue
from app.services import integrations
from app.services.integrations import seal_credentials
from db.integrations import set_credentials
from db.pool import Database
from scripts.stack.installation import Installation, load_secrets, make_database_urls, prepare_databases
from scripts.stack.ports import find_free_port
from scripts.stack.postgres import EmbeddedPostgres
from scripts.stack.valkey import EmbeddedValkey
from tests.integration.sandbox.remote import KEYS
from tests.integration.workers.wire import Wire
from tests.integration.workers.works import ACME, VTEX, Row, Works, count_calls, count_outcomes, until

FIRST_TRY = Row("applied", None, 1)


async def append_orders(works: Works, count: int = 4) -> list[str]:
    orders = [await works.change_order() for _ in range(count)]
    return await works.append(*(works.hint(order) for order in orders))


async def wait_for_hold(works: Works) -> float:
    """Until acme is held; for how many seconds from now."""

    async def find() -> Any:
        return await works.redis.hget("hold", str(ACME))  # type: ignore[misc]

    until_ms = int(await until(find))
    seconds, micros = map(int, await works.redis.time())
    return until_ms / 1000 - (seconds + micros / 1e6)


async def assert_unspent(works: Works, ids: list[str]) -> None:
    """All are applied, as if nothing had been."""
    assert await works.wait_for(ids) == dict.fromkeys(ids, FIRST_TRY)
    await works.wait_for_rest()
    assert not await works.read_dead_letters()


# -- the provider --


async def test_a_throttled_account_waits_as_long_as_it_was_told_and_spends_nothing(works: Works) -> None:
    await works.break_calls("status", status=429, retry_after_s=1, calls=1)
    calls = count_calls()
    ids = await append_orders(works, 1)
    async with works.worker():
        left_s = await wait_for_hold(works)
        told_at = time.monotonic()
        assert 0 < left_s <= 1.5  # jittered upwards, and looked at some time later
        assert count_calls() - calls == 1
        await assert_unspent(works, ids)
        assert time.monotonic() - told_at > left_s - 0.05, "the account was called before its time"
    assert count_calls() - calls == 2


async def test_a_provider_that_is_down_holds_the_tenant_and_nothing_is_dead(works: Works) -> None:
    port = find_free_port()
    async with Wire(works.sandbox.url).open() as wire:
        wire.cut()
        ids = await append_orders(works)
        assert port
        async with works.worker(vtex_url_template=f"{wire.url}/{{account}}", tries_max=2):
            for _ in range(4):  # more often than there are tries
                await wait_for_hold(works)
                await works.redis.hdel("hold", str(ACME))  # type: ignore[misc]
            assert not await works.count_tries()
            wire.mend()
            await assert_unspent(works, ids)


async def test_one_call_tries_a_provider_that_was_down_and_is_not_given_up_for_those_that_wait_behind_it(
    works: Works,
) -> None:
    """The breaker lets one call through. The others' "not now" holds the tenant; it must not end that call."""
    await works.break_calls("status", status=503, calls=1)
    await works.break_calls("slow", delay_ms=100)
    ids = await append_orders(works, 12)
    async with works.worker(hold_max_s=0.3, breaker_failures=1):
        assert count_outcomes(await works.wait_for(ids, timeout_s=4)) == {"applied": 12}
        await works.wait_for_rest()


async def test_an_account_that_answers_nothing_at_all_spends_no_tries(works: Works) -> None:
    await works.break_calls("hang")
    ids = await append_orders(works)
    async with works.worker(provider_call_timeout_s=0.4, tries_max=2):
        await asyncio.sleep(1.5)  # longer than both tries would last
        assert not await works.read_ledger()
        await works.mend_calls()
        await assert_unspent(works, ids)


async def refuse_credentials(works: Works) -> list[str]:
    """Events of an integration whose token the provider does not know any more; returns when they wait."""
    await works.sandbox.put_account(works.accounts[ACME], app_key="another", app_token="one", replaces_keys=True)
    ids = await append_orders(works)

    async def is_refused() -> bool:
        status = await works.superuser.fetchval(
            "SELECT status FROM tenant_integrations WHERE tenant_id = $1 AND integration_id = $2", ACME, VTEX
        )
        return str(status) == "credentials_refused"

    await until(is_refused)
    return ids


async def test_refused_credentials_pause_the_integration_until_good_ones_are_given(works: Works) -> None:
    async with works.worker(tries_max=3) as context:
        ids = await refuse_credentials(works)

        async def is_quiet() -> bool:
            return not context.in_flight.total()

        await until(is_quiet)  # what had left before the refusal was known
        calls = count_calls()
        await asyncio.sleep(0.8)  # several looks at what is postponed
        assert count_calls() == calls, "refused credentials were used again"
        assert not await works.read_ledger()
        inline = await works.inline(b'{"type":"customer.upsert","data":{"external_id":"c-1"}}')
        assert count_outcomes(await works.wait_for(await works.append(inline))) == {"applied": 1}

        good = {"app_key": "another", "app_token": "one"}
        keys = await works.keys_of(ACME)
        sealed = seal_credentials(keys, "vtex", works.accounts[ACME], good)
        async with works.database.tenant_tx(ACME, "test") as connection:
            assert await set_credentials(connection, ACME, VTEX, sealed) == "active"
        await assert_unspent(works, ids)


async def test_a_provider_that_takes_the_credentials_again_resumes_the_integration(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrations, "PROBE_INTERVAL_S", 0.3)
    async with works.worker(tries_max=3):
        ids = await refuse_credentials(works)
        await works.sandbox.put_account(works.accounts[ACME], **KEYS)
        await assert_unspent(works, ids)
    assert not await works.superuser.fetchval(
        "SELECT count(*) FROM tenant_integrations WHERE status <> 'active' OR status_reason IS NOT NULL"
    )


# -- keys --


async def test_a_keys_database_that_is_away_holds_the_tenant(works: Works) -> None:
    async with Wire(works.installation.database_urls["acequia_keys"]).open() as wire:
        beside = works.over(acequia_keys=wire.url)
        ids = await append_orders(works)
        async with beside.worker(keys_cache_ttl_s=1):
            await works.wait_for(ids)
            await asyncio.sleep(1.0)  # the keys are not kept longer than that
            wire.cut()
            ids = await append_orders(works)
            await wait_for_hold(works)
            assert not await works.count_tries()
            wire.mend()
            await assert_unspent(works, ids)


# -- Postgres --


@pytest.fixture
async def own_postgres(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server that the test may kill."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def own_installation(own_postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> Installation:
    secrets = load_secrets(own_postgres.folder)
    urls = make_database_urls(own_postgres.url(), secrets)
    installation = Installation(own_postgres.folder, secrets, urls, valkey.url)
    await prepare_databases(installation, own_postgres.url())
    return installation


async def wait_for_blocked(superuser: asyncpg.Connection) -> None:
    async def is_blocked() -> bool:
        return bool(
            await superuser.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'acequia_worker'"
            )
        )

    await until(is_blocked)


async def crash_in_mid_batch(works: Works, server: EmbeddedPostgres, **settings: object) -> dict[str, Row]:
    """Kills Postgres while a transaction of the worker waits in it; what became of the events after its return."""
    ids = await append_orders(works, 6)
    blocker = await asyncpg.connect(server.url(database="acequia"))
    block = blocker.transaction()
    await block.start()
    await blocker.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    async with works.worker(tries_max=2, **settings):
        await wait_for_blocked(works.superuser)
        await server.kill()
        blocker.terminate()
        await asyncio.sleep(1.0)  # longer than all tries and reads would last
        assert not await works.count_tries()
        await server.start()
        again = await asyncpg.connect(server.url(database="acequia"))
        try:
            works.superuser = again
            return await works.wait_for(ids, timeout_s=15)
        finally:
            works.superuser = again
            await works.wait_for_rest()
            dead = await works.read_dead_letters()
            await again.close()
            assert not dead


async def test_postgres_killed_in_the_middle_of_a_batch_costs_no_try_and_no_event(
    own_installation: Installation,
    own_postgres: EmbeddedPostgres,
    make_works: Any,
) -> None:
    async with make_works(own_installation) as works:
        rows = await crash_in_mid_batch(works, own_postgres)
        assert set(rows.values()) == {FIRST_TRY}


async def test_an_answer_that_comes_late_while_postgres_is_away_costs_no_try(works: Works) -> None:
    async with Wire(works.installation.database_urls["acequia_worker"]).open() as wire:
        beside = works.over(acequia_worker=wire.url)
        await works.break_calls("slow", delay_ms=500, calls=1)
        async with beside.worker(provider_call_timeout_s=0.8, drain_slice_ms=150) as context:
            ids = await append_orders(works, 1)

            async def is_parked() -> bool:
                return bool(context.detached)

            await until(is_parked)
            wire.cut()

            async def has_arrived() -> bool:
                return not context.detached

            await until(has_arrived)
            await asyncio.sleep(0.2)  # until its commit was tried
            assert not await works.read_ledger()
            wire.mend()
            await assert_unspent(works, ids)


async def lose_the_answer_to_commit(works: Works) -> list[str]:
    """Cuts the worker's line while COMMIT is under way: it is done, and the worker does not know it."""
    async with Wire(works.installation.database_urls["acequia_worker"]).open() as wire:
        beside = works.over(acequia_worker=wire.url)
        async with beside.worker() as context:
            await context.tenants.get(ACME)  # so that the next COMMIT is the batch's
            await context.integrations.get(ACME, VTEX)
            order = await works.change_order()
            wire.lose_answer_to(b"COMMIT;")
            ids = await works.append(works.hint(order))

            async def is_lost() -> bool:
                return bool(wire.answers_lost) and not await works.list_left_over()

            await until(is_lost)
    return ids


async def test_a_commit_whose_answer_is_lost_is_one_row(works: Works) -> None:
    ids = await lose_the_answer_to_commit(works)
    assert await works.read_ledger() == {ids[0]: FIRST_TRY}
    assert (await works.read_counter("orders"), await works.read_counter("events_applied")) == (1, 1)
    totals = await works.superuser.fetch("SELECT outcome, events FROM event_day_totals WHERE tenant_id = $1", ACME)
    assert [tuple(row) for row in totals] == [("applied", 1)]


async def test_without_refunds_outages_bury_good_events(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same outage, five times in a row, for an event that has nothing wrong with it."""
    finish = Queue.finish

    async def finish_without_refunds(self: Queue, claim: Any, hold_ms: int = 0, refunds: Any = ()) -> bool:
        del refunds
        return await finish(self, claim, min(hold_ms, 20))

    monkeypatch.setattr(Queue, "finish", finish_without_refunds)
    monkeypatch.setattr(workers.slice, "compute_hold_s", lambda *_: 0.02)
    async with Wire(works.sandbox.url).open() as wire:
        wire.cut()
        ids = await append_orders(works, 1)
        async with works.worker(vtex_url_template=f"{wire.url}/{{account}}", breaker_failures=1_000):
            rows = await works.wait_for(ids)
    assert rows[ids[0]].reason == "stopped_its_worker"


# -- Redis --


async def test_redis_away_in_the_middle_of_a_slice_costs_no_event(works: Works, redis: Redis) -> None:
    """What is owed to the queue (refunds, settling, the end of the lease) is paid when it is back."""
    async with Wire(works.installation.redis_url).open() as wire:
        await works.break_calls("slow", delay_ms=250)
        ids = await append_orders(works)
        async with works.worker(redis_url=wire.url, reads_max=4):
            for _ in range(4):

                async def is_leased() -> bool:
                    return bool(await redis.exists("runs"))

                await until(is_leased)
                wire.cut()
                await asyncio.sleep(0.1)
                wire.mend()
                await asyncio.sleep(0.1)
            await works.mend_calls()
            rows = await works.wait_for(ids)
            await works.wait_for_rest()
    assert count_outcomes(rows) == {"applied": 4}
    assert not await works.read_dead_letters()


async def test_the_database_gate_keeps_a_worker_quiet_while_postgres_is_away(works: Works, database: Database) -> None:
    async with Wire(works.installation.database_urls["acequia_worker"]).open() as wire:
        beside = works.over(acequia_worker=wire.url)
        async with beside.worker() as context:
            wire.cut()
            ids = await append_orders(works, 1)

            async def is_closed() -> bool:
                return not context.gate.is_open

            await until(is_closed)
            calls = count_calls()
            await asyncio.sleep(0.6)
            assert count_calls() == calls, "orders were fetched that cannot be written"
            wire.mend()
            await assert_unspent(works, ids)
    assert database

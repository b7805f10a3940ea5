"""Live and batch work on one account's budget, on a real Valkey: who waits, who does not, and what a 429 changes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from app.connectors.vtex.client import VtexClient
from app.core.budget_metrics import BATCH_SHARE, PAUSES
from app.core.budget_state import read_budget
from app.core.errors import ProviderUnavailableError, ThrottledError
from app.core.limits import BudgetRate, RedisBudget
from app.core.limits import make_budget as make_set_budget
from app.core.outbound import Outbound
from app.core.settings import Settings
from app.core.turns import Turns
from tests.integration.sandbox.remote import KEYS, Sandbox
from tests.integration.sandbox.walks import STABLE
from tests.integration.workers.works import until

ACME, GLOBEX = "vtex:acme", "vtex:globex"
FAR = "redis://127.0.0.1:1"


def make_budget(redis: Redis, calls_per_minute: int, **rate: float) -> RedisBudget:
    return RedisBudget(redis, {"vtex": BudgetRate(calls_per_minute, 20, **rate)})  # type: ignore[arg-type]


class Saturated:
    """Batch work that takes what it can get."""

    def __init__(self) -> None:
        self.taken = 0


@asynccontextmanager
async def saturate(budget: RedisBudget, workers: int = 8, wait_s: float = 5.0) -> AsyncIterator[Saturated]:
    work, turns = Saturated(), Turns(wait_s)

    async def go_on() -> None:
        while True:
            try:
                await turns.wait(ACME, lambda: budget.take(ACME, "batch"))
            except ThrottledError as error:
                await asyncio.sleep(error.retry_after_s or 0)
            else:
                work.taken += 1

    tasks = [asyncio.create_task(go_on()) for _ in range(workers)]
    yield work
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends)


async def is_drained(budget: RedisBudget) -> bool:
    try:
        await budget.take(ACME, "batch")
    except ThrottledError:
        return True
    return False


async def test_live_work_takes_at_once_beside_batch_work_without_end(redis: Redis) -> None:
    batch_budget, live_budget = make_budget(redis, 6_000), make_budget(redis, 6_000)
    started_at = time.monotonic()
    async with saturate(batch_budget) as batch:
        await until(lambda: is_drained(batch_budget))
        waits, live, batch_before = [], 0, batch.taken
        for _ in range(100):
            asked_at = time.monotonic()
            await live_budget.take(ACME, "live")  # raises when there is none
            waits.append(time.monotonic() - asked_at)
            live += 1
            await asyncio.sleep(0.02)
        assert batch.taken > batch_before, "batch work goes on"
    elapsed_s = time.monotonic() - started_at
    assert sorted(waits)[98] < 0.1
    # Calls asked for to see whether any were left are among them.
    assert live + batch.taken <= 1_000 + elapsed_s * 100 + 1


async def test_the_sum_of_many_processes_stays_within_the_account_s_rate(redis: Redis) -> None:
    started_at = time.monotonic()
    taken = 0

    async def live(budget: RedisBudget) -> None:
        nonlocal taken
        while time.monotonic() - started_at < 2:
            try:
                await budget.take(ACME, "live")
                taken += 1
            except ThrottledError as error:
                await asyncio.sleep(error.retry_after_s or 0)

    async with saturate(make_budget(redis, 1_200)) as one, saturate(make_budget(redis, 1_200)) as other:
        await asyncio.gather(*(live(make_budget(redis, 1_200)) for _ in range(3)))
    elapsed_s = time.monotonic() - started_at
    assert taken + one.taken + other.taken <= 200 + elapsed_s * 20 + 1
    assert taken + one.taken + other.taken >= 200


async def test_batch_work_alone_has_the_whole_flow(redis: Redis) -> None:
    budget = make_budget(redis, 6_000)
    async with saturate(budget) as batch:
        await until(lambda: is_drained(budget))
        before, started_at = batch.taken, time.monotonic()
        await asyncio.sleep(1.5)
        rate = (batch.taken - before) / (time.monotonic() - started_at)
    assert 60 <= rate <= 110


async def test_a_429_halves_batch_work_once_however_many_calls_met_it(redis: Redis) -> None:
    budget, other = make_budget(redis, 6_000), make_budget(redis, 6_000)
    pauses = PAUSES.labels("vtex")._value.get()
    await asyncio.gather(*(budget.close(ACME, 30) for _ in range(10)), *(other.close(ACME, 20) for _ in range(10)))
    settings = Settings(vtex_calls_per_minute=6_000)
    state = await read_budget(redis, settings, ACME)
    assert state.batch_share == pytest.approx(0.5, abs=0.01)
    assert 20 < state.closed_s <= 30, "the longest pause of them counts"
    assert PAUSES.labels("vtex")._value.get() == pauses + 2, "each process tells of it once"
    assert BATCH_SHARE.labels("vtex")._value.get() == pytest.approx(0.5, abs=0.01)
    assert (await read_budget(redis, settings, GLOBEX)).batch_share == 1
    for priority in ("live", "batch"):
        with pytest.raises(ThrottledError):
            await make_budget(redis, 6_000).take(ACME, priority)


async def test_a_cut_share_binds_batch_work_in_every_process_and_live_work_in_none(redis: Redis) -> None:
    budgets = [make_budget(redis, 6_000) for _ in range(2)]
    await budgets[0].close(ACME, 0.05)
    await asyncio.sleep(0.06)
    async with saturate(budgets[0]) as one, saturate(budgets[1]) as other:
        await asyncio.sleep(0.5)
        before, started_at = one.taken + other.taken, time.monotonic()
        for _ in range(50):
            await budgets[1].take(ACME, "live")
        await asyncio.sleep(1.5)
        rate = (one.taken + other.taken - before) / (time.monotonic() - started_at)
    assert 30 <= rate <= 56, "half of a hundred a second"


async def test_the_share_falls_to_a_floor_and_comes_back_by_and_by(redis: Redis) -> None:
    rate = {"batch_recovery_percent": 1_200.0, "batch_floor_percent": 20}  # 20 % a second
    budget = make_budget(redis, 6_000, **rate)
    settings = Settings(vtex_calls_per_minute=6_000, budget_batch_recovery_percent=1_200)
    shares = []
    for _ in range(4):
        await budget.close(ACME, 0.01)
        shares.append((await read_budget(redis, settings, ACME)).batch_share)
        await asyncio.sleep(0.02)
    assert shares == pytest.approx([0.5, 0.25, 0.2, 0.2], abs=0.03)
    await asyncio.sleep(1)
    half_way = (await read_budget(redis, settings, ACME)).batch_share
    assert 0.35 < half_way < 0.8
    await until(lambda: is_whole(redis, settings))
    await budget.take(ACME, "batch")
    assert BATCH_SHARE.labels("vtex")._value.get() == 1


async def is_whole(redis: Redis, settings: Settings) -> bool:
    state = await read_budget(redis, settings, ACME)
    return state.batch_share == 1 and state.closed_s == 0


async def test_without_redis_live_work_is_not_kept_waiting_by_batch_work_either() -> None:
    nobody = Redis.from_url(FAR, socket_connect_timeout=0.5)
    budget = make_budget(nobody, 60 * 400)  # a quarter: 100 a second
    async with saturate(budget) as batch:
        await until(lambda: is_drained(budget))
        for _ in range(20):
            await budget.take(ACME, "live")
            await asyncio.sleep(0.03)
        assert batch.taken > 20
    await nobody.aclose()


async def test_a_budget_too_small_to_be_divided_still_serves_both(redis: Redis) -> None:
    budget = make_budget(redis, 60)
    taken = 0
    for priority in ("batch", "live") * 8:
        try:
            await budget.take(ACME, priority)
            taken += 1
        except ThrottledError:
            pass
    assert taken >= 10
    tiny = make_budget(redis, 3)
    await tiny.take(GLOBEX, "batch")


async def test_a_line_is_served_in_its_order_and_who_is_cancelled_leaves_it() -> None:
    turns, served, gate = Turns(5.0), list[int](), asyncio.Event()

    async def take() -> None:
        await gate.wait()

    async def stand(number: int) -> None:
        await turns.wait(ACME, take)
        served.append(number)

    tasks = [asyncio.create_task(stand(number)) for number in range(6)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[3].cancel()
    await asyncio.sleep(0)
    gate.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(end, asyncio.CancelledError) for end in ends] == [True, False, False, True, False, False]
    assert served == [1, 2, 4, 5]


async def test_a_wait_ends_at_its_bound_for_the_first_in_line_and_for_the_last() -> None:
    turns = Turns(0.3)

    async def never() -> None:
        raise ThrottledError("used up", retry_after_s=0.05)

    started_at = time.monotonic()
    ends = await asyncio.gather(*(turns.wait(ACME, never) for _ in range(5)), return_exceptions=True)
    assert time.monotonic() - started_at < 2
    assert all(isinstance(end, ThrottledError) and end.retry_after_s for end in ends)

    async def closed() -> None:
        raise ThrottledError("a pause", retry_after_s=60)

    started_at = time.monotonic()
    with pytest.raises(ThrottledError):
        await turns.wait(ACME, closed)
    assert time.monotonic() - started_at < 0.2, "a pause longer than the wait is told at once"


async def test_a_batch_call_waits_for_the_budget_and_a_live_one_is_told_at_once(
    sandbox: Sandbox, redis: Redis, sandbox_process: str
) -> None:
    order_id = (await sandbox.change("order", deliver=False))["object_id"]
    settings = Settings(vtex_calls_per_minute=600, batch_budget_wait_s=5, budget_live_reserve_percent=0)
    async with Outbound(settings, make_set_budget(redis, settings)) as outbound:
        client = VtexClient(outbound, url_template=f"{sandbox_process}/{{account}}")
        place = (sandbox.acme, STABLE, KEYS, order_id)
        for _ in range(200):
            try:
                await client.fetch_order(*place)
            except ThrottledError:
                break
        else:
            raise AssertionError("the budget has an end")
        await client.fetch_order(*place, priority="batch")
        impatient = Settings(vtex_calls_per_minute=600, batch_budget_wait_s=0, budget_live_reserve_percent=0)
        async with Outbound(impatient, make_set_budget(redis, impatient)) as other:
            client = VtexClient(other, url_template=f"{sandbox_process}/{{account}}")
            calls = (client.fetch_order(*place, priority="batch") for _ in range(20))
            ends = await asyncio.gather(*calls, return_exceptions=True)
            assert any(isinstance(end, ThrottledError) for end in ends)


async def test_waiting_batch_work_does_not_keep_an_open_breaker_s_trial_for_itself(
    sandbox: Sandbox, redis: Redis, sandbox_process: str
) -> None:
    order_id = (await sandbox.change("order", deliver=False))["object_id"]
    settings = Settings(vtex_calls_per_minute=600, breaker_failures=1, breaker_open_s=0.2)
    async with Outbound(settings, make_set_budget(redis, settings)) as outbound:
        client = VtexClient(outbound, url_template=f"{sandbox_process}/{{account}}")
        place = (sandbox.acme, STABLE, KEYS, order_id)
        await sandbox.control("POST", "faults", {"account": sandbox.acme, "status": 503, "calls": 1})
        with pytest.raises(ProviderUnavailableError):
            await client.fetch_order(*place)
        before = (await read_budget(redis, settings, f"vtex:{sandbox.acme}")).calls
        with pytest.raises(ProviderUnavailableError, match="breaker"):
            await client.fetch_order(*place, priority="batch")
        assert (await read_budget(redis, settings, f"vtex:{sandbox.acme}")).calls >= before, "nothing was spent"
        await asyncio.sleep(0.25)
        await client.fetch_order(*place)


@pytest.mark.parametrize("has_budget", [True, False])
async def test_with_both_kinds_of_work_running_the_provider_never_says_429(
    sandbox: Sandbox, redis: Redis, sandbox_process: str, has_budget: bool
) -> None:
    """Calls come as fast as they go for four seconds; the provider allows what the budget can give in five."""
    order_id = (await sandbox.change("order", deliver=False))["object_id"]
    per_minute = 1_200
    allowed = per_minute // 6 + 5 * per_minute // 60
    await sandbox.put_account(sandbox.acme, call_limit={"calls_per_minute": allowed, "lasts_s": 2})
    mine = Settings(vtex_calls_per_minute=per_minute if has_budget else 10**7)
    async with (
        Outbound(mine, make_set_budget(redis, mine)) as worker,
        Outbound(mine, make_set_budget(redis, mine)) as syncer,
    ):
        places = [VtexClient(outbound, url_template=f"{sandbox_process}/{{account}}") for outbound in (worker, syncer)]
        ends_at, live, batch = time.monotonic() + 4, 0, 0

        async def call_live() -> None:
            nonlocal live
            while time.monotonic() < ends_at:
                try:
                    await places[0].fetch_order(sandbox.acme, STABLE, KEYS, order_id)
                    live += 1
                except ThrottledError:
                    assert not has_budget, "live work finds calls"
                await asyncio.sleep(0.1)

        async def call_batch() -> None:
            nonlocal batch
            while time.monotonic() < ends_at:
                try:
                    await places[1].fetch_order(sandbox.acme, STABLE, KEYS, order_id, priority="batch")
                    batch += 1
                except ThrottledError:
                    await asyncio.sleep(0.1)

        await asyncio.gather(call_live(), *(call_batch() for _ in range(12)))
    refused = (await sandbox.control("GET", "calls"))[sandbox.acme]["over_limit"]
    await sandbox.put_account(sandbox.acme, call_limit=None)
    assert (refused == 0) is has_budget
    if has_budget:
        assert live >= 20
        assert batch >= 160

"""The budget per provider account, on a real Valkey."""

import asyncio
import time

import pytest
from redis.asyncio import Redis

from app.core.errors import ThrottledError
from app.core.limits import BudgetRate, RedisBudget
from app.core.outbound import Priority

ACME, GLOBEX = "vtex:acme", "vtex:globex"


def make_budget(redis: Redis, calls_per_minute: int, reserve_percent: int = 50) -> RedisBudget:
    return RedisBudget(redis, {"vtex": BudgetRate(calls_per_minute, reserve_percent)})


async def take_all(budget: RedisBudget, account_key: str, priority: Priority, most: int = 10_000) -> int:
    """How many calls there are until the budget says no."""
    for taken in range(most):
        if await find_wait_s(budget, account_key, priority) is not None:
            return taken
    return most


async def find_wait_s(budget: RedisBudget, account_key: str, priority: Priority) -> float | None:
    """Takes one call; None when there was one, else how long the budget says to wait."""
    try:
        await budget.take(account_key, priority)
    except ThrottledError as error:
        return error.retry_after_s or -1.0
    return None


async def test_an_account_has_its_burst_and_then_waits(redis: Redis) -> None:
    started_at = time.monotonic()
    taken = await take_all(make_budget(redis, 600), ACME, "live")
    assert 100 <= taken <= 100 + (time.monotonic() - started_at) * 10 + 1


async def test_accounts_do_not_share(redis: Redis) -> None:
    budget = make_budget(redis, 600)
    await take_all(budget, ACME, "live")
    assert await take_all(budget, GLOBEX, "live") >= 100


async def test_processes_share_one_budget(redis: Redis) -> None:
    started_at = time.monotonic()
    budgets = [make_budget(redis, 600) for _ in range(4)]
    taken = sum(await asyncio.gather(*(take_all(budget, ACME, "live") for budget in budgets)))
    assert 100 <= taken <= 100 + (time.monotonic() - started_at) * 10 + 1


async def test_batch_work_leaves_the_reserve_to_live_work(redis: Redis) -> None:
    budget = make_budget(redis, 600, reserve_percent=50)
    assert 50 <= await take_all(budget, ACME, "batch") <= 52
    assert await take_all(budget, ACME, "live") >= 49


async def test_what_flows_in_can_be_taken(redis: Redis) -> None:
    budget = make_budget(redis, 6_000)
    await take_all(budget, ACME, "live")
    # On a slow machine a call may have flowed in meanwhile: the wait that counts is the last answer.
    while (wait_s := await find_wait_s(budget, ACME, "live")) is None:
        pass
    assert 0 < wait_s < 0.1
    await asyncio.sleep(wait_s + 0.002)
    await budget.take(ACME, "live")


async def test_a_pause_is_kept_by_every_process(redis: Redis) -> None:
    first, second = make_budget(redis, 600), make_budget(redis, 600)
    await first.take(ACME, "live")
    await first.close(ACME, 30)
    for budget in (first, second):
        with pytest.raises(ThrottledError) as caught:
            await budget.take(ACME, "live")
        assert caught.value.retry_after_s == pytest.approx(30, abs=2)
    await second.take(GLOBEX, "live")


async def test_a_forgotten_script_is_loaded_again(redis: Redis) -> None:
    budget = make_budget(redis, 600)
    await budget.take(ACME, "live")
    await redis.script_flush()
    assert await take_all(budget, ACME, "live", most=10) == 10


async def test_without_redis_a_quarter_of_the_budget_is_left() -> None:
    nobody = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.5)
    budget = make_budget(nobody, 60 * 400)  # 100 a second are left
    started_at = time.monotonic()
    taken = await take_all(budget, ACME, "live")
    assert 1 <= taken <= 2 + (time.monotonic() - started_at) * 100
    await nobody.aclose()


async def test_calls_are_taken_in_blocks(redis: Redis) -> None:
    budget = make_budget(redis, 60_000)
    before = (await redis.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0)
    assert await take_all(budget, ACME, "live", most=500) == 500
    after = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert after - before < 30

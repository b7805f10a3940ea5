"""GCRA in the cache Redis: an average with a burst, several buckets at once, and what happens without Redis."""

import time

import httpx
from redis.asyncio import Redis

from app.core.rates import Bucket, RateLimiter
from tests.integration.api.conftest import ACME, GLOBEX, Cast


async def test_a_burst_passes_and_then_the_average(redis: Redis) -> None:
    limiter, bucket = RateLimiter(redis), Bucket("acme", 20, 0.5)
    began = time.monotonic()
    passed = 0
    while time.monotonic() - began < 0.6:
        passed += (await limiter.check([bucket])).refused_by is None
    elapsed = time.monotonic() - began
    assert 10 <= passed <= 10 + 20 * elapsed + 1


async def test_a_refused_call_spends_nothing_and_says_when(redis: Redis) -> None:
    limiter = RateLimiter(redis)
    narrow, wide = Bucket("narrow", 1, 1), Bucket("wide", 1_000, 10)
    assert (await limiter.check([wide, narrow])).left == 0
    refused = await limiter.check([wide, narrow])
    assert refused.refused_by == narrow
    assert 0.5 < refused.wait_s <= 1.0
    left = (await limiter.check([wide])).left
    assert left is not None
    assert left >= 9_997, "the refused call took nothing from the other bucket"


async def test_a_clock_that_was_set_back_shuts_nobody_out(redis: Redis) -> None:
    limiter, bucket = RateLimiter(redis), Bucket("acme", 1, 2)
    await redis.set("rate:acme", str((time.time() + 3_600) * 1_000_000))
    assert (await limiter.check([bucket])).wait_s <= 2.1


async def test_without_redis_a_call_passes_but_a_guess_does_not() -> None:
    gone = RateLimiter(Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.2))
    bucket = Bucket("acme", 1, 1)
    assert (await gone.check([bucket, bucket])).refused_by is None
    assert (await gone.check([bucket], is_closed_without_redis=True)).refused_by == bucket


async def test_one_tenants_flood_is_refused_and_the_others_calls_are_not(cast: Cast) -> None:
    cast = cast.under(api_rate_business_per_s=2.0, api_rate_burst_s=2.0)
    async with cast.client(ACME, "analyst") as flooding, cast.client(GLOBEX, "analyst") as other:
        answers = [await flooding.get(f"/tenants/{ACME}") for _ in range(30)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert refused[0].json()["code"] == "rate_limited"
        assert int(refused[0].headers["retry-after"]) >= 1
        assert '"tenant"' in answers[0].headers["ratelimit-policy"]
        assert (await other.get(f"/tenants/{GLOBEX}")).status_code == 200


async def test_what_leads_to_no_tenant_is_limited_too(cast: Cast) -> None:
    cast = cast.under(api_rate_caller_per_s=1.0, api_rate_burst_s=3.0)
    async with cast.client(ACME, "admin") as other_tenant, cast.client(ACME, "owner") as wrong_body:
        guesses = [(await other_tenant.get(f"/tenants/{GLOBEX}")).status_code for _ in range(10)]
        bodies = [(await wrong_body.post("/tenant-integrations", json={})).status_code for _ in range(10)]
    assert (guesses[0], guesses[-1]) == (404, 429)
    assert (bodies[0], bodies[-1]) == (422, 429)


async def test_guessing_keys_ends_soon(cast: Cast) -> None:
    async with cast.client() as client:
        wrong = {"Authorization": "Bearer aqk_" + "0" * 48}
        answers: list[httpx.Response] = [await client.get("/me", headers=wrong) for _ in range(70)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429

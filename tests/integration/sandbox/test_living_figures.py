"""Ad accounts of the sandbox that live: figures to today in their own zone, which grow and are corrected."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from scripts.sandbox.ad_days import find_share, find_today
from scripts.sandbox.google_figures import AdAccount

ZONE = "America/Argentina/Buenos_Aires"
NOON = datetime(2026, 11, 24, 12, tzinfo=ZoneInfo(ZONE))
LEVELS = {"google": ("campaign", "ad_group"), "facebook": ("campaign", "adset")}
ID_NAMES = {"google": "customer_id", "facebook": "account_id"}


class Ads:
    """An account at one of the two, whose id nobody else has."""

    def __init__(self, url: str, session: aiohttp.ClientSession, provider: str) -> None:
        self.url, self.provider = f"{url}/_sandbox", provider
        self.account = f"7{random.randrange(10**9):09}"
        self._session = session

    async def control(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        async with self._session.request(method, f"{self.url}/{path}", json=body, params=query) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def put(self, **fields: Any) -> None:
        await self.control("PUT", f"{self.provider}/accounts", {self.account: {"time_zone": ZONE, **fields}})

    async def grow(self, until: datetime) -> None:
        body = {ID_NAMES[self.provider]: self.account, "until": until.isoformat()}
        await self.control("POST", f"{self.provider}/growth", body)

    async def read_days(self, level: str) -> dict[str, list[int]]:
        """Day → the cost of each row, in cents."""
        named = {ID_NAMES[self.provider]: self.account}
        query = {"level": level, "first": "2020-01-01", "last": "2030-01-01"}
        found: dict[str, list[int]] = {}
        for row in await self.control("GET", f"{self.provider}/truth", **named, **query):
            if self.provider == "google":
                cost = int(row["metrics"].get("costMicros", 0)) // 10_000
                found.setdefault(row["segments"]["date"], []).append(cost)
            else:
                found.setdefault(row["date_start"], []).append(round(float(row["spend"]) * 100))
        return found


@pytest.fixture(params=["google", "facebook"])
async def ads(sandbox_process: str, request: pytest.FixtureRequest) -> AsyncIterator[Ads]:
    async with aiohttp.ClientSession() as session:
        yield Ads(sandbox_process, session, request.param)


async def test_figures_reach_from_the_first_day_to_today(ads: Ads) -> None:
    await ads.put(history_days=90, campaigns=5)
    today = find_today(datetime.now(UTC), ZONE)
    for level in LEVELS[ads.provider]:
        days = await ads.read_days(level)
        assert min(days) == (today - timedelta(days=90)).isoformat()
        assert max(days) in {today.isoformat(), (today - timedelta(days=1)).isoformat()}, "at midnight today has none"


async def test_today_grows_and_earlier_days_stay(ads: Ads) -> None:
    await ads.put(history_days=20, campaigns=6)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    noon = tomorrow.astimezone(ZoneInfo(ZONE)).replace(hour=12, minute=0)
    seen = []
    for moment in (noon, noon + timedelta(hours=6), noon + timedelta(days=1)):
        await ads.grow(moment)
        seen.append(await ads.read_days(LEVELS[ads.provider][1]))
    day = noon.date().isoformat()
    costs = [sum(days[day]) for days in seen]
    assert 0 < costs[0] < costs[1] < costs[2]
    for first, second in pairwise(seen):
        assert {one: costs for one, costs in second.items() if one < day} == {
            one: costs for one, costs in first.items() if one < day
        }
    campaigns = await ads.read_days("campaign")
    if ads.provider == "facebook":  # at Google the first campaign has no groups
        assert {one: sum(costs) for one, costs in campaigns.items()} == {
            one: sum(costs) for one, costs in seen[-1].items()
        }


async def test_a_demo_corrects_by_itself(ads: Ads) -> None:
    await ads.put(history_days=40, campaigns=4)
    first = await ads.read_days("campaign")
    name = f"demo-{ads.account}"
    await ads.control(
        "PUT", "accounts", {name: {"app_key": "k", "app_token": "t", "trigger_url": "http://127.0.0.1:9"}}
    )
    await ads.control("POST", "demo", {"rate": 0.01, "accounts": [name], "sellers_rate": 0, "figures_tick_s": 0.01})
    today = max(first)
    async with asyncio.timeout(20):
        while True:
            days = await ads.read_days("campaign")
            corrected = [day for day in first if days.get(day) != first[day] and day != today]
            if len(corrected) > 3:
                break
    await ads.control("DELETE", "demo")
    oldest = date.fromisoformat(today) - timedelta(days=28)
    assert all(date.fromisoformat(day) >= oldest for day in corrected)


async def test_an_account_of_fixed_days_does_not_grow(ads: Ads) -> None:
    account = AdAccount(ads.account)
    assert account.end == account.last_day
    assert find_share(account.last_day, None, ZONE) == 1.0


def test_what_has_passed_of_a_day_is_told_by_its_zone() -> None:
    assert find_today(NOON, ZONE) == date(2026, 11, 24)
    assert find_today(datetime(2026, 11, 24, 2, tzinfo=UTC), ZONE) == date(2026, 11, 23)
    assert find_share(date(2026, 11, 24), NOON, ZONE) == 0.5
    assert find_share(date(2026, 11, 23), NOON, ZONE) == 1.0
    assert find_share(date(2026, 11, 25), NOON, ZONE) == 0.0

"""Until when credentials are valid: told by Meta when they are entered, asked each day, and an alert ahead."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.settings import Settings
from app.services.alert_views import list_open_alerts
from app.services.alerts import evaluate_alerts
from app.services.tenant_facts import read_all_facts
from tests.integration.api.conftest import ACME, GLOBEX
from tests.integration.api.integrations.accounts import Accounts, Entering, accounts, entering
from tests.integration.api.integrations.conftest import find_urls
from tests.integration.sandbox.test_facebook_ads import Facebook
from workers.context import DrainContext
from workers.main import build_context

__all__ = ["accounts", "entering"]

NOW = datetime.now(UTC).replace(microsecond=0)
NAME = "facebook_ads"


@pytest.fixture
async def workers(make_settings: Callable[..., Settings], sandbox_process: str) -> AsyncIterator[list[DrainContext]]:
    """Two of them."""
    async with AsyncExitStack() as resources:
        settings = make_settings("worker", **find_urls(sandbox_process))
        yield [await build_context(settings, resources) for _ in range(2)]


async def turn(worker: DrainContext) -> int:
    assert worker.ends is not None
    return await worker.ends.run_turn()


async def end_in(facebook: Facebook, days: int | None) -> datetime | None:
    """Meta says from now on that the token ends in so many days; None: never."""
    ends_at = None if days is None else NOW + timedelta(days=days)
    await facebook.put(token_facts={"expires_at": 0 if ends_at is None else int(ends_at.timestamp())})
    return ends_at


async def list_ends(entering: Entering, tenant_id: int = ACME) -> list[datetime | None]:
    told = [one["credentials_expire_at"] for one in await entering.list(tenant_id)]
    return [None if one is None else datetime.fromisoformat(one) for one in told]


async def list_alerts(worker: DrainContext, entering: Entering, tenant_id: int = ACME) -> list[str]:
    facts = await read_all_facts(worker.database, worker.queue, worker.settings)
    await evaluate_alerts(worker.database, worker.settings, facts, datetime.now(UTC))
    found = [one.rule for one in await list_open_alerts(entering.cast.office, tenant_id)]
    return [one for one in found if one == "credentials_expiring"]


async def test_the_end_is_kept_warned_of_ahead_and_gone_when_the_token_is_renewed(
    entering: Entering, accounts: Accounts, workers: list[DrainContext]
) -> None:
    facebook = accounts.facebook
    ends_at = await end_in(facebook, 10)
    made = await entering.create(NAME, credentials_expire_at="2031-01-01T00:00:00Z")
    assert [one["code"] for one in made["findings"]] == ["token_ends"]
    assert await list_ends(entering) == [ends_at], "Meta knows better than whoever entered it"
    assert await list_alerts(workers[0], entering) == ["credentials_expiring"]
    assert await list_alerts(workers[0], entering, GLOBEX) == []
    anew = f"anew-{facebook.token}"
    await facebook.put(tokens=[anew], token_facts={"expires_at": 0})
    await entering.change(made["id"], access_token=anew)
    assert await list_ends(entering) == [None]
    assert await list_alerts(workers[0], entering) == []


async def test_what_nobody_can_ask_for_is_as_it_was_said(entering: Entering) -> None:
    await entering.create("google_ads", credentials_expire_at="2031-01-01T00:00:00Z")
    await entering.create(NAME, app_secret=None, credentials_expire_at="2032-01-01T00:00:00Z")
    assert await list_ends(entering) == [datetime(2031, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)]


async def test_it_is_asked_once_a_day_however_many_workers_there_are(
    entering: Entering, accounts: Accounts, workers: list[DrainContext], superuser: Any
) -> None:
    facebook = accounts.facebook
    await end_in(facebook, 40)
    await entering.create(NAME)
    await entering.create("google_ads")
    assert await list_alerts(workers[0], entering) == []
    ends_at = await end_in(facebook, 12)

    async def count() -> int:
        counted: dict[str, int] = await facebook.control("GET", "calls")
        return counted["debug_token"]

    before = await count()
    assert sum(await asyncio.gather(*(turn(worker) for worker in workers))) == 1
    assert (await count(), await list_ends(entering)) == (before + 1, [ends_at, None])
    assert await list_alerts(workers[0], entering) == ["credentials_expiring"]
    await superuser.execute("UPDATE tenant_integrations SET end_asked_at = now() - interval '23 hours'")
    assert await turn(workers[0]) == 0
    await end_in(facebook, None)
    await superuser.execute("UPDATE tenant_integrations SET end_asked_at = now() - interval '25 hours'")
    assert sum(await asyncio.gather(*(turn(worker) for worker in workers))) == 1
    assert await list_ends(entering) == [None, None]
    assert await list_alerts(workers[0], entering) == []


async def test_what_could_not_be_told_stays_and_is_asked_again_within_the_hour(
    entering: Entering, accounts: Accounts, workers: list[DrainContext], superuser: Any
) -> None:
    facebook = accounts.facebook
    ends_at = await end_in(facebook, 20)
    await entering.create(NAME)
    await facebook.tell("debug_token", {"status": 502, "body": "no JSON"})
    assert await turn(workers[0]) == 1
    assert await list_ends(entering) == [ends_at]
    assert await turn(workers[0]) == 0
    left = await superuser.fetchval("SELECT end_asked_at + interval '1 day' - now() FROM tenant_integrations")
    assert timedelta(minutes=59) < left <= timedelta(hours=1)


@pytest.mark.parametrize("status", ["paused", "credentials_refused"])
async def test_nobody_asks_for_what_is_not_used(
    entering: Entering, workers: list[DrainContext], superuser: Any, status: str
) -> None:
    await entering.create(NAME)
    await superuser.execute("UPDATE tenant_integrations SET status = $1", status)
    assert await turn(workers[0]) == 0


async def test_so_many_are_asked_about_a_minute_and_no_more(
    entering: Entering, accounts: Accounts, make_settings: Callable[..., Settings], sandbox_process: str
) -> None:
    facebook = accounts.facebook
    await entering.create(NAME)
    await entering.create(NAME, tenant_id=GLOBEX)
    await end_in(facebook, 30)
    async with AsyncExitStack() as resources:
        settings = make_settings("worker", credential_checks_per_minute=1, **find_urls(sandbox_process))
        worker = await build_context(settings, resources)
        assert [await turn(worker) for _ in range(3)] == [1, 1, 0]
    assert await list_ends(entering, ACME) == await list_ends(entering, GLOBEX) != [None]

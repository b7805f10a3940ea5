"""What was entered for MercadoLibre, Google Ads and Facebook Ads, and what came of it, stands nowhere in the clear: not
in a table or Redis, not in a log, an answer or an error, whatever goes wrong on the way."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import structlog
from redis.asyncio import Redis

from app.core.settings import Settings
from tests.integration.api.conftest import ACME, read
from tests.integration.api.integrations.accounts import Accounts, Entering, accounts, entering
from tests.integration.api.integrations.conftest import PATH, find_urls
from tests.integration.sandbox.test_facebook_ads import error
from workers.context import DrainContext
from workers.main import build_context

__all__ = ["accounts", "entering"]

Dump = Callable[[], Awaitable[tuple[str, str]]]
TYPES = ("mercadolibre", "google_ads", "facebook_ads")
SECRETS = ("client_secret", "refresh_token", "access_token", "app_secret")
ISSUED = ("APP_USR-", "TG-", "ya29.")  # what the providers' own tokens begin with


async def dump_tables(superuser: Any) -> str:
    names = await superuser.fetch("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace ="
                                  " 'public'::regnamespace")  # fmt: skip
    rows = [await superuser.fetch(f"SELECT t::text FROM {row['relname']} AS t") for row in names]
    return str(rows)


async def dump_redis(redis: Redis) -> str:
    found = [key async for key in redis.scan_iter()]
    return str([(key, await redis.dump(key)) for key in found])


async def go_through(entering: Entering, accounts: Accounts) -> list[str]:
    """Everything that can be done with credentials, and what goes wrong with it. All answers."""
    told: list[Any] = []
    meli, google, facebook = accounts
    for name in TYPES:
        told.append(await entering.validate(name))
        made = await entering.create(name)
        told += [made, await entering.post(made["id"], "validate")]
        async with entering.cast.client(ACME) as client:
            for wrong in ({"nonsense": "x"}, {"client_secret": "\n"}, {"access_token": "a b"}):
                config = {**accounts.fill(name), **wrong}
                for path in (f"{PATH}/validate/{name}", PATH):
                    body = {"config": config} | ({"tenant_id": ACME, "type": name} if path == PATH else {})
                    told.append(read(await client.post(path, json=body), 422))
            told.append(read(await client.put(f"{PATH}/{made['id']}", json={"config": {"client_id": "other"}}), 422)
                        if name != "facebook_ads" else None)  # fmt: skip
    garbage = {"status": 200, "body": f"{meli.application.seed} {google.grant} {facebook.token}"}
    refused = {"status": 400, "body": {"error": "odd", "message": meli.application.seed, "status": 400}}
    await meli.tell("me", garbage)
    await google.tell("list", garbage)
    await facebook.tell("account", garbage)
    [seller, advertiser, ad_account] = [one["id"] for one in await entering.list()]
    told += [await entering.post(one, "validate") for one in (seller, advertiser, ad_account)]
    await meli.tell("search", refused)
    await facebook.tell("debug_token", error(100))
    told += [await entering.post(one, "validate") for one in (seller, ad_account)]
    return [str(one) for one in told]


@pytest.fixture
def dump(superuser: Any, redis: Redis) -> Dump:
    """All tables and all of Redis, as text."""

    async def read_all() -> tuple[str, str]:
        return await dump_tables(superuser), await dump_redis(redis)

    return read_all


@pytest.fixture
async def worker(make_settings: Callable[..., Settings], sandbox_process: str) -> AsyncIterator[DrainContext]:
    async with AsyncExitStack() as resources:
        yield await build_context(make_settings("worker", **find_urls(sandbox_process)), resources)


async def test_no_secret_is_left_in_the_clear_anywhere(
    entering: Entering, accounts: Accounts, dump: Dump, worker: DrainContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as lines:
        answers = await go_through(entering, accounts)
        await accounts.facebook.put(token_facts={"expires_at": 2**32})
        assert worker.ends is not None
        assert await worker.ends.run_turn() == 1
    tables, kept = await dump()
    assert accounts.meli.user_id in tables, "tables are looked at"
    assert any(line["event"] == "credentials.end_told" for line in lines), "logs are looked at"
    entered = {value for name in TYPES for field, value in accounts.fill(name).items() if field in SECRETS}
    assert len(entered) == 6
    for text in (*answers, str(lines), caplog.text, tables, kept):
        for secret in (*entered, *ISSUED):
            assert secret not in text
            assert secret.encode().hex() not in text

"""MercadoLibre connected with a refresh token that is good once: a check uses it up, and nothing of it is lost."""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.connectors.mercadolibre.client import Seller
from app.core.settings import Settings
from app.services.token_shelves import IntegrationShelf
from app.services.token_vault import TokenVault
from db.entered_tokens import forget_entered
from db.integration_tokens import TokenPlace
from db.pool import Database
from tests.integration.api.conftest import ACME, GLOBEX
from tests.integration.api.integrations.accounts import Accounts, Entering, accounts, entering
from tests.integration.api.integrations.conftest import PATH, find_urls
from tests.integration.sandbox.test_mercadolibre import Meli

__all__ = ["accounts", "entering"]

ROOT = Path(__file__).resolve().parents[4]
NAME = "mercadolibre"


@dataclass
class Sales:
    """acme's seller; `refreshes` counts since the test began."""

    entering: Entering
    meli: Meli
    superuser: Any
    counted_before: int

    async def refreshes(self) -> int:
        return await self.meli.count("token") - self.counted_before

    async def create(self, status: int = 201, **changes: Any) -> Any:
        return await self.entering.create(NAME, status, **changes)

    async def look(self, **changes: str | None) -> list[str]:
        return [one["code"] for one in (await self.entering.validate(NAME, **changes))["findings"]]

    async def dump(self) -> str:
        tables = ("entered_tokens", "integration_tokens", "tenant_integrations", "audit_entries")
        return str([await self.superuser.fetch(f"SELECT t::text FROM {table} AS t") for table in tables])

    async def read_as_worker(self, database: Database, keyring: Any, settings: Settings, number: int = 1) -> str | None:
        """Who the seller is, as a drain or a sync finds out with what the integration holds."""
        shelf = IntegrationShelf(database, keyring, TokenPlace(ACME, number))
        vault = TokenVault(shelf, settings, self.meli.application.origin)
        me = await self.meli.make_client().get_me(Seller(self.meli.application, vault))
        return me.find_text("id")


@pytest.fixture
async def sales(entering: Entering, accounts: Accounts, superuser: Any) -> Sales:
    return Sales(entering, accounts.meli, superuser, await accounts.meli.count("token"))


async def test_validated_then_created_then_read_with_one_refresh_in_all(
    sales: Sales, database: Database, keyring: Any, settings: Settings
) -> None:
    assert await sales.look() == ["all_fine"]
    assert await sales.look() == ["all_fine"], "a second time, of what is kept"
    made = await sales.create()
    assert (made["account"], made["config"]["user_id"]) == (sales.meli.user_id, sales.meli.user_id)
    assert await sales.read_as_worker(database, keyring, settings) == sales.meli.user_id
    assert (await sales.entering.post(made["id"], "validate"))["valid"]
    assert await sales.refreshes() == 1
    assert await sales.look() == ["reconnect"], "an integration has it: it is nobody else's any more"
    assert await sales.refreshes() == 1
    shown = await sales.dump()
    for secret in (sales.meli.application.seed, "canary-secret", "APP_USR", "TG-"):
        assert secret not in shown


async def test_created_at_once_it_is_of_the_seller_that_mercadolibre_tells(sales: Sales) -> None:
    made = await sales.create()
    assert (made["account"], made["accepted_accounts"], await sales.refreshes()) == (
        sales.meli.user_id, [sales.meli.user_id], 1,
    )  # fmt: skip
    assert [one["code"] for one in made["findings"]] == ["all_fine"]
    assert await sales.entering.list(GLOBEX) == []
    assert await sales.superuser.fetchval("SELECT count(*) FROM integration_tokens WHERE tenant_id <> $1", ACME) == 0


async def test_a_creation_that_failed_uses_nothing_up(sales: Sales) -> None:
    wrong = await sales.create(422, site_id="MLB")
    assert [(one["pointer"], one["code"]) for one in wrong["errors"]] == [("/config/site_id", "wrong_site")]
    assert await sales.entering.list() == []
    made = await sales.create()
    assert (made["account"], await sales.refreshes()) == (sales.meli.user_id, 1)


async def test_a_mistyped_secret_is_not_called_good_because_of_what_is_kept(sales: Sales) -> None:
    assert await sales.look() == ["all_fine"]
    wrong = await sales.create(422, client_secret="mistyped-canary")
    assert [one["code"] for one in wrong["errors"]] == ["wrong_client"]
    assert (await sales.create())["account"] == sales.meli.user_id


async def test_the_same_seed_is_the_integration_of_whoever_makes_it_first(sales: Sales) -> None:
    await sales.look()
    fields = sales.entering.accounts.fill(NAME)

    async def post(tenant_id: int) -> int:
        async with sales.entering.cast.client(tenant_id) as client:
            answer = await client.post(PATH, json={"tenant_id": tenant_id, "type": NAME, "config": fields})
        return answer.status_code

    statuses = await asyncio.gather(post(ACME), post(GLOBEX))
    assert sorted(statuses)[0] == 201
    assert sorted(statuses)[1] in {409, 422}
    assert len(await sales.entering.list()) + len(await sales.entering.list(GLOBEX)) == 1
    count = "SELECT count(*) FROM integration_tokens WHERE sealed IS NOT NULL"
    assert await sales.superuser.fetchval(count) == 1
    assert await sales.refreshes() == 1


async def test_one_seller_is_connected_once_and_another_seed_of_it_goes_to_what_there_is(sales: Sales) -> None:
    made = await sales.create()
    anew = f"TG-anew-{sales.meli.user_id}"
    await sales.meli.control("PATCH", "sellers", {sales.meli.user_id: {"refresh_token": anew}})
    assert (await sales.create(409, refresh_token=anew))["code"] == "conflict"
    await sales.entering.change(made["id"], refresh_token=anew)
    assert await sales.refreshes() == 2, "what the refused creation brought forth was used"
    assert (await sales.entering.post(made["id"], "validate"))["valid"]


async def test_while_mercadolibre_is_away_nobody_knows_whose_account_it_is(sales: Sales) -> None:
    away = {"status": 503, "body": {"error": "unavailable", "status": 503}}
    await sales.meli.tell("token", away, away)
    refused = await sales.create(422)
    assert [(one["pointer"], one["code"]) for one in refused["errors"]] == [("/config/user_id", "provider_unavailable")]
    assert "Try again" in refused["errors"][0]["detail"]
    assert await sales.entering.list() == []
    await sales.meli.tell("token", away, away)
    made = await sales.create(user_id=sales.meli.user_id)
    assert (made["account"], made["findings"][0]["code"]) == (sales.meli.user_id, "provider_unavailable")


async def test_another_sellers_authorisation_changes_nothing(sales: Sales, accounts: Accounts) -> None:
    made = await sales.create()
    theirs, seed = f"9{sales.meli.user_id[1:]}", f"TG-theirs-{sales.meli.user_id}"
    other = {"client_id": sales.meli.application.client_id, "client_secret": "canary-secret", "refresh_token": seed}
    await sales.meli.control("PUT", "sellers", {theirs: other})
    refused = await sales.entering.change(made["id"], 409, refresh_token=seed)
    assert "never changes" in refused["detail"]
    assert (await sales.entering.post(made["id"], "validate"))["valid"], "its own tokens are as they were"
    assert await sales.refreshes() == 2
    accounts.meli.application = accounts.meli.application._replace(seed=seed)
    made = await sales.create()
    assert (made["account"], await sales.refreshes()) == (theirs, 2), "nor was the other one lost"


async def test_new_credentials_bring_a_dead_authorisation_back(
    sales: Sales, database: Database, keyring: Any, settings: Settings
) -> None:
    made = await sales.create()
    await sales.meli.control("PATCH", "sellers", {sales.meli.user_id: {"refresh_token": None}})
    await sales.meli.control("DELETE", f"access_tokens/{sales.meli.user_id}")
    assert [one["code"] for one in (await sales.entering.post(made["id"], "validate"))["findings"]] == ["reconnect"]
    await sales.superuser.execute("UPDATE tenant_integrations SET status = 'credentials_refused'")
    same = await sales.entering.change(made["id"], 422, refresh_token=sales.meli.application.seed)
    assert [one["code"] for one in same["errors"]] == ["reconnect"], "tried once more, since somebody entered it"
    anew = f"TG-anew-{sales.meli.user_id}"
    await sales.meli.control("PATCH", "sellers", {sales.meli.user_id: {"refresh_token": anew}})
    changed = await sales.entering.change(made["id"], refresh_token=anew)
    assert changed["status"] == "active"
    sales.meli.application = sales.meli.application._replace(seed=anew)
    before = await sales.refreshes()
    assert await sales.read_as_worker(database, keyring, settings) == sales.meli.user_id
    assert await sales.refreshes() == before


async def test_a_changed_secret_is_tried_with_the_tokens_there_are(sales: Sales) -> None:
    made = await sales.create()
    wrong = await sales.entering.change(made["id"], 422, client_secret="mistyped-canary")
    assert [one["code"] for one in wrong["errors"]] == ["wrong_client"]
    assert (await sales.entering.post(made["id"], "validate"))["valid"]
    await sales.meli.control("PATCH", "sellers", {sales.meli.user_id: {"client_secret": "rotated-canary"}})
    await sales.entering.change(made["id"], client_secret="rotated-canary")
    assert (await sales.entering.post(made["id"], "validate"))["valid"]


async def test_what_is_not_used_is_forgotten_after_its_days(sales: Sales, database: Database) -> None:
    await sales.look()
    await sales.superuser.execute("UPDATE entered_tokens SET updated_at = now() - interval '6 days'")
    assert await forget_entered(database, 7) == 0
    await sales.superuser.execute("UPDATE entered_tokens SET updated_at = now() - interval '8 days'")
    assert await forget_entered(database, 7) == 1
    assert await sales.look() == ["reconnect"]


KILLED = """
import asyncio, os, signal, sys
from contextlib import AsyncExitStack
from app.core.settings import read_settings
from app.services import integration_checks
from app.services.office import open_office
from schemas.integrations import IntegrationFields

async def main():
    async with AsyncExitStack() as resources:
        office = await open_office(read_settings(), resources, application_name="killed")
        fields = dict(word.split("=", 1) for word in sys.argv[1:])
        found = await integration_checks.validate_fields(office, "mercadolibre", IntegrationFields(config=fields))
        assert found.valid, found
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_who_dies_between_the_refresh_and_the_creation_loses_nothing(
    sales: Sales, installation: Any, valkey: Any, sandbox_process: str
) -> None:
    fields = sales.entering.accounts.fill(NAME)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, *(f"{name}={value}" for name, value in fields.items()),
        env={**os.environ, **installation.environment("web", redis_url=valkey.url, **find_urls(sandbox_process))},
        cwd=ROOT, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, told = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == -signal.SIGKILL, told.decode()
    assert await sales.refreshes() == 1
    assert (await sales.create())["account"] == sales.meli.user_id
    assert await sales.refreshes() == 1

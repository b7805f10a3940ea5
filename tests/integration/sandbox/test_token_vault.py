"""MercadoLibre's tokens in Postgres: processes that refresh at once, die in the middle, or come too late."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import pytest
import structlog

from app.connectors.mercadolibre.client import Seller
from app.connectors.vault import Tokens
from app.core.errors import CredentialsRefusedError, ProviderUnavailableError, SealingError
from app.core.settings import Settings
from app.services.integrations import LiveIntegrations, seal_credentials
from app.services.keyring import Keyring
from app.services.token_shelves import IntegrationShelf
from app.services.token_vault import TokenVault
from db.integration_tokens import (
    TokenPlace,
    commit_tokens,
    find_tokens,
    forget_tokens,
    forgive_refusal,
    release_lease,
    take_lease,
)
from db.integrations import insert_integration
from db.pool import Database
from db.tenants import insert_organization, insert_tenant
from tests.integration.db.cast import ACME, GLOBEX
from tests.integration.sandbox.test_mercadolibre import Meli

ROOT = Path(__file__).resolve().parents[3]
LEASE_S = 2.0


@dataclass
class World:
    """acme and globex with one integration each; `meli` is acme's seller."""

    meli: Meli
    database: Database
    keyring: Keyring
    installation: Any
    superuser: Any
    settings: Settings
    processes: list[Process] = field(default_factory=list)

    def vault(self, tenant_id: int = ACME, **changes: Any) -> TokenVault:
        settings = self.settings.model_copy(update=changes)
        return TokenVault(
            IntegrationShelf(self.database, self.keyring, TokenPlace(tenant_id, 1)),
            settings,
            self.meli.application.origin,
        )

    def seller(self, **changes: Any) -> Seller:
        return Seller(self.meli.application, self.vault(**changes))

    async def start(self, mode: str, kind: str = "worker", **settings: Any) -> Process:
        """A process that is about to begin."""
        application = self.meli.application
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.integration.sandbox.refresher", mode, str(ACME), application.client_id),
            *(application.client_secret, application.seed, f"{self.meli.url}/mercadolibre"),
            env={**os.environ, **self.installation.environment(kind, **{"token_lease_s": LEASE_S, **settings})},
            cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        self.processes.append(process)
        assert await read(process) == "ready"
        return process

    async def dump(self) -> str:
        return str(await self.superuser.fetch("SELECT t::text FROM integration_tokens AS t"))


def go(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")


async def read(process: Process) -> str:
    assert process.stdout is not None
    assert process.stderr is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()
    return line or (await process.stderr.read()).decode()


async def expire(world: World) -> None:
    await world.superuser.execute("UPDATE integration_tokens SET lease_until = now() - interval '1 second'")


@pytest.fixture
async def meli(sandbox_process: str) -> AsyncIterator[Meli]:
    async with aiohttp.ClientSession() as session:
        meli = Meli(sandbox_process, session)
        await meli.put()
        yield meli
        await meli.outbound.aclose()


@pytest.fixture
async def web(open_database: Callable[..., Awaitable[Database]]) -> Database:
    return await open_database("web")


@pytest.fixture
async def planted(web: Database, keyring: Keyring, meli: Meli) -> Keyring:
    """acme's and globex's keys; both have one integration."""
    await insert_organization(web, 1, "The cast")
    for tenant_id, name in ((ACME, "acme"), (GLOBEX, "globex")):
        await insert_tenant(web, tenant_id, organization_id=1, name=name, slug=name, type="trial", plan="x")
        keys = await keyring.create_tenant_keys(tenant_id)
        credentials = {"client_secret": "canary-secret", "refresh_token": meli.application.seed}
        sealed = seal_credentials(keys, "mercadolibre", name, credentials)
        async with web.tenant_tx(tenant_id, "test") as connection:
            await insert_integration(
                connection, tenant_id, 1, connector="mercadolibre", account=name, sealed_credentials=sealed
            )
    return keyring


@pytest.fixture
async def world(
    meli: Meli, planted: Keyring, database: Database, installation: Any, settings: Settings
) -> AsyncIterator[World]:
    superuser = await asyncpg.connect(installation.database_urls["postgres"])
    world = World(meli, database, planted, installation, superuser, settings)
    yield world
    for process in world.processes:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    await superuser.close()


async def test_two_processes_that_refresh_at_once_make_one_call_and_both_have_the_token(world: World) -> None:
    processes = await asyncio.gather(world.start("get", "worker"), world.start("get", "syncer"))
    before = await world.meli.count("token")
    for process in processes:
        go(process)
    told = await asyncio.gather(*map(read, processes))
    held = await world.vault().read()
    assert held is not None
    assert set(told) == {sha256(held.access_token.encode()).hexdigest()}
    assert await world.meli.count("token") == before + 1
    # Nobody is locked out: the token works, and the next refresh does.
    assert (await world.meli.client.get_me(world.seller())).find_text("id") == world.meli.user_id
    await world.meli.control("DELETE", f"access_tokens/{world.meli.user_id}")
    assert (await world.meli.client.get_me(world.seller())).find_text("id") == world.meli.user_id
    assert await world.meli.count("token") == before + 2


async def test_another_takes_over_from_a_holder_that_was_killed_when_its_lease_ends(world: World) -> None:
    holder, other = await asyncio.gather(world.start("hold"), world.start("get"))
    go(holder)
    assert await read(holder) == "held"
    began = time.monotonic()
    holder.kill()
    await holder.wait()
    before = await world.meli.count("token")
    go(other)
    assert len(await read(other)) == 64
    assert LEASE_S - 0.5 < time.monotonic() - began < LEASE_S + 15
    assert await world.meli.count("token") == before + 1


async def test_whoever_waits_too_long_for_a_lease_is_told_so(world: World) -> None:
    before = await world.meli.count("token")
    async with world.vault().hold():
        with pytest.raises(ProviderUnavailableError):
            await world.meli.client.get_tokens(world.seller(token_wait_s=0.3))
    assert await world.meli.count("token") == before
    assert (await world.meli.client.get_tokens(world.seller())).user_id == world.meli.user_id


async def test_a_crash_between_answer_and_commit_ends_in_reconnect_and_not_in_a_loop(world: World) -> None:
    crashing = await world.start("crash")
    before = await world.meli.count("token")
    go(crashing)
    assert await crashing.wait() == -9
    assert await world.meli.count("token") == before + 1
    for _ in range(3):
        with pytest.raises(CredentialsRefusedError):
            await world.meli.client.get_tokens(world.seller())
    assert await world.meli.count("token") == before + 2, "one look whether it was used up"


async def test_a_revoked_token_ends_in_reconnect_needed_until_another_is_entered(world: World) -> None:
    live = LiveIntegrations(world.database, world.keyring)
    await world.meli.client.get_tokens(world.seller())
    await world.meli.control("PATCH", "sellers", {world.meli.user_id: {"refresh_token": None}})
    await world.meli.control("DELETE", f"access_tokens/{world.meli.user_id}")
    before = await world.meli.count("token")
    for _ in range(4):
        with pytest.raises(CredentialsRefusedError) as caught:
            await world.meli.client.get_me(world.seller())
        assert (caught.value.status, caught.value.told) == (401, "invalid_grant")
    assert await world.meli.count("token") == before + 1
    await live.note_refused(await live.get(ACME, 1))
    status = "SELECT tenant_id, status FROM tenant_integrations ORDER BY tenant_id"
    assert dict(await world.superuser.fetch(status)) == {ACME: "credentials_refused", GLOBEX: "active"}
    with pytest.raises(CredentialsRefusedError):
        await live.get(ACME, 1)
    anew = f"TG-anew-{world.meli.user_id}"
    await world.meli.control("PATCH", "sellers", {world.meli.user_id: {"refresh_token": anew}})
    world.meli.application = world.meli.application._replace(seed=anew)
    assert (await world.meli.client.get_me(world.seller())).find_text("id") == world.meli.user_id


async def test_credentials_that_are_entered_again_are_worth_one_try(world: World, web: Database) -> None:
    await world.meli.tell("token", {"status": 400, "body": {"error": "invalid_grant", "status": 400}})
    for _ in range(2):
        with pytest.raises(CredentialsRefusedError):
            await world.meli.client.get_tokens(world.seller())
    async with web.tenant_tx(ACME, "test") as connection:
        await forgive_refusal(connection, TokenPlace(ACME, 1))
    assert (await world.meli.client.get_tokens(world.seller())).user_id == world.meli.user_id


async def test_a_commit_that_comes_after_somebody_took_over_is_fenced(world: World) -> None:
    late, other = world.vault(), world.vault()
    tokens = await world.meli.client.get_tokens(world.seller())
    async with late.hold():
        await expire(world)
        async with other.hold():
            with pytest.raises(ProviderUnavailableError):
                await late.commit(tokens._replace(access_token="late"))
            await other.commit(tokens._replace(access_token="other"))
    held = await world.vault().read()
    assert held is not None
    assert held.access_token == "other"


async def test_a_commit_after_the_lease_counts_while_nobody_took_over(world: World) -> None:
    tokens = await world.meli.client.get_tokens(world.seller())
    vault = world.vault()
    async with vault.hold():
        await expire(world)
        await vault.commit(tokens._replace(access_token="late"))
    assert await world.vault().read() == tokens._replace(access_token="late")


async def test_an_old_holder_neither_gives_back_nor_condemns_what_another_holds(world: World) -> None:
    place, old, new = TokenPlace(ACME, 1), uuid4(), uuid4()
    async with world.database.tenant_tx(ACME, "test") as connection:
        assert await take_lease(connection, place, old, 0, "a")
        assert await take_lease(connection, place, new, 30, "a")
        await release_lease(connection, place, old, "a")
    row = await world.superuser.fetchrow("SELECT lease_holder, refused_origin FROM integration_tokens")
    assert row["lease_holder"] == new
    assert row["refused_origin"] is None


async def test_who_refreshes_an_integration_that_is_deleted_commits_nothing(world: World, web: Database) -> None:
    tokens = await world.meli.client.get_tokens(world.seller())
    vault = world.vault()
    async with vault.hold():
        async with web.tenant_tx(ACME, "test") as connection:
            await forget_tokens(connection, TokenPlace(ACME, 1))
        with pytest.raises(ProviderUnavailableError):
            await vault.commit(tokens)
    assert await world.vault().read() is None


async def test_neither_tenant_sees_nor_holds_nor_opens_the_others_tokens(world: World) -> None:
    ours = await world.meli.client.get_tokens(world.seller())
    assert await world.vault(GLOBEX).read() is None
    async with world.vault().hold(), world.vault(GLOBEX, token_wait_s=0).hold():
        pass  # one integration's lease is nobody else's
    theirs = ours._replace(access_token="theirs")
    vault = world.vault(GLOBEX)
    async with vault.hold():
        await vault.commit(theirs)
    assert (await world.vault().read(), await world.vault(GLOBEX).read()) == (ours, theirs)
    # A blob that is carried over opens neither for another tenant nor for another integration.
    await world.superuser.execute(
        "UPDATE integration_tokens SET sealed = (SELECT sealed FROM integration_tokens WHERE tenant_id = $1)", ACME
    )
    with pytest.raises(SealingError):
        await world.vault(GLOBEX).read()
    await world.superuser.execute("UPDATE integration_tokens SET integration_id = 2 WHERE tenant_id = $1", ACME)
    moved = TokenVault(
        IntegrationShelf(world.database, world.keyring, TokenPlace(ACME, 2)), world.settings, ours.origin
    )
    with pytest.raises(SealingError):
        await moved.read()


async def test_no_token_stands_anywhere_in_the_clear(world: World) -> None:
    with structlog.testing.capture_logs() as logs:
        first = await world.meli.client.get_tokens(world.seller())
        second = await world.meli.client._tokens.get(
            world.meli.application, world.vault(), "live", refused=first.access_token
        )
        vault = world.vault()
        async with vault.hold():
            await expire(world)
            async with world.vault().hold():
                with pytest.raises(ProviderUnavailableError) as caught:
                    await vault.commit(second)
    assert [line["event"] for line in logs if line["event"].startswith("tokens.")] == ["tokens.commit_too_late"]
    process = await world.start("get")
    go(process)
    told = await read(process)
    assert process.stderr is not None
    told += (await process.stderr.read()).decode()
    seen = f"{await world.dump()} {logs} {caught.value} {told}"
    assert await world.dump()
    for secret in (*_list_secrets(first), *_list_secrets(second), "canary-secret", world.meli.application.seed):
        assert secret not in seen
        assert secret.encode().hex() not in seen


def _list_secrets(tokens: Tokens) -> tuple[str, str]:
    return tokens.access_token, tokens.refresh_token


async def test_a_commit_is_tried_again_while_the_lease_lasts(world: World) -> None:
    tokens = await world.meli.client.get_tokens(world.seller())
    vault = world.vault()
    with structlog.testing.capture_logs() as logs:
        async with vault.hold():
            await world.superuser.execute("ALTER TABLE integration_tokens RENAME TO away")
            commit = asyncio.create_task(vault.commit(tokens._replace(access_token="new")))
            while not logs and not commit.done():  # noqa: ASYNC110 - a log line rings no bell
                await asyncio.sleep(0.01)
            await world.superuser.execute("ALTER TABLE away RENAME TO integration_tokens")
            await commit
    assert {line["event"] for line in logs} == {"tokens.commit_repeated"}
    assert await world.vault().read() == tokens._replace(access_token="new")


async def test_a_commit_whose_answer_was_lost_may_be_repeated_and_leaves_the_next_lease_alone(world: World) -> None:
    place, first, second = TokenPlace(ACME, 1), uuid4(), uuid4()
    async with world.database.tenant_tx(ACME, "test") as connection:
        assert await take_lease(connection, place, first, 30, "a")
        assert not await take_lease(connection, place, second, 30, "a")
        assert await commit_tokens(connection, place, first, b"blob", 1)
        assert await take_lease(connection, place, second, 30, "a")
        assert await commit_tokens(connection, place, first, b"blob", 1)
        assert not await commit_tokens(connection, place, first, b"another", 1)
        assert await commit_tokens(connection, place, second, b"next", 1)
        assert (await find_tokens(connection, place)).sealed == b"next"

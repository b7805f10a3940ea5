"""From Postgres to the receiver: endpoints made, rotated and revoked by the services, called over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from redis.asyncio import Redis

from app.core.directory import ENDPOINTS_KEY, GENERATION_KEY, EndpointKind
from app.core.errors import QueueUnavailableError
from app.core.inline import inline_info
from app.core.sealing import TenantKeys
from app.core.settings import Settings
from app.services.audit import Actor
from app.services.directory import ensure_directory_published, publish_directory
from app.services.endpoints import (
    EndpointNotFoundError,
    IssuedEndpoint,
    create_endpoint,
    reseal_inline_endpoints,
    retire_previous_secret,
    reveal_endpoint,
    revoke_endpoint,
    rotate_secret,
)
from app.services.keyring import Keyring
from app.services.tenant_lifecycle import TenantOffice, activate_tenant, suspend_tenant
from db.integrations import insert_integration
from db.tenants import insert_organization, insert_tenant
from schemas.events import decode_event
from scripts.stack.valkey import EmbeddedValkey
from tests.integration.receiver.support import (
    ACME,
    GLOBEX,
    Endpoint,
    Receiver,
    read_queue,
    start_receiver,
    wait_until,
)

if TYPE_CHECKING:
    from db.pool import Database


@dataclass
class Office:
    """What an operator works with: acme and globex exist, each with keys and one integration."""

    database: "Database"
    redis: Redis
    settings: Settings
    keyring: Keyring
    keys: dict[int, TenantKeys]

    async def create(self, kind: EndpointKind, tenant_id: int = ACME) -> IssuedEndpoint:
        account = {ACME: "acme", GLOBEX: "globex"}[tenant_id]
        return await create_endpoint(
            self.database, self.redis, self.settings, self.keys[tenant_id],
            integration_id=3, kind=kind, accounts=[account.upper()],
        )  # fmt: skip


@pytest.fixture
async def office(
    open_database: Callable[..., Awaitable["Database"]],
    make_settings: Callable[..., Settings],
    keyring: Keyring,
    redis: Redis,
) -> Office:
    database = await open_database("web")
    await insert_organization(database, 1, "group")
    keys = {}
    for tenant_id, slug in ((ACME, "acme"), (GLOBEX, "globex")):
        await insert_tenant(
            database, tenant_id, organization_id=1, name=slug, slug=slug, type="business", plan="standard"
        )
        async with database.tenant_tx(tenant_id, "test") as connection:
            await insert_integration(connection, tenant_id, 3, connector="vtex", account=slug)
        keys[tenant_id] = await keyring.create_tenant_keys(tenant_id)
    return Office(database, redis, make_settings("web"), keyring, keys)


@pytest.fixture
async def called(office: Office, valkey: EmbeddedValkey, tmp_path: Path) -> AsyncIterator[Receiver]:
    token_key = office.settings.get_url("endpoint_token_key")
    async with start_receiver(valkey.url, tmp_path, endpoint_token_key=token_key) as receiver:
        yield receiver


def as_caller(issued: IssuedEndpoint, secret: str | None = None) -> Endpoint:
    given = secret or issued.secret
    return Endpoint(kind=issued.kind, token=issued.token, account=issued.accounts[0], secrets=[given] if given else [])


async def test_an_endpoint_takes_calls_as_soon_as_it_is_made(office: Office, called: Receiver) -> None:
    hook, trigger = await office.create("order_hook"), await office.create("customer_trigger", GLOBEX)
    assert (await called.post(as_caller(hook))).status_code == 200
    assert (await called.post(as_caller(trigger), b'{"id": "1"}')).status_code == 200
    assert len(await read_queue(office.redis, ACME)) == len(await read_queue(office.redis, GLOBEX)) == 1


async def test_rotation_keeps_the_previous_secret_until_it_is_retired(office: Office, called: Receiver) -> None:
    issued = await office.create("order_hook")
    who = (office.database, office.redis, office.settings, office.keys[ACME], issued.endpoint_id)
    second = await rotate_secret(*who)

    async def is_taken(secret: str) -> bool:
        return (await called.post(as_caller(issued, secret))).status_code == 200

    await wait_until(lambda: is_taken(second), 1.0)
    assert await is_taken(issued.secret or "")
    assert (
        await reveal_endpoint(office.database, office.settings, office.keys[ACME], issued.endpoint_id)
    ).secret == second
    await retire_previous_secret(*who)

    async def is_refused() -> bool:
        return not await is_taken(issued.secret or "")

    await wait_until(is_refused, 1.0)
    assert await is_taken(second)
    third = await rotate_secret(*who)
    fourth = await rotate_secret(*who)
    await wait_until(lambda: is_taken(fourth), 1.0)
    assert [await is_taken(secret) for secret in (second, third, fourth)] == [False, True, True]


async def test_a_revoked_endpoint_stops_within_a_second_and_for_ever(office: Office, called: Receiver) -> None:
    issued = await office.create("order_hook")
    assert (await called.post(as_caller(issued))).status_code == 200
    await revoke_endpoint(office.database, office.redis, office.settings, ACME, issued.endpoint_id)

    async def is_refused() -> bool:
        return (await called.post(as_caller(issued))).status_code == 401

    await wait_until(is_refused, 1.0)
    with pytest.raises(EndpointNotFoundError):
        await revoke_endpoint(office.database, office.redis, office.settings, ACME, issued.endpoint_id)
    with pytest.raises(EndpointNotFoundError):
        await rotate_secret(office.database, office.redis, office.settings, office.keys[ACME], issued.endpoint_id)


async def test_a_tenant_cannot_touch_anothers_endpoint(office: Office) -> None:
    issued = await office.create("order_hook", GLOBEX)
    with pytest.raises(EndpointNotFoundError):
        await revoke_endpoint(office.database, office.redis, office.settings, ACME, issued.endpoint_id)
    with pytest.raises(EndpointNotFoundError):
        await reveal_endpoint(office.database, office.settings, office.keys[ACME], issued.endpoint_id)
    with pytest.raises(EndpointNotFoundError):
        await rotate_secret(office.database, office.redis, office.settings, office.keys[ACME], issued.endpoint_id)


async def test_an_inline_document_opens_with_its_tenants_keys_before_and_after_a_rotation(
    office: Office, called: Receiver
) -> None:
    issued = await office.create("inline")
    body = b'{"type": "order.upsert", "data": {"external_id": "o-1"}}'
    caller = as_caller(issued)
    assert (await called.post(caller, body, caller.sign(body))).status_code == 200
    rotated = await office.keyring.rotate(ACME, "inline")
    assert rotated.public_key != office.keys[ACME].public_key
    await reseal_inline_endpoints(office.database, office.redis, office.settings, rotated)
    await asyncio.sleep(0.4)  # the receiver's poll
    assert (await called.post(caller, body, caller.sign(body))).status_code == 200
    for event_id, queued in await read_queue(office.redis):
        event = decode_event(event_id, orjson.dumps(queued))
        info = inline_info(ACME, "brand", "order", "o-1", event_id)
        assert rotated.open_inline(event.sealed or b"", info) == body


@pytest.mark.parametrize("kind", ["order_hook", "customer_trigger", "inline"])
async def test_a_suspended_tenants_calls_are_ignored_and_mark_the_gap_until_it_is_active_again(
    office: Office, called: Receiver, kind: EndpointKind
) -> None:
    caller = as_caller(await office.create(kind))
    inline = b'{"type": "order.upsert", "data": {"external_id": "o-1"}}'
    body = {"order_hook": None, "customer_trigger": b'{"id": "1"}', "inline": inline}[kind]

    async def call() -> Any:
        return (await called.post(caller, body, caller.sign(inline) if kind == "inline" else None)).json()

    lifecycle = TenantOffice(office.database, office.redis, office.settings)
    await suspend_tenant(lifecycle, ACME, "unpaid", Actor("cli", "test"))

    async def is_ignored() -> bool:
        return bool((await call()).get("ignored") == "tenant_suspended")

    await wait_until(is_ignored, 1.0)
    streams = {"order_hook": {b"orders"}, "customer_trigger": {b"customers"}, "inline": {b"orders", b"customers"}}

    async def is_marked() -> bool:
        marks: dict[bytes, bytes] = await office.redis.hgetall("gaps")  # type: ignore[misc]
        return {mark.rsplit(b"|", 1)[1] for mark in marks if mark.startswith(b"56|")} == streams[kind]

    await wait_until(is_marked)
    queued = len(await read_queue(office.redis))
    await activate_tenant(lifecycle, ACME, Actor("cli", "test"))

    async def is_accepted() -> bool:
        return "event_id" in await call()

    await wait_until(is_accepted, 1.0)
    assert len(await read_queue(office.redis)) == queued + 1


async def test_the_directory_is_published_again_only_when_it_is_missing_or_another(office: Office) -> None:
    await office.create("order_hook")
    where = (office.database, office.redis, office.settings)
    assert await ensure_directory_published(*where) is False
    before = int(await office.redis.get(GENERATION_KEY))
    for lost in (GENERATION_KEY, ENDPOINTS_KEY, "directory:version", "directory:fingerprint"):
        await office.redis.delete(lost)
        assert await ensure_directory_published(*where) is True
        assert await ensure_directory_published(*where) is False
    assert int(await office.redis.get(GENERATION_KEY)) == before + 4
    await office.redis.flushall()
    assert await ensure_directory_published(*where) is True


async def test_the_worker_may_publish_too(office: Office, open_database: Callable[..., Awaitable["Database"]]) -> None:
    await office.create("order_hook")
    worker = await open_database("worker")
    assert await publish_directory(worker, office.redis, office.settings) == 1


async def test_an_older_publication_never_replaces_a_newer_one(office: Office) -> None:
    """Redis holds a generation that Postgres has not reached, as after a restore: the next one goes beyond it."""
    await office.create("order_hook")
    await office.redis.set(GENERATION_KEY, 1_000)
    await publish_directory(office.database, office.redis, office.settings)
    assert int(await office.redis.get(GENERATION_KEY)) == 1_001
    await asyncio.gather(
        *(publish_directory(office.database, office.redis, office.settings) for _ in range(5)),
        *(office.create("order_hook") for _ in range(3)),
    )
    entries: dict[Any, Any] = await office.redis.hgetall(ENDPOINTS_KEY)  # type: ignore[misc]
    assert len(entries) == 4
    assert await ensure_directory_published(office.database, office.redis, office.settings) is False
    assert not [key async for key in office.redis.scan_iter(match="directory:draft:*")]


async def test_neither_postgres_nor_redis_holds_a_token_or_a_secret(office: Office, superuser: Any) -> None:
    issued = [await office.create(kind) for kind in ("order_hook", "customer_trigger", "inline")]
    rows = str([dict(row) for row in await superuser.fetch("SELECT * FROM endpoints")])
    entries: dict[Any, Any] = await office.redis.hgetall(ENDPOINTS_KEY)  # type: ignore[misc]
    for endpoint in issued:
        assert endpoint.token not in rows + str(entries)
        assert not endpoint.secret or endpoint.secret.removeprefix("whsec_") not in rows + str(entries)


async def test_a_redis_that_is_away_is_told_and_the_worker_mends_it_later(office: Office) -> None:
    nowhere = Redis.from_url("redis://127.0.0.1:1/0")
    with pytest.raises(QueueUnavailableError):
        await create_endpoint(
            office.database, nowhere, office.settings, office.keys[ACME],
            integration_id=3, kind="order_hook", accounts=["acme"],
        )  # fmt: skip
    await nowhere.aclose()
    assert await ensure_directory_published(office.database, office.redis, office.settings) is True
    assert await office.redis.hlen(ENDPOINTS_KEY) == 1  # type: ignore[misc]

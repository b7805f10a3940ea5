"""One tenant with a long queue beside many small ones, and how long the small ones' events take to become rows.

Time is taken from outside: an event is in when another connection sees its ledger row, and its id says
when it was accepted.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import asyncpg

from app.core.inline import inline_info, seal_inline
from app.core.queue import AppendBatch, NewEntry, Queue
from app.core.redis import connect_redis
from app.core.sealing import TenantKeys
from app.services.endpoints import create_endpoint
from app.services.keyring import open_keyring
from db import integrations as db_integrations
from db import tenants as db_tenants
from db.pool import Database
from schemas.events import Event, encode_event
from schemas.ids import make_uuid7, read_uuid7_ms
from scripts.sandbox.inline import InlineEndpoint, make_inline_customer
from scripts.stack.demo import BRAND, Office
from scripts.stack.stack import Stack
from tests.acceptance.sandbox import put_accounts

WHALE = 1  # globex; the small ones are acme-2, acme-3, …
APPENDED_TOGETHER = 500
POLL_S = 0.05
NOWHERE = InlineEndpoint("", "whsec_bm93aGVyZQ==")  # the whale's documents are put into its queue past the receiver


@asynccontextmanager
async def open_office(stack: Stack) -> AsyncIterator[Office]:
    settings = stack.settings("operator")
    redis = connect_redis(settings.get_url("redis_url"), socket_timeout_s=5.0)
    keyring = await open_keyring(settings)
    try:
        async with await Database.open(settings, application_name="acequia neighbours test") as database:
            yield Office(database, keyring, redis, settings)
    finally:
        await redis.aclose()
        await keyring.close()


async def settle_in(stack: Stack, office: Office, small: Sequence[int]) -> TenantKeys:
    """Makes the tenants and tells the sandbox where the small ones' middleware sends to. The whale's keys."""
    await db_tenants.insert_organization(office.database, 1, "Neighbours")
    accounts = {}
    for tenant_id in small:
        slug = f"acme-{tenant_id}"
        keys = await _insert_tenant(office, tenant_id, slug)
        issued = await create_endpoint(
            office.database, office.redis, office.settings, keys, integration_id=BRAND, kind="inline", accounts=[slug]
        )
        accounts[slug] = {"inline": {"url": stack.receiver_url + issued.path, "secret": issued.secret}}
    await put_accounts(stack, accounts)
    return await _insert_tenant(office, WHALE, "globex")


async def _insert_tenant(office: Office, tenant_id: int, slug: str) -> TenantKeys:
    await db_tenants.insert_tenant(
        office.database,
        tenant_id,
        organization_id=1,
        name=slug,
        slug=slug,
        type="business",
        plan="standard",
        settings={},
    )
    keys = await office.keyring.create_tenant_keys(tenant_id)
    async with office.database.tenant_tx(tenant_id, "neighbours") as connection:
        await db_integrations.insert_integration(connection, tenant_id, BRAND, connector="brand", account=slug)
    return keys


async def fill(queue: Queue, keys: TenantKeys, events: int, random: Random) -> None:
    """So many documents into the whale's queue, sealed as the receiver seals them, each of another customer."""
    done = 0
    while done < events:
        entries = [_make_entry(keys, random) for _ in range(min(APPENDED_TOGETHER, events - done))]
        await queue.append([AppendBatch(keys.tenant_id, "normal", entries)], confirm=None)
        done += len(entries)


def _make_entry(keys: TenantKeys, random: Random) -> NewEntry:
    event_id = make_uuid7()
    object_id = f"w-{random.getrandbits(48):x}"
    info = inline_info(keys.tenant_id, "brand", "customer", object_id, event_id)
    body = make_inline_customer("globex", NOWHERE, random, object_id).body
    sealed = seal_inline(keys.public_key, info, body)
    event = Event(event_id, "brand", "globex", BRAND, "inline", "customer", "upsert", object_id, sealed=sealed)
    return NewEntry(event_id, encode_event(event))


@dataclass
class Stopwatch:
    """Looks every POLL_S which of the small ones' events have become rows: seen at most that much too late."""

    url: str
    tenant_ids: Sequence[int]
    latencies_ms: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        connection = await asyncpg.connect(self.url)
        try:
            while True:
                rows = await connection.fetch(
                    "SELECT event_id::text FROM events WHERE tenant_id = ANY ($1::integer[])", list(self.tenant_ids)
                )
                now_ms = time.time() * 1_000
                for (event_id,) in rows:
                    self.latencies_ms.setdefault(event_id, now_ms - read_uuid7_ms(event_id))
                await asyncio.sleep(POLL_S)
        finally:
            await connection.close()

    def compute_p99_s(self, event_ids: set[str], now_ms: float) -> float:
        """Of these; one that is not in yet has waited until now."""
        found = sorted(self.latencies_ms.get(one, now_ms - read_uuid7_ms(one)) for one in event_ids)
        return found[math.ceil(0.99 * len(found)) - 1] / 1_000

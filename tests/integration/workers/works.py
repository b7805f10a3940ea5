"""What these tests share: acme and globex with a store each, events in their queues, and workers that drain them.

Real PostgreSQL, real Valkey, and the sandbox over HTTP. The worker is the product's own parts in this process, so that
a test can take out one of its protections.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import asyncpg
from redis.asyncio import Redis

from app.core.ending import end_tasks
from app.core.outbound import CALLS
from app.core.queue import AppendBatch, NewEntry, Queue
from app.core.sealing import TenantKeys, inline_info, seal_inline
from app.core.settings import Settings
from app.services.integrations import seal_credentials
from app.services.keyring import Keyring, open_keyring
from app.services.stored_records import find_stored_customer, find_stored_order
from db import integrations, tenants
from db.pool import Database
from schemas.events import Event, EventAction, EventKind, encode_event
from schemas.ids import make_uuid7
from schemas.records import CustomerRecord, OrderRecord
from scripts.stack.installation import Installation, read_settings_of
from tests.integration.sandbox.remote import KEYS, Sandbox
from workers.context import DrainContext
from workers.dispatch import Dispatcher
from workers.late import LateCommits
from workers.main import build_context
from workers.sweeper import run_sweeper

ACME, GLOBEX = 56, 57
VTEX, BRAND = 1, 2
WAIT_S = 10.0
T = TypeVar("T")

# Delays of a test's size; their order among each other is the defaults'.
QUICK: Mapping[str, object] = {
    "retry_base_s": 0.05,
    "retry_max_s": 0.4,
    "hold_min_s": 0.1,
    "hold_max_s": 2.0,
    "sweep_interval_s": 0.05,
    "bell_wait_s": 0.5,
    "postpone_s": 0.2,
    "provider_call_timeout_s": 1.0,
    "park_margin_ms": 100,
    "breaker_open_s": 0.2,
    "drain_slice_ms": 300,
}


class Row(NamedTuple):
    """What the ledger says of one event."""

    outcome: str
    reason: str | None
    attempts: int


class Order(NamedTuple):
    """An order as it is at the store now."""

    order_id: str
    state: str
    stamp: datetime


@dataclass
class Works:
    """`accounts`: each tenant's at the sandbox. `database` is open as the web's role, `office` as the operator's."""

    installation: Installation
    redis: Redis
    superuser: asyncpg.Connection
    database: Database
    office: Database
    keyring: Keyring
    sandbox: Sandbox
    accounts: Mapping[int, str]

    # -- the store --

    async def change(self, kind: str, tenant_id: int = ACME, **fields: Any) -> str:
        """Makes a change without a call to anybody; the object's id (a new object's, when none is given)."""
        body = {"account": self.accounts[tenant_id], "kind": kind, "deliver": False, **fields}
        answer = await self.sandbox.control("POST", "changes", body)
        return str(answer["object_id"])

    async def change_order(self, order_id: str | None = None, tenant_id: int = ACME, **patch: Any) -> Order:
        """A new order, or the next change of one."""
        fields = {"object_id": order_id} if order_id else {}
        found = await self.change("order", tenant_id, patch=patch, **fields)
        truth = await self.find_truth("order", found, tenant_id)
        return Order(found, truth["status"], datetime.fromisoformat(truth["source_updated_at"]))

    async def find_truth(self, kind: str, object_id: str, tenant_id: int = ACME) -> Any:
        found = await self.sandbox.control("GET", f"expected?account={self.accounts[tenant_id]}&kind={kind}&limit=999")
        return next(truth for truth in found if truth["external_id"] == object_id)

    async def break_calls(self, kind: str, tenant_id: int = ACME, **fields: Any) -> None:
        """A fault of one account's answers (scripts/sandbox/README.md)."""
        await self.sandbox.control("POST", "faults", {"kind": kind, "account": self.accounts[tenant_id], **fields})

    async def mend_calls(self) -> None:
        await self.sandbox.control("DELETE", "faults")

    # -- events --

    def hint(
        self,
        what: Order | str,
        tenant_id: int = ACME,
        *,
        kind: EventKind = "order",
        action: EventAction = "upsert",
        stamp: datetime | None = None,
    ) -> Event:
        order_id, state, told = what if isinstance(what, Order) else (what, None, stamp)
        account = self.accounts[tenant_id]
        return Event(make_uuid7(), "vtex", account, VTEX, "hint", kind, action, order_id, state, told)

    async def inline(self, body: bytes, external_id: str = "c-1", tenant_id: int = ACME) -> Event:
        """A brand's document as the receiver seals it."""
        keys = await self.keys_of(tenant_id)
        event_id, now = make_uuid7(), datetime.now(UTC)
        info = inline_info(tenant_id, "brand", "customer", external_id, event_id)
        return Event(
            event_id, "brand", "brand", BRAND, "inline", "customer", "upsert", external_id,
            signed_at=now, sealed=seal_inline(keys.public_key, info, body),
        )  # fmt: skip

    async def append(self, *events: Event, tenant_id: int = ACME) -> list[str]:
        """Into the tenant's queue, in one go; their ids."""
        await self.append_raw([NewEntry(event.event_id, encode_event(event)) for event in events], tenant_id)
        return [event.event_id for event in events]

    async def append_raw(self, entries: Sequence[NewEntry], tenant_id: int = ACME) -> None:
        queue = Queue(self.redis)
        assert await queue.append([AppendBatch(tenant_id, "normal", list(entries))], confirm=None) == ["ok"]
        await queue.close()

    # -- what became of them --

    async def read_ledger(self, tenant_id: int = ACME) -> dict[str, Row]:
        rows = await self.superuser.fetch(
            "SELECT event_id, outcome, reason, attempts FROM events WHERE tenant_id = $1", tenant_id
        )
        return {str(event_id): Row(*rest) for event_id, *rest in rows}

    async def wait_for(self, ids: Iterable[str], tenant_id: int = ACME, timeout_s: float = WAIT_S) -> dict[str, Row]:
        """Their ledger rows, as soon as all of them have one."""
        wanted = list(ids)

        async def find() -> dict[str, Row]:
            rows = await self.read_ledger(tenant_id)
            return {event_id: rows[event_id] for event_id in wanted} if rows.keys() >= set(wanted) else {}

        return await until(find, timeout_s)

    async def wait_for_rest(self, timeout_s: float = WAIT_S) -> None:
        """Until nothing waits and no lease is out; then no key of the drains may be left."""

        async def is_at_rest() -> bool:
            return not await self.list_left_over()

        try:
            await until(is_at_rest, timeout_s)
        except TimeoutError:
            raise AssertionError(f"left over in the queue: {await self.list_left_over()}") from None

    async def list_left_over(self) -> list[str]:
        keys = [key.decode() async for key in self.redis.scan_iter("t:*")]
        found = [key for key in keys if not key.endswith(":events") or await self.redis.xlen(key)]
        return found + [name for name in ("leased", "runs", "ready:shared") if await self.redis.exists(name)]

    async def count_tries(self, tenant_id: int = ACME) -> dict[str, int]:
        """Failures of their own, by event id."""
        tries = await self.redis.hgetall(f"t:{tenant_id}:tries")  # type: ignore[misc]
        return {event_id.decode(): int(count) for event_id, count in tries.items()}

    async def find_order(self, order_id: str, tenant_id: int = ACME) -> OrderRecord | None:
        keys = await self.keys_of(tenant_id)
        return await find_stored_order(self.database, keys, "vtex", self.accounts[tenant_id], order_id)

    async def find_customer(
        self, customer_id: str, tenant_id: int = ACME, source: str = "vtex"
    ) -> CustomerRecord | None:
        keys = await self.keys_of(tenant_id)
        account = self.accounts[tenant_id] if source == "vtex" else "brand"
        return await find_stored_customer(self.database, keys, source, account, customer_id)

    async def read_dead_letters(self, tenant_id: int = ACME) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.superuser.fetch(
            "SELECT event_id::text, reason, field, status, sealed_body FROM dead_letters WHERE tenant_id = $1"
            " ORDER BY event_id",
            tenant_id,
        )
        return rows

    async def read_counter(self, name: str, tenant_id: int = ACME) -> int:
        return int(
            await self.superuser.fetchval(
                "SELECT coalesce(sum(value), 0) FROM counters WHERE tenant_id = $1 AND name = $2", tenant_id, name
            )
        )

    # -- workers --

    async def keys_of(self, tenant_id: int) -> TenantKeys:
        return await self.keyring.keys_of(tenant_id)

    def environment(self, **settings: object) -> dict[str, str]:
        """Of a worker process."""
        return self.installation.environment("worker", **self._complete(settings))

    def settings(self, **settings: object) -> Settings:
        return read_settings_of(self.environment(**settings))

    def _complete(self, settings: Mapping[str, object]) -> dict[str, object]:
        return {**QUICK, "vtex_url_template": f"{self.sandbox.url}/{{account}}", **settings}

    @asynccontextmanager
    async def worker(self, **settings: object) -> AsyncIterator[DrainContext]:
        """A worker that drains until the block ends, and must end cleanly then."""
        async with AsyncExitStack() as resources:
            context = await build_context(self.settings(**settings), resources)
            async with drain(context):
                yield context

    async def open_store(self, tenant_id: int, name: str) -> None:
        """A tenant with its keys, its VTEX integration and its own middleware."""
        keys = await self.keyring.create_tenant_keys(tenant_id)
        account = self.accounts[tenant_id]
        await tenants.insert_tenant(
            self.office, tenant_id, organization_id=1, name=name, slug=name, type="business", plan="standard"
        )
        async with self.office.tenant_tx(tenant_id, "test") as connection:
            await integrations.insert_integration(
                connection, tenant_id, VTEX, connector="vtex", account=account, environment="vtexcommercestable",
                sealed_credentials=seal_credentials(keys, "vtex", account, KEYS),
            )  # fmt: skip
            await integrations.insert_integration(connection, tenant_id, BRAND, connector="brand", account="brand")
        await self.sandbox.put_account(account)

    def over(self, **urls: str) -> "Works":
        """The same with other ways to the servers: role → URL."""
        installation = replace(self.installation, database_urls={**self.installation.database_urls, **urls})
        return replace(self, installation=installation)


@asynccontextmanager
async def open_works(installation: Installation, redis: Redis, sandbox: Sandbox) -> AsyncIterator[Works]:
    """Both tenants in the databases of `installation`; past their walls leads only `superuser`."""
    async with AsyncExitStack() as resources:
        superuser = await asyncpg.connect(installation.database_urls["postgres"])
        resources.callback(superuser.terminate)
        keyring = await open_keyring(read_settings_of(installation.environment("operator")))
        resources.push_async_callback(keyring.close)
        office, web = [
            await Database.open(read_settings_of(installation.environment(kind)), application_name=f"test-{kind}")
            for kind in ("operator", "web")
        ]
        for database in (office, web):
            resources.callback(database.terminate)
        accounts = {ACME: sandbox.acme, GLOBEX: sandbox.globex}
        works = Works(installation, redis, superuser, web, office, keyring, sandbox, accounts)
        await tenants.insert_organization(office, 1, "The cast")
        await works.open_store(ACME, "acme")
        await works.open_store(GLOBEX, "globex")
        yield works


@asynccontextmanager
async def drain(context: DrainContext) -> AsyncIterator[None]:
    """Runs the parts of a worker that settle events."""
    late = LateCommits(context)
    dispatcher = asyncio.create_task(Dispatcher(context, late).run(), name="dispatcher")
    others = [
        asyncio.create_task(work, name=name)
        for name, work in (
            ("gate", context.gate.run()),
            ("owed", context.owed.run()),
            ("late", late.run()),
            ("sweeper", run_sweeper(context)),
        )
    ]
    try:
        yield
    finally:
        context.stopping.set()
        await asyncio.wait({dispatcher}, timeout=5)
        await late.commit_all()
        await context.owed.pay()
        fetches = [group.task for group in context.detached if group.task is not None]
        endless = [task.get_name() for task in others if task.done()]
        left = await end_tasks([*others, *fetches], timeout_s=10)
        is_stuck = not dispatcher.done()
        left |= await end_tasks([dispatcher], timeout_s=10)
    assert not left, left
    assert not is_stuck, "the dispatcher did not end by itself"
    assert not endless, f"ended by themselves: {endless}"


async def until(find: Callable[[], Awaitable[T]], timeout_s: float = WAIT_S) -> T:
    """What `find` finds, once it is something: a poll of other programs' state, which no event tells of."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = await find()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError
        await asyncio.sleep(0.01)


def count_calls(route: str = "get_order") -> int:
    """Calls of this process to a route of the provider, however they ended."""
    samples = (sample for metric in CALLS.collect() for sample in metric.samples)
    return int(sum(s.value for s in samples if s.name.endswith("_total") and s.labels["route"] == route))


def count_outcomes(rows: Mapping[str, Row]) -> dict[str, int]:
    outcomes = [row.outcome for row in rows.values()]
    return {outcome: outcomes.count(outcome) for outcome in outcomes}

"""The queue of events: one stream per tenant in one Redis or Valkey primary, drained tenant by tenant.

What each rule is for stands script by script in `queue_scripts/`; tests/contract/queue_model checks the protocol,
tests/integration/queue the scripts. In short: a tenant with anything to do stands in exactly one of ready, leased, due
or paused; leases only spare work, what makes events safe is that settling comes after COMMIT and that the ledger knows
an event by its own id. Every method raises QueueUnavailableError when the server cannot be reached or refuses.
"""

import asyncio
import os
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from redis.asyncio import ConnectionPool, Redis

from app.core.errors import ConfigurationError
from app.core.queue_records import (
    CLASS_AHEAD_MS,
    NEW_AHEAD_MS,
    AheadClass,
    AppendBatch,
    Claim,
    Confirm,
    Deferral,
    Depth,
    Entry,
    NewEntry,
    Place,
    QueueLimits,
    ReadResult,
    Sweep,
    Waiting,
)
from app.core.queue_runner import Call, ScriptRunner, queue_errors, send_command

__all__ = [
    "AheadClass",
    "AppendBatch",
    "Claim",
    "Confirm",
    "Deferral",
    "Depth",
    "Entry",
    "NewEntry",
    "Place",
    "Queue",
    "QueueLimits",
    "ReadResult",
    "Sweep",
    "Waiting",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEFER_CHUNK = 100  # parking 500 in one script would stop everybody for 3 ms
_TENANTS_CHUNK = 500
_RECALL_CHUNK = 1_000  # a fraction of a millisecond of everybody's time
_BELL_MARGIN_S = 5.0
FOUND_ENTRIES_MAX = 2_000  # looked through for one event: two milliseconds of everybody's time
_FOUND_SKEW_MS = 2_000  # by which a receiver's clock may be ahead of the server's


class Queue:
    """The queue as one process sees it. `group` is the worker group whose tenants `claim` takes."""

    def __init__(self, redis: Redis, *, group: str = "shared", limits: QueueLimits | None = None) -> None:
        self._redis = redis
        self._group = group
        self._limits = limits or QueueLimits()
        self._scripts = ScriptRunner(redis, self._limits)
        self._bell = _bell_client(redis)

    @property
    def redis(self) -> Redis:
        """The server's client, for what stands beside the queue on it."""
        return self._redis

    @property
    def limits(self) -> QueueLimits:
        return self._limits

    async def load(self) -> None:
        """Load the scripts. Raises ConfigurationError on Redis Cluster: one cell is one primary."""
        with queue_errors():
            information = await self._redis.info("cluster")
        if information.get("cluster_enabled"):
            raise ConfigurationError("REDIS_URL names a Redis Cluster: the queue needs one primary. Grow by cells.")
        await self._scripts.load()

    async def close(self) -> None:
        """Close the connections that wait for bells. The client given to the constructor stays its owner's."""
        await self._bell.aclose()

    # The receiver's side.

    async def append(self, batches: Sequence[AppendBatch], *, confirm: Confirm | None) -> list[Literal["ok", "full"]]:
        """Append and ring, for several tenants in one round trip; `full` for a tenant at its cap.

        With `confirm`, returns only after the fsync; without one in time, or with the append-only file off, raises
        DurabilityError. After an error events may be stored all the same: the same ids may be appended again.
        """
        if not batches:
            return []
        calls = [Call("append", self._append_arguments(batch)) for batch in batches]
        replies = await self._scripts.run_all(calls, confirm=confirm)
        return ["full" if reply == b"full" else "ok" for reply in replies]

    def _append_arguments(self, batch: AppendBatch) -> list[str | bytes | int]:
        ahead = NEW_AHEAD_MS + CLASS_AHEAD_MS[batch.ahead_class]
        arguments: list[str | bytes | int] = [batch.tenant_id, self._limits.events_max, ahead]
        for entry in batch.entries:
            arguments += entry
        return arguments

    # A drain's side.

    async def claim(self) -> Claim | None:
        """The tenant whose turn it is, leased to a new run; None when nothing is ready."""
        run_id = os.urandom(8).hex()
        tenant = await self._scripts.run("claim", self._group, run_id)
        return None if tenant is None else Claim(int(tenant), run_id)

    async def wait_for_bell(self, timeout_s: float) -> bool:
        """Wait until a tenant of this group becomes ready, at most `timeout_s`. A help, never needed: claim anyway."""
        with queue_errors():
            async with asyncio.timeout(timeout_s + _BELL_MARGIN_S):  # a server that is gone says nothing
                rung = await send_command(self._bell, "BLPOP", f"doorbell:{self._group}", max(timeout_s, 0.001))
        return rung is not None

    async def read(
        self, claim: Claim, limit: int, *, alone: bool = False, after: str | None = None, with_retries: bool = True
    ) -> ReadResult:
        """Up to `limit` entries, counted as read, and the lease renewed.

        `after`: the last stream entry in hand. `with_retries` False while entries of `parked` are in hand: they would
        be read twice. At most a fifth of a read are retries.
        """
        reply = await self._scripts.run(
            "read", claim.tenant_id, claim.run_id, limit, int(alone), after or "", int(with_retries)
        )
        if reply[0] == b"lost":
            return ReadResult("lost", [], _EPOCH, after)
        observed_at = _EPOCH + timedelta(microseconds=int(reply[1]))
        status: Literal["ok", "suspect"] = "suspect" if reply[0] == b"suspect" else "ok"
        return ReadResult(status, _parse_entries(reply), observed_at, reply[2].decode() or None)

    async def renew(self, claim: Claim) -> bool:
        """Lengthen the lease; False when it is another's. Needed every third of a lease while no read happens."""
        return bool(await self._scripts.run("renew", claim.tenant_id, claim.run_id))

    async def settle(self, tenant_id: int, entries: Iterable[tuple[str, str | None]]) -> None:
        """Remove events (event id, entry id) after their COMMIT. Always right, also without the lease."""
        arguments = [text for event_id, entry_id in entries for text in (event_id, entry_id or "")]
        if arguments:
            await self._scripts.run("settle", tenant_id, *arguments)

    async def defer(self, claim: Claim, items: Sequence[Deferral]) -> bool:
        """Park events after a failure of their own: one more try, reads forgotten. False when the lease is lost."""
        calls = [
            Call("defer", [claim.tenant_id, claim.run_id, *_deferral_arguments(items[first : first + _DEFER_CHUNK])])
            for first in range(0, len(items), _DEFER_CHUNK)
        ]
        return all(await self._scripts.run_all(calls)) if calls else True

    async def park(self, claim: Claim, items: Sequence[Deferral]) -> bool:
        """Park events whose fetch is still out when the slice ends, due after its time-out.

        The same as `defer`, try included: a fetch that never answers must run out of tries. When it answers after
        all, `settle`; when the surroundings failed, `untry`.
        """
        return await self.defer(claim, items)

    async def untry(self, tenant_id: int, event_ids: Sequence[str]) -> None:
        """Give a try back: the failure was the surroundings' after all. Needs no lease, creates nothing."""
        await self._give_back(tenant_id, "tries", event_ids)

    async def recall(self, tenant_id: int) -> int:
        """Make due now what waits without a failure of its own: its integration is not paused any more; how many."""
        recalled = kept = 0
        while True:
            looked_at, stayed = await self._scripts.run("recall", tenant_id, kept, _RECALL_CHUNK)
            recalled, kept = recalled + int(looked_at) - int(stayed), kept + int(stayed)
            if int(looked_at) < _RECALL_CHUNK:
                return recalled

    async def refund(self, tenant_id: int, event_ids: Sequence[str]) -> None:
        """Give a read back: the failure was the surroundings'. Needs no lease, creates nothing."""
        await self._give_back(tenant_id, "reads", event_ids)

    async def _give_back(self, tenant_id: int, count: Literal["reads", "tries"], event_ids: Sequence[str]) -> None:
        if event_ids:
            await self._scripts.run("give_back", tenant_id, count, *event_ids)

    async def finish(self, claim: Claim, hold_ms: int = 0, refunds: Sequence[str] = ()) -> bool:
        """End the turn: refund the reads of `refunds` (event ids) and, if the lease is still ours, let go.

        With `hold_ms` the tenant rests that long and up to half as long again: tenants held by one outage do not come
        back in one moment. False when the lease was lost.
        """
        hold = min(hold_ms, self._limits.hold_max_ms)
        jittered = round(hold * random.uniform(1.0, 1.5))  # noqa: S311 (spreads load, guards nothing)
        return bool(await self._scripts.run("finish", claim.tenant_id, claim.run_id, jittered, *refunds))

    # Sweeping and operating.

    async def sweep(self, limit: int) -> Sweep:
        """Look at tenants whose lease, hold or back-off is over, at most `limit` of each, and mend clock steps."""
        looked, is_limit_reached, stepped_back = await self._scripts.run("sweep", limit)
        return Sweep(int(looked), bool(is_limit_reached), bool(stepped_back))

    async def pause(self, tenant_id: int) -> None:
        """Give this tenant no more turns. Events are still accepted; a drain at work reads nothing more."""
        await self._scripts.run("place", "pause", tenant_id, "")

    async def resume(self, tenant_id: int) -> None:
        """End a pause."""
        await self._scripts.run("place", "resume", tenant_id, "")

    async def list_paused(self) -> set[int]:
        """The tenants whose turns are paused."""
        with queue_errors():
            return {int(tenant) for tenant in await send_command(self._redis, "SMEMBERS", "paused")}

    async def list_groups(self) -> dict[int, str]:
        """The worker group of each tenant that is not in `shared`."""
        with queue_errors():
            groups = await send_command(self._redis, "HGETALL", "groups")
        return {int(tenant): group.decode() for tenant, group in groups.items()}

    async def move(self, tenant_id: int, group: str) -> None:
        """Hand a tenant to another worker group, from its next turn on."""
        await self._scripts.run("place", "move", tenant_id, group)

    async def empty(self, tenant_id: int) -> int:
        """Drop all that waits of this tenant and every trace of it; how many events. Only for a tenant that is erased:
        these events were accepted, and nothing will ever say what became of them."""
        return int(await self._scripts.run("empty", tenant_id))

    async def rebuild(self, tenant_ids: Iterable[int]) -> None:
        """Derive again where each of these tenants stands. Right at any time; needed after a loss of memory."""
        await self._scripts.run_all([Call("rebuild", chunk) for chunk in _chunks(tenant_ids)])

    async def depth(self, tenant_id: int) -> Depth:
        """How much of this tenant waits, and where the tenant stands."""
        return (await self.depths_of([tenant_id]))[tenant_id]

    async def depths_of(self, tenant_ids: Sequence[int]) -> dict[int, Depth]:
        """As `depth`, of several."""
        return await self._read_depths(tenant_ids)

    async def find(self, tenant_id: int, event_id: str, accepted_ms: int) -> Waiting | None:
        """One event that is in the queue; None for one that is not, or that FOUND_ENTRIES_MAX others came before."""
        since = max(0, accepted_ms - _FOUND_SKEW_MS)
        where, *told = await self._scripts.run("find", tenant_id, event_id, since, FOUND_ENTRIES_MAX)
        return _parse_waiting([event_id.encode(), *told]) if where in {b"parked", b"queued"} else None

    async def peek(self, tenant_id: int, limit: int) -> list[Waiting]:
        """What waits, at most `limit`: retries by their date, then the longest waiting first. Retries leave the others
        half of it."""
        reply = await self._scripts.run("peek", tenant_id, limit)
        return [_parse_waiting(reply[first : first + 5]) for first in range(0, len(reply), 5)]

    async def find_hold(self, tenant_id: int) -> datetime | None:
        """Until when a tenant is held because of its surroundings; None when it is not."""
        with queue_errors():
            until_ms = await send_command(self._redis, "HGET", "hold", tenant_id)
        return None if until_ms is None else _read_ms(until_ms)

    async def depths(self) -> dict[int, Depth]:
        """The depth of every tenant that ever had an event accepted."""
        with queue_errors():
            tenants = await send_command(self._redis, "HKEYS", "accepted")
        return await self._read_depths(sorted(int(tenant) for tenant in tenants))

    async def _read_depths(self, tenant_ids: Sequence[int]) -> dict[int, Depth]:
        replies = await self._scripts.run_all([Call("depth", chunk) for chunk in _chunks(tenant_ids)])
        flat = [value for reply in replies for value in reply]
        return {tenant_id: _parse_depth(flat[5 * i : 5 * i + 5]) for i, tenant_id in enumerate(tenant_ids)}

    # Noticing that the server lost its memory (queue_protocol.md, rule 2.8).

    async def tick(self, name: str) -> int:
        """Count up; the new count."""
        with queue_errors():
            return int(await send_command(self._redis, "INCR", f"tick:{name}"))

    async def read_tick(self, name: str) -> int | None:
        """The count as it stands; None when the server has none."""
        with queue_errors():
            count = await send_command(self._redis, "GET", f"tick:{name}")
        return None if count is None else int(count)

    async def sync_tick(self, name: str, ticks: int) -> int | None:
        """Raise the count to `ticks`, just counted in Postgres; returns what stood here before, None for nothing.

        The server lost its memory when that is None (and `ticks` > 1) or more than two behind.
        """
        before = int(await self._scripts.run("sync_tick", name, ticks))
        return None if before < 0 else before


def _bell_client(redis: Redis) -> Redis:
    """A client with connections of its own: a blocked read must outlast the time-out of ordinary commands."""
    pool = redis.connection_pool
    bounds: dict[str, Any] = {**pool.connection_kwargs, "socket_timeout": None}
    return Redis.from_pool(ConnectionPool(connection_class=pool.connection_class, **bounds))


def _deferral_arguments(items: Iterable[Deferral]) -> list[str | int]:
    return [value for item in items for value in (item.event_id, item.entry_id or "", item.delay_ms)]


def _parse_entries(reply: list[Any]) -> list[Entry]:
    return [
        Entry(reply[i].decode(), reply[i + 1].decode() or None, reply[i + 2], reply[i + 3], reply[i + 4])
        for i in range(3, len(reply), 5)
    ]


def _parse_depth(values: Sequence[Any]) -> Depth:
    waiting, retrying, oldest_ms, where, accepted = values
    return Depth(waiting, retrying, None if oldest_ms < 0 else oldest_ms, where.decode(), accepted)


def _parse_waiting(values: Sequence[Any]) -> Waiting:
    event_id, body, due_ms, reads, tries = values
    due_at = None if due_ms == b"-1" else _read_ms(due_ms)
    return Waiting(event_id.decode(), body, due_at, reads, tries)


def _read_ms(milliseconds: bytes) -> datetime:
    return _EPOCH + timedelta(milliseconds=float(milliseconds))


def _chunks(tenant_ids: Iterable[int]) -> list[list[int]]:
    tenants = list(tenant_ids)
    return [tenants[first : first + _TENANTS_CHUNK] for first in range(0, len(tenants), _TENANTS_CHUNK)]

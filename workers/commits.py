"""The commits of one slice: arrivals gather for a moment, one transaction writes them, then exactly their entries
are deleted from the queue. One commit is under way at a time; the next batch gathers meanwhile."""

import asyncio
import time

from app.core.errors import QueueUnavailableError
from app.core.logging import get_logger
from app.core.metric_labels import TENANT_NAMES
from app.core.metrics import EVENTS_RETRIED
from app.core.queue import Claim, Deferral
from app.core.sealing import TenantKeys
from workers.commit import commit_arrivals
from workers.context import DrainContext
from workers.held import Arrival, Held, Resolution
from workers.policy import compute_retry_delay_ms

log = get_logger()


class Commits:
    """What has arrived, what is being committed, and what is to be deferred."""

    def __init__(self, context: DrainContext, claim: Claim, keys: TenantKeys, wake: asyncio.Event) -> None:
        self._context = context
        self._claim = claim
        self._keys = keys
        self._wake = wake
        self._arrived: list[Arrival] = []
        self._arrived_since = 0.0
        self._committed_at = 0.0
        self._committing: list[Arrival] = []
        self._task: asyncio.Task[None] | None = None
        self._deferrals: list[Deferral] = []
        self._untries: list[str] = []

    @property
    def is_busy(self) -> bool:
        return bool(self._arrived or self._task or self._deferrals or self._untries)

    def list_held(self) -> list[Held]:
        return [held for arrival in (*self._arrived, *self._committing) for held in arrival.events]

    def arrive(self, arrival: Arrival) -> None:
        if not self._arrived:
            self._arrived_since = time.monotonic()
        self._arrived.append(arrival)

    def retry(self, resolution: Resolution) -> None:
        """A failure of their own: each waits base · 2^tries and a try is spent."""
        retries, reason, status = resolution.retries, resolution.retry_reason, resolution.provider_status
        tenant_id, limits, chance = self._claim.tenant_id, self._context.retry_limits, self._context.chance
        EVENTS_RETRIED.labels(tenant_id=TENANT_NAMES.get(tenant_id), reason=reason).inc(len(retries))
        for held in retries:
            delay_ms = compute_retry_delay_ms(held.entry.tries, limits, chance)
            self._deferrals.append(Deferral(held.entry.event_id, held.entry.entry_id, delay_ms))
            self._context.attempts.note(
                tenant_id, held.entry.event_id, held.entry.tries + 1, reason, status=status, retry_ms=delay_ms
            )
        first = retries[0]
        log.info("events.retried", tenant_id=tenant_id, reason=reason, events=len(retries),
                 object_id=first.event.object_id, attempt=first.entry.tries + 1)  # fmt: skip

    def postpone(self, postponed: list[Held]) -> None:
        """Their integration is paused: they wait, and no try is spent. What must not wait becomes a gap."""
        tenant_id, waits = self._claim.tenant_id, self._context.waits
        delay_ms = waits.compute_delay_ms(tenant_id)
        for held in postponed:
            waits.note(tenant_id, held.event)
            reason = waits.find_end(tenant_id, held)
            if reason is not None:
                self.arrive(Arrival([held], ignored_reason=reason))
                continue
            self._deferrals.append(Deferral(held.entry.event_id, held.entry.entry_id, delay_ms))
            self._untries.append(held.entry.event_id)

    def due_at(self) -> float | None:
        """When the next commit is to start (monotonic seconds), None when nothing waits for one."""
        if not self._arrived or self._task:
            return None
        # The first of a quiet moment goes at once; those that come close behind a commit gather for the next one.
        return max(self._arrived_since, self._committed_at + self._context.settings.commit_linger_ms / 1000)

    async def keep(self, *, is_last_call: bool) -> None:
        """Ends a commit that is done, sends deferrals, starts the next commit when it is due. With `is_last_call`
        nothing is left waiting. Raises SurroundingsError or QueueUnavailableError."""
        if self._task is not None and (is_last_call or self._task.done()):
            await self._await_task()
        await self._send_deferrals()
        if self._arrived and self._task is None and (is_last_call or self._is_due()):
            self._committing, self._arrived = self._arrived, []
            self._committed_at = time.monotonic()
            self._task = asyncio.create_task(self._commit_and_settle())
            self._task.add_done_callback(lambda _: self._wake.set())
            if is_last_call:
                await self._await_task()

    async def end(self) -> None:
        """Waits for a commit under way, whatever becomes of it: what it did not settle stays listed as held."""
        task, self._task = self._task, None
        if task is not None:
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()

    def _is_due(self) -> bool:
        arrived = sum(len(arrival.events) for arrival in self._arrived)
        due_at = self.due_at()
        is_late = due_at is not None and time.monotonic() >= due_at
        return is_late or arrived >= self._context.settings.drain_batch_events

    async def _await_task(self) -> None:
        task = self._task
        assert task is not None
        while not task.done():
            await asyncio.wait({task}, timeout=self._context.settings.lease_ms / 3000)
            if not task.done():
                await self._context.queue.renew(self._claim)
        self._task = None
        await task

    async def _commit_and_settle(self) -> None:
        tenant_id = self._claim.tenant_id
        await commit_arrivals(self._context, tenant_id, self._keys, self._committing)
        settled = [(held.entry.event_id, held.entry.entry_id) for one in self._committing for held in one.events]
        self._committing = []
        try:
            await self._context.queue.settle(tenant_id, settled)
        except QueueUnavailableError:
            self._context.owed.add(lambda: self._context.queue.settle(tenant_id, settled))
            raise

    async def _send_deferrals(self) -> None:
        deferrals, self._deferrals = self._deferrals, []
        if deferrals:
            await self._context.queue.defer(self._claim, deferrals)
        untries, self._untries = self._untries, []
        if untries:
            await self._context.queue.untry(self._claim.tenant_id, untries)

"""Fetches that outlived their slice: when they arrive they are committed and settled like any other.

Their events are parked in the queue, due after the fetch's time-out. So nothing here must succeed: whatever fails or
dies is read again, with a try spent. A try that the surroundings cost is given back.
"""

import asyncio

from app.core.errors import KeystoreUnavailableError, QueueUnavailableError
from app.core.logging import get_logger
from workers.commit import SurroundingsError, commit_arrivals
from workers.context import DrainContext
from workers.held import Arrival, Held, Resolution

COMMIT_INTERVAL_S = 0.1

log = get_logger()


class LateCommits:
    """Gathers late arrivals of all tenants and commits them every 100 ms, a transaction a tenant."""

    def __init__(self, context: DrainContext) -> None:
        self._context = context
        self._arrivals: dict[int, list[Arrival]] = {}
        self._wake = asyncio.Event()

    def take(self, tenant_id: int, resolution: Resolution) -> None:
        """What became of a detached group. Retries simply stay parked; postponed events too, without their try."""
        for held in resolution.retries:
            attempt, reason, status = held.entry.tries + 1, resolution.retry_reason, resolution.provider_status
            self._context.attempts.note(tenant_id, held.entry.event_id, attempt, reason, status=status, retry_ms=None)
        if resolution.arrivals:
            self._arrivals.setdefault(tenant_id, []).extend(resolution.arrivals)
            self._wake.set()
        for held in resolution.postponed:
            self._context.waits.note(tenant_id, held.event)
        if resolution.held or resolution.postponed:
            self._give_tries_back(tenant_id, [*resolution.held, *resolution.postponed])

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(COMMIT_INTERVAL_S)
            self._wake.clear()
            await self.commit_all()

    async def commit_all(self) -> None:
        batches, self._arrivals = self._arrivals, {}
        for tenant_id, arrivals in batches.items():
            try:
                await self._commit(tenant_id, arrivals)
            except (SurroundingsError, KeystoreUnavailableError) as error:
                log.info("late_fetches.left_parked", tenant_id=tenant_id, reason=str(error))
                self._give_tries_back(tenant_id, [held for arrival in arrivals for held in arrival.events])
            except QueueUnavailableError as error:
                log.info("late_fetches.left_parked", tenant_id=tenant_id, reason=str(error))
            except Exception:
                log.exception("late_fetches.failed", tenant_id=tenant_id)

    def _give_tries_back(self, tenant_id: int, events: list[Held]) -> None:
        event_ids = [held.entry.event_id for held in events]
        self._context.owed.add(lambda: self._context.queue.untry(tenant_id, event_ids))

    async def _commit(self, tenant_id: int, arrivals: list[Arrival]) -> None:
        keys = await self._context.keyring.keys_of(tenant_id)
        await commit_arrivals(self._context, tenant_id, keys, arrivals)
        settled = [(held.entry.event_id, None) for arrival in arrivals for held in arrival.events]
        await self._context.queue.settle(tenant_id, settled)

"""Claims tenants and runs their slices, as many at once as DRAIN_LOOPS allows.

Bells are a help and never needed: it claims until nothing is ready, and only then waits on the doorbell, for at most
BELL_WAIT_S.
"""

import asyncio

from app.core.errors import QueueUnavailableError
from app.core.logging import get_logger
from app.core.metrics import DRAINS_ACTIVE
from app.core.queue import Claim
from workers.context import DrainContext
from workers.late import LateCommits
from workers.slice import Slice

AWAY_PAUSE_S = 0.25

log = get_logger()


class Dispatcher:
    """One a process. `run` ends when `context.stopping` is set and its slices have ended."""

    def __init__(self, context: DrainContext, late: LateCommits) -> None:
        self._context = context
        self._late = late
        self._slots = asyncio.Semaphore(context.settings.drain_loops)
        self._slices: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        context = self._context
        while not context.stopping.is_set():
            await context.gate.wait_open()
            await self._slots.acquire()
            is_started = False
            try:
                is_started = await self._start_next()
            except QueueUnavailableError:
                await asyncio.sleep(AWAY_PAUSE_S)
                continue
            finally:
                if not is_started:
                    self._slots.release()
            if not is_started:
                await self._wait_for_bell()
        if self._slices:
            await asyncio.wait(self._slices)

    async def _start_next(self) -> bool:
        context = self._context
        # The share is taken before the claim: waiting for it with a lease in hand would let the lease run out.
        await context.quiet.take_share()
        claim: Claim | None = None
        try:
            if await context.owed.pay() and not context.stopping.is_set():
                claim = await context.queue.claim()
        finally:
            if claim is None:
                await context.quiet.give_share_back()
        if claim is None:
            return False
        task = asyncio.create_task(self._run_slice(claim))
        self._slices.add(task)
        task.add_done_callback(self._slices.discard)
        return True

    async def _run_slice(self, claim: Claim) -> None:
        try:
            with DRAINS_ACTIVE.track_inprogress(), self._context.work.track(claim.tenant_id):
                await Slice(self._context, self._late, claim).run()
        finally:
            self._slots.release()
            await self._context.quiet.give_share_back()

    async def _wait_for_bell(self) -> None:
        waits = {
            asyncio.ensure_future(self._context.queue.wait_for_bell(self._context.settings.bell_wait_s)),
            asyncio.ensure_future(self._context.stopping.wait()),
        }
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            if isinstance(task.exception(), QueueUnavailableError):
                await asyncio.sleep(AWAY_PAUSE_S)

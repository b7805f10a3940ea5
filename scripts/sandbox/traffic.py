"""Runs: webhooks sent at a steady rate, whether or not the receiver keeps up (an open model)."""

import asyncio
import time
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from scripts.sandbox.deliveries import Courier, Retries, Tally
from scripts.sandbox.notices import Notice
from scripts.sandbox.plan import Mix, Plan
from scripts.sandbox.store import Store

LATE_S = 0.1
IN_FLIGHT_MAX = 2_000
_STEP_S = 0.002


class Job(NamedTuple):
    """What a run is to do. `events`: notices, and what is needed to tell the last change to every hook of its account;
    None: until stopped. `rate` per second; 0: as fast as `in_flight` calls allow."""

    events: int | None
    rate: float
    mix: Mix
    seed: int
    retries: Retries
    in_flight: int = IN_FLIGHT_MAX


class Run:
    """One run of traffic. `tally` counts while it goes; `is_done` when every delivery has ended."""

    def __init__(self, run_id: str, job: Job, stores: Sequence[Store], courier: Courier) -> None:
        self.run_id = run_id
        self.job = job
        self.tally = Tally(keeps_ids=job.events is not None)
        self.error: str | None = None
        self.started_at = time.monotonic()
        self.sending_s: float | None = None
        self._plan = Plan(stores, job.mix, Random(f"{job.seed}:plan"))
        self._courier = courier
        self._slots = asyncio.Semaphore(job.in_flight)
        self._deliveries: set[asyncio.Task[None]] = set()
        self._task = asyncio.create_task(self._go())

    @property
    def is_done(self) -> bool:
        return self._task.done()

    async def wait(self, timeout_s: float) -> bool:
        await asyncio.wait([self._task], timeout=timeout_s)
        return self.is_done

    async def stop(self) -> None:
        """Ends the run; deliveries under way are cut off."""
        tasks = [self._task, *self._deliveries]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _go(self) -> None:
        try:
            await self._send()
        except RuntimeError as error:
            self.error = str(error)
        self.sending_s = time.monotonic() - self.started_at
        while self._deliveries:
            await asyncio.wait(self._deliveries)

    async def _send(self) -> None:
        """1. wait until the next notice is due; 2. take it from the plan; 3. deliver it in a task of its own."""
        events, rate = self.job.events, self.job.rate
        index = 0
        while events is None or index < events or self._plan.has_pending:
            now = time.monotonic()
            due_at = self.started_at + index / rate if rate else now
            if due_at > now:
                await asyncio.sleep(max(due_at - now, _STEP_S))
                continue
            await self._slots.acquire()
            if rate and time.monotonic() - due_at > LATE_S:
                self.tally.late += 1
            notice = self._plan.take(None if events is None else events - index)
            index += 1
            if notice.is_lost:
                self.tally.note_lost(notice)
                self._slots.release()
                continue
            task = asyncio.create_task(self._deliver(notice))
            self._deliveries.add(task)
            task.add_done_callback(self._deliveries.discard)

    async def _deliver(self, notice: Notice) -> None:
        try:
            await self._courier.deliver(notice, self.tally, self.job.retries)
        finally:
            self._slots.release()

    def show(self) -> dict[str, object]:
        return {
            "id": self.run_id,
            "done": self.is_done,
            "error": self.error,
            "events": self.job.events,
            "sending_s": self.sending_s,
            **self.tally.show(),
        }

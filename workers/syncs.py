"""Syncs: streams of runs are claimed by turns and worked on in steps of at most SYNC_STEP_S, each under a lease.

1. Claim the stream whose turn it is. 2. While the step goes on a heartbeat renews the lease and looks whether the run
was cancelled or paused. 3. The step reads, fetches and writes, with its checkpoint in the transaction of the rows.
4. The stream is given back, or it has come to its end; the run ends with its last stream.

Whoever loses its lease, and whoever is killed, has committed whole pages or nothing: the next claim goes on behind.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import asyncpg

from app.core.errors import CredentialsRefusedError
from app.core.logging import get_logger
from app.core.metrics import SYNC_STEPS
from db.failures import is_server_away
from db.sync_claims import (
    LeaseLostError,
    Release,
    SyncClaim,
    claim_stream,
    count_errors,
    end_stream,
    lock_checkpoint,
    release_stream,
    renew_lease,
)
from db.sync_runs import end_run
from workers.sync_begin import begin_listing, begin_repair, note_end, note_run_end
from workers.sync_checkpoint import Checkpoint
from workers.sync_context import SyncContext
from workers.sync_listing import ListingStep
from workers.sync_policy import StepEnd, StepLimits, decide_end, is_unexpected
from workers.sync_repair import RepairStep
from workers.sync_report import ReportStep
from workers.sync_report_begin import begin_report, note_report_end
from workers.sync_report_checkpoint import ReportCheckpoint
from workers.sync_windows import RepairCheckpoint
from workers.sync_work import NeverError, ReportWork, SyncWork, name_run, open_work

AWAY_PAUSE_S = 1.0
BEATS_PER_LEASE = 5

log = get_logger()


class _StoppedError(Exception):
    """The step was ended from outside: its lease is lost, its run is cancelled or paused, or the process stops."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SyncLoops:
    """One per process. `run` ends when `context.stopping` is set and its steps have ended."""

    def __init__(self, context: SyncContext) -> None:
        self._context = context
        self._slots = asyncio.Semaphore(context.settings.sync_loops)
        self._steps: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        context = self._context
        while not context.stopping.is_set():
            await self._slots.acquire()
            claim = None
            try:
                claim = await self._claim()
            finally:
                if claim is None:
                    self._slots.release()
            if claim is None:
                await self._rest(context.settings.sync_poll_s)
                continue
            step = asyncio.create_task(self._run_step(claim))
            self._steps.add(step)
            step.add_done_callback(self._steps.discard)
        if self._steps:
            await asyncio.wait(self._steps)

    async def _claim(self) -> SyncClaim | None:
        settings = self._context.settings
        try:
            return await claim_stream(self._context.database, settings.lease_ms, settings.sync_loops_per_tenant)
        except Exception as error:
            if not is_server_away(error):
                log.exception("sync.claim_failed")
            await self._rest(AWAY_PAUSE_S)
            return None

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._context.stopping.wait()
        except TimeoutError:
            return

    async def _run_step(self, claim: SyncClaim) -> None:
        try:
            with self._context.work.track(claim.tenant_id, claim.stream):
                await run_step(self._context, claim)
        except Exception as error:
            if is_server_away(error):
                log.warning("sync.not_given_back", **name_run(claim), error=type(error).__name__)
            else:
                log.exception("sync.step_failed", **name_run(claim))
        finally:
            self._slots.release()


async def run_step(context: SyncContext, claim: SyncClaim) -> None:
    """One step of a claimed stream, and what becomes of the stream after it. Raises what Postgres raises when even that
    cannot be written: the lease then ends by itself."""
    step = _Step(context, claim)
    end: StepEnd | None
    try:
        end = await step.run_with_heartbeat()
    except LeaseLostError:
        end = None
    except _StoppedError as stop:
        end = _END_OF_STOP[stop.reason]
    except Exception as error:
        if isinstance(error, CredentialsRefusedError) and error.status == 401 and step.work is not None:
            await context.integrations.note_refused(step.work.integration, error)
        if is_unexpected(error):
            log.exception("sync.step_failed", **name_run(claim))
        # Only what fails in the same place again and again ever ends a stream.
        failures = 0 if step.has_got_on else claim.failures
        end = decide_end(error, failures, _read_limits(context), context.chance)
        if end.ends_as is None and end.reason != "integration_waits":
            log.warning("sync.step_postponed", **name_run(claim), reason=end.reason, wait_s=round(end.wait_s, 1))
    SYNC_STEPS.labels(claim.stream, "lease_lost" if end is None else end.ends_as or end.reason or "again").inc()
    if end is None:
        log.warning("sync.lease_lost", **name_run(claim))
        return
    try:
        await step.leave(end)
    except LeaseLostError:
        log.warning("sync.lease_lost", **name_run(claim))


_END_OF_STOP: dict[str, StepEnd | None] = {
    "lost": None,
    "cancelled": StepEnd("cancelled", None),
    "paused": StepEnd(None, "paused"),
    "stopping": StepEnd(None, None),
}


def _read_limits(context: SyncContext) -> StepLimits:
    settings = context.settings
    return StepLimits(
        settings.sync_failures_max, settings.sync_retry_min_s, settings.sync_retry_max_s, settings.postpone_s
    )


class _Step:
    """A claim being worked on."""

    def __init__(self, context: SyncContext, claim: SyncClaim) -> None:
        self._context = context
        self._claim = claim
        self._began_at = time.monotonic()
        self._doing: ListingStep | RepairStep | ReportStep | None = None
        self._begun_at_place: object = None
        self.work: SyncWork | ReportWork | None = None

    @property
    def has_got_on(self) -> bool:
        """Whether the next step begins further on than this one."""
        return self._doing is not None and self._doing.place != self._begun_at_place

    async def run_with_heartbeat(self) -> StepEnd:
        """How the step ended. Raises _StoppedError when it was ended from outside, and what work raises."""
        if self._claim.is_cancelled:
            raise _StoppedError("cancelled")
        working = asyncio.create_task(self._work())
        beating = asyncio.create_task(self._beat())
        await asyncio.wait({working, beating}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            reason = beating.result()
            working.cancel()
            await asyncio.wait({working})
            # A step that came to its end while it was being cancelled has said how.
            if working.cancelled() or working.exception() is not None:
                raise _StoppedError(reason)
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        return working.result()

    async def _beat(self) -> str:
        """Renews the lease; returns why the step must end."""
        context, lease_ms = self._context, self._context.settings.lease_ms
        lost_at = time.monotonic() + lease_ms / 1000
        while True:
            try:
                async with asyncio.timeout(lease_ms / 1000 / BEATS_PER_LEASE):
                    await context.stopping.wait()
                return "stopping"
            except TimeoutError:
                pass
            try:
                renewal = await renew_lease(context.database, self._claim, lease_ms)
            except Exception as error:
                if time.monotonic() >= lost_at:
                    return "lost"
                log.info("sync.not_renewed", **name_run(self._claim), error=type(error).__name__)
                continue
            lost_at = time.monotonic() + lease_ms / 1000
            if renewal is None:
                return "lost"
            if renewal.is_cancelled or renewal.is_paused:
                return "cancelled" if renewal.is_cancelled else "paused"

    async def _work(self) -> StepEnd:
        context, claim = self._context, self._claim
        self.work = work = await open_work(context, claim)
        deadline = asyncio.get_running_loop().time() + context.settings.sync_step_s
        wait_s: float | None
        if isinstance(work, ReportWork):
            wait_s = await self._report(work, deadline)
        elif claim.kind == "repair":
            wait_s = await self._repair(work, deadline)
        else:
            wait_s = await self._list(work, deadline)
        await context.integrations.note_accepted(work.integration)
        async with context.database.tenant_tx(claim.tenant_id, "sync_errors") as connection:
            errors, dead = await count_errors(connection, claim)
        if dead > context.settings.sync_dead_max:
            raise NeverError("too_many_dead")
        if isinstance(self._doing, ReportStep) and wait_s is None and self._doing.checkpoint.spoiled:
            raise NeverError("unmappable")
        if wait_s is not None:
            return StepEnd(None, None, wait_s)
        return StepEnd("partial" if errors else "succeeded", "some_objects_failed" if errors else None)

    async def _list(self, work: SyncWork, deadline: float) -> float | None:
        if self._claim.checkpoint:
            checkpoint = Checkpoint.from_json(self._claim.checkpoint)
            if self._claim.is_abandoned:
                checkpoint = checkpoint.restart_first(work.reader.restart)
        else:
            checkpoint = await begin_listing(self._context, work)
        self._doing = step = ListingStep(self._context, work, checkpoint, deadline)
        step.committed = self._claim.checkpoint or step.committed
        self._begun_at_place = step.place
        return None if await step.run() else 0.0

    async def _repair(self, work: SyncWork, deadline: float) -> float | None:
        if self._claim.checkpoint:
            checkpoint = RepairCheckpoint.from_json(self._claim.checkpoint)
        else:
            checkpoint = await begin_repair(self._context, work)
        self._doing = step = RepairStep(self._context, work, checkpoint, deadline)
        self._begun_at_place = step.place
        return await step.run()

    async def _report(self, work: ReportWork, deadline: float) -> float | None:
        if self._claim.checkpoint:
            checkpoint = ReportCheckpoint.from_json(self._claim.checkpoint)
        else:
            checkpoint = await begin_report(self._context, work)
        self._doing = step = ReportStep(self._context, work, checkpoint, deadline)
        self._begun_at_place = step.place
        return await step.run()

    async def _find_checkpoint(
        self, connection: asyncpg.Connection, doing: ListingStep | RepairStep | ReportStep
    ) -> Mapping[str, Any] | None:
        """Where the next step begins. Not where this one thinks when the answer to a COMMIT was lost: what that wrote
        would be counted again."""
        stored = await lock_checkpoint(connection, self._claim)
        return doing.checkpoint.to_json() if stored == doing.committed else doing.resume(stored)

    async def leave(self, end: StepEnd) -> None:
        """Writes how the step left its stream. Raises LeaseLostError."""
        claim, worked_ms = self._claim, int((time.monotonic() - self._began_at) * 1000)
        async with self._context.database.tenant_tx(claim.tenant_id, "leave_sync") as connection:
            if end.ends_as is None:
                checkpoint = None if self._doing is None else await self._find_checkpoint(connection, self._doing)
                wait_ms = int(end.wait_s * 1000)
                await release_stream(
                    connection, claim, Release(wait_ms, end.failures, end.reason, worked_ms, checkpoint)
                )
                return
            if end.ends_as in {"succeeded", "partial"}:
                await self._note_end(connection)
            await end_stream(connection, claim, end.ends_as, end.reason, worked_ms)
            status = await end_run(connection, claim.tenant_id, claim.run_id)
            if status is not None:
                await note_run_end(connection, claim)
        log.info("sync.stream_ended", **name_run(claim), status=end.ends_as, reason=end.reason)
        if status is not None:
            log.info("sync.run_ended", tenant_id=claim.tenant_id, run_id=claim.run_id, status=status)

    async def _note_end(self, connection: asyncpg.Connection) -> None:
        """What is known between runs, now that all of the stream was read."""
        work, doing = self.work, self._doing
        if isinstance(work, ReportWork) and isinstance(doing, ReportStep):
            await note_report_end(connection, work, doing.checkpoint)
        elif isinstance(work, SyncWork) and isinstance(doing, ListingStep | RepairStep):
            await note_end(connection, self._context.settings, work, doing.checkpoint)

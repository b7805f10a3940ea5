"""One slice: a worker empties one tenant's queue for at most DRAIN_SLICE_MS.

    1. read what waits, within the room for it;
    2. open inline documents at once; one GET per object for hints, started after the read;
    3. commit what has arrived every COMMIT_LINGER_MS or at a full batch: upserts and ledger in one transaction;
    4. settle exactly those entries; defer failures of their own;
    5. until the queue is empty and nothing is out, or the slice is over: park what is still out, refund what was not
       started, finish.

A failure of the surroundings ends the slice with a hold: everything in hand is refunded, no try is spent.
"""

import asyncio
import time

from app.core.errors import KeyDestroyedError, KeystoreUnavailableError, QueueUnavailableError
from app.core.logging import get_logger
from app.core.metric_labels import TENANT_NAMES
from app.core.metrics import SLICES, TENANTS_HELD
from app.core.queue import Claim, Deferral, ReadResult
from app.core.sealing import TenantKeys
from workers.commit import SurroundingsError
from workers.commits import Commits
from workers.context import DrainContext
from workers.fetches import Fetches
from workers.held import Resolution
from workers.intake import sort_out
from workers.late import LateCommits
from workers.policy import compute_hold_s

# How often a slice that emptied the stream asks again: an append rings no bell for a tenant that is leased. The more
# slices there are, the more rarely each asks, so that together they stay near 500 reads a second.
READ_POLL_S = 0.025
READ_POLL_PER_SLICE_S = 0.002

log = get_logger()


class LeaseLostError(Exception):
    """Somebody else drains this tenant now."""


class HoldTenantError(Exception):
    """The tenant waits, because of `reason`, and for `hold_s` if the provider said so."""

    def __init__(self, reason: str, hold_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hold_s = hold_s


class Slice:
    """Made with a claim by somebody who holds a share of the process's quiet; `run` is called once."""

    def __init__(self, context: DrainContext, late: LateCommits, claim: Claim) -> None:
        self._context = context
        self._claim = claim
        self._wake = asyncio.Event()
        self._fetches = Fetches(context, late, claim.tenant_id, self._wake)
        self._commits: Commits | None = None
        self._deadline = time.monotonic() + context.settings.drain_slice_ms / 1000
        self._renew_at = self._next_renewal()
        self._next_read_at = 0.0
        self._after: str | None = None
        self._room_max = 2 * context.settings.fetch_concurrency_per_tenant
        self._refunds: list[str] = []
        self._is_empty = False
        self._is_suspect = False

    async def run(self) -> None:
        """Drains until the queue is empty or the slice is over. Raises nothing that a slice can meet."""
        context, tenant_id = self._context, self._claim.tenant_id
        hold: HoldTenantError | None = None
        end, lets_go = "done", False
        context.active_slices += 1
        try:
            keys = await context.keyring.keys_of(tenant_id)
            await self._drain(keys, Commits(context, self._claim, keys, self._wake))
            context.surroundings_failures.pop(tenant_id, None)
        except LeaseLostError:
            end = "lease_lost"
        except HoldTenantError as error:
            # What is still out goes on: it may be the one call by which an open breaker tries the provider, and were it
            # cancelled for those that wait behind it, the breaker would never close.
            end, hold, lets_go = "held", error, True
            await self._commit_what_arrived()
        except KeyDestroyedError as error:
            # Nothing of this tenant can be sealed or opened any more: its end is decided elsewhere, not by a drain.
            end, hold = "held", HoldTenantError(error.code, context.settings.hold_max_s)
        except (SurroundingsError, KeystoreUnavailableError) as error:
            end, hold = "held", HoldTenantError(str(error))
        except QueueUnavailableError:
            end = "queue_away"
        except Exception:
            log.exception("slice.failed", tenant_id=tenant_id)
            end, hold = "failed", HoldTenantError("unexpected_error")
        finally:
            context.active_slices -= 1
            SLICES.labels(end=end).inc()
            await asyncio.shield(asyncio.ensure_future(self._close(lets_go=lets_go or end == "done", hold=hold)))

    async def _commit_what_arrived(self) -> None:
        """A provider that throttles should not be asked again for what it has answered."""
        try:
            if self._commits is not None:
                await self._commits.keep(is_last_call=True)
        except (SurroundingsError, QueueUnavailableError) as error:
            log.info("slice.not_committed", tenant_id=self._claim.tenant_id, reason=str(error))

    async def _drain(self, keys: TenantKeys, commits: Commits) -> None:
        self._commits = commits
        while True:
            is_over = self._is_suspect or self._context.stopping.is_set() or time.monotonic() >= self._deadline
            if not is_over and time.monotonic() >= self._next_read_at and self._room() > 0:
                await self._read(keys, commits)
            self._fetches.start()
            self._place(self._fetches.take_resolved(), commits)
            await commits.keep(is_last_call=is_over)
            await self._renew_if_due()
            if is_over:
                if commits.is_busy or self._fetches.has_finished:
                    continue
                break
            if self._is_empty and not self._fetches.is_busy and not commits.is_busy:
                break
            await self._wait(commits)
        if self._is_suspect:
            await self._drain_suspect(keys, commits)

    async def _wait(self, commits: Commits) -> None:
        """Until something arrives, or the next thing is due by the clock."""
        times = [self._deadline, self._renew_at]
        due_at = commits.due_at()
        if due_at is not None:
            times.append(due_at)
        if self._room() > 0:
            times.append(self._next_read_at)
        try:
            async with asyncio.timeout(max(0.0, min(times) - time.monotonic())):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    # -- reading -------------------------------------------------------------------------------------------------

    def _count_in_hand(self) -> int:
        commits = self._commits
        return len(self._fetches.list_held()) + (len(commits.list_held()) if commits else 0)

    def _room(self) -> int:
        return min(self._context.settings.drain_batch_events, self._room_max - self._count_in_hand())

    async def _read(self, keys: TenantKeys, commits: Commits) -> None:
        settings = self._context.settings
        in_hand = [*self._fetches.list_held(), *commits.list_held()]
        if not in_hand:
            self._after = None
        limit = self._room()
        has_retries = any(held.entry.entry_id is None for held in in_hand)
        answer = await self._context.queue.read(self._claim, limit, after=self._after, with_retries=not has_retries)
        self._check(answer)
        if answer.status == "suspect":
            self._is_suspect = True
            return
        self._after = answer.last_entry_id or self._after
        self._is_empty = not answer.entries
        if len(answer.entries) < limit:
            pause_s = max(READ_POLL_S, READ_POLL_PER_SLICE_S * self._context.active_slices)
            self._next_read_at = time.monotonic() + pause_s
        intake = await sort_out(settings, keys, answer)
        if not intake.groups and answer.entries:
            self._room_max = 2 * settings.drain_batch_events  # inline documents: no fetch limits what fits in hand
        for arrival in intake.arrivals:
            commits.arrive(arrival)
        self._fetches.add(intake.groups)

    def _check(self, answer: ReadResult) -> None:
        if answer.status == "lost":
            raise LeaseLostError
        self._renew_at = self._next_renewal()

    def _place(self, resolved: list[Resolution], commits: Commits) -> None:
        holds = [resolution for resolution in resolved if resolution.held]
        for resolution in resolved:
            for arrival in resolution.arrivals:
                commits.arrive(arrival)
            if resolution.retries:
                commits.retry(resolution)
            if resolution.postponed:
                commits.postpone(resolution.postponed)
        if holds:
            self._refunds.extend(held.entry.event_id for resolution in holds for held in resolution.held)
            longest_s = max((resolution.hold_s or 0.0) for resolution in holds)
            raise HoldTenantError(str(holds[0].hold_reason), longest_s or None)

    # -- the lease -----------------------------------------------------------------------------------------------

    def _next_renewal(self) -> float:
        return time.monotonic() + self._context.settings.lease_ms / 3000

    async def _renew_if_due(self) -> None:
        if time.monotonic() >= self._renew_at:
            self._renew_at = self._next_renewal()
            if not await self._context.queue.renew(self._claim):
                raise LeaseLostError

    # -- one that may have stopped its worker ------------------------------------------------------------------------

    async def _drain_suspect(self, keys: TenantKeys, commits: Commits) -> None:
        """Reads the suspect when nobody else in this process has anything in hand, and handles it by itself."""
        await self._let_go()
        quiet = self._context.quiet
        await quiet.give_share_back()
        try:
            await self._wait_alone()
            try:
                answer = await self._context.queue.read(self._claim, 1, alone=True)
                self._check(answer)
                intake = await sort_out(self._context.settings, keys, answer)
                for arrival in intake.arrivals:
                    commits.arrive(arrival)
                self._fetches.add(intake.groups)
                while self._fetches.is_busy or commits.is_busy:
                    self._place(self._fetches.take_resolved(), commits)
                    await commits.keep(is_last_call=True)
                    await self._renew_if_due()
                    if self._fetches.is_busy and not self._fetches.has_finished:
                        self._deadline = time.monotonic() + 1.0
                        await self._wait(commits)
            finally:
                await quiet.end_alone()
        finally:
            await quiet.take_share()

    async def _wait_alone(self) -> None:
        waiting = asyncio.ensure_future(self._context.quiet.take_alone())
        try:
            while not waiting.done():
                await asyncio.wait({waiting}, timeout=1.0)
                await self._renew_if_due()
        except BaseException:
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                await self._context.quiet.end_alone()
            waiting.cancel()
            raise

    # -- the end -------------------------------------------------------------------------------------------------

    async def _let_go(self) -> None:
        """Parks what is out, which goes on by itself, and refunds what was not started."""
        parked = self._fetches.detach()
        unstarted = [held.entry.event_id for held in self._fetches.drop()]
        if parked:
            items = [Deferral(held.entry.event_id, held.entry.entry_id, delay_ms) for held, delay_ms in parked]
            await self._context.queue.park(self._claim, items)
        if unstarted:
            await self._context.queue.refund(self._claim.tenant_id, unstarted)

    async def _close(self, *, lets_go: bool, hold: HoldTenantError | None) -> None:
        context, claim = self._context, self._claim
        if lets_go and not context.stopping.is_set():
            try:
                await self._let_go()
            except QueueUnavailableError:
                log.info("slice.queue_away", tenant_id=claim.tenant_id)
        refunds = [*self._refunds, *(held.entry.event_id for held in self._fetches.drop())]
        if self._commits is not None:
            await self._commits.end()
            refunds.extend(held.entry.event_id for held in self._commits.list_held())
        hold_ms = int(self._compute_hold_s(hold) * 1000) if hold else 0
        try:
            await context.queue.finish(claim, hold_ms, refunds)
        except QueueUnavailableError:
            context.owed.add(lambda: context.queue.finish(claim, hold_ms, refunds))

    def _compute_hold_s(self, hold: HoldTenantError) -> float:
        context, tenant_id = self._context, self._claim.tenant_id
        settings = context.settings
        failures = context.surroundings_failures[tenant_id]
        context.surroundings_failures[tenant_id] += 1
        TENANTS_HELD.labels(tenant_id=TENANT_NAMES.get(tenant_id), reason=hold.reason).inc()
        if not context.gate.is_open:
            failures = 0  # the gate keeps this process quiet until Postgres is back; then nobody should wait longer
        hold_s = compute_hold_s(failures, settings.hold_min_s, settings.hold_max_s, context.chance)
        hold_s = min(settings.hold_max_s, max(hold_s, hold.hold_s or 0.0))
        context.attempts.note_hold(tenant_id, hold.reason, hold_s)
        log.warning("tenant.held", tenant_id=tenant_id, reason=hold.reason, hold_s=round(hold_s, 2))
        return hold_s

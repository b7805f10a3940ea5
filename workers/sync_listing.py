"""A step of a full or incremental run: pages are read, documents fetched, rows written, all at the same time.

While a page is written, documents of the next ones are fetched and the list behind them is read; SYNC_PAGES_AHEAD pages
are in hand at most. Rows, figures and checkpoint of a page go into one transaction, in the pages' order: whatever is
killed, what was read stands as rows or is read again.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, NamedTuple

import asyncpg

from app.connectors.listing import Page
from app.core.errors import MappingError, PositionLostError
from app.core.logging import get_logger
from app.core.metrics import SYNC_OBJECTS
from app.core.outbound import CALL_COUNT, CallCount
from app.services.apply import Applied, InTransaction, Observation, apply_batch
from app.services.prepare import Prepared, prepare_batch
from db.failures import classify
from db.listing_marks import ListingMark, set_marks
from db.sync_claims import Progress, save_progress
from workers.sync_checkpoint import Checkpoint, Tally
from workers.sync_choice import choose_objects, describe_observed, list_marks
from workers.sync_context import SyncContext
from workers.sync_dead import hand_over
from workers.sync_fetch import fetch_objects, find_patience_s, observe
from workers.sync_work import SyncWork, name_run

MAPPED_PER_TURN = 100
FETCH_MIN_S = 2.0
READING_SHARE = 0.7  # of a step's time; the rest is for what was begun

log = get_logger()


class _Handled(NamedTuple):
    """A page ready to be written, sealed while those before it are written. `left`: objects of it that are still to be
    fetched, because the time was over or of `stopped_by`."""

    observations: Sequence[Observation]
    prepared: Prepared | None
    marks: Sequence[ListingMark]
    tally: Tally
    left: AbstractSet[str]
    stopped_by: Exception | None


class ListingStep:
    """One step; `run` is called once. `checkpoint`: what was committed last; after an error, from where it is safe to
    go on. `committed`: what was committed last, as JSON, as far as the answers tell."""

    def __init__(self, context: SyncContext, work: SyncWork, checkpoint: Checkpoint, deadline: float) -> None:
        self._context = context
        self._work = work
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._count = CallCount()
        self._reported = CallCount()
        self._pages: deque[tuple[Checkpoint, asyncio.Task[_Handled]]] = deque()
        self._pages_max = context.settings.sync_pages_ahead
        self._slots = asyncio.Semaphore(context.settings.sync_fetch_concurrency)
        self._stand = self._ahead = checkpoint
        self._stopped_by: Exception | None = None
        self._has_read = self._is_cut = False
        self._writing: asyncio.Task[None] | None = None
        self.checkpoint = checkpoint
        self.committed: Mapping[str, Any] = checkpoint.to_json()

    @property
    def place(self) -> object:
        """Differs when the step has got on, and not when it must begin again where it began."""
        return self.checkpoint.positions, self.checkpoint.done

    def resume(self, stored: Mapping[str, Any]) -> Mapping[str, Any]:
        """From where it is safe to go on when this was committed and nobody heard of it."""
        return Checkpoint.from_json(stored).restart_first(self._work.reader.restart).to_json()

    async def run(self) -> bool:
        """True when nothing is left to be read. `deadline` (the loop's time): no page is begun after it.

        Raises what readers, fetches and writes raise; what had been handled by then is committed.
        """
        CALL_COUNT.set(self._count)
        try:
            await self._work_through()
        except BaseException as error:
            is_cancelled = isinstance(error, asyncio.CancelledError)
            await self._end_tasks(is_cancelled=is_cancelled)
            is_read_further = self._ahead is not self.checkpoint
            if is_cancelled or is_read_further or isinstance(error, PositionLostError):
                # A list that remembers how far it was read may have given what nobody has written.
                self.checkpoint = self.checkpoint.restart_first(self._work.reader.restart)
            raise
        return not self.checkpoint.positions

    async def _work_through(self) -> None:
        """Pages are begun until `soft`, and what is begun is worked on until the deadline."""
        begun_at = self._loop.time()
        soft = begun_at + (self._deadline - begun_at) * READING_SHARE
        while True:
            while self._ahead.positions and len(self._pages) < self._pages_max and self._may_begin(soft):
                await self._begin_page()
            if not self._pages:
                break
            after, handling = self._pages.popleft()
            await self._pass_on(await handling, after)
        await self._finish_writing()
        if self._stopped_by is not None:
            raise self._stopped_by

    def _may_begin(self, soft: float) -> bool:
        """The first page of a step is always read, however late it is: a step gets on with something."""
        is_in_time = self._loop.time() < soft or not self._has_read
        return is_in_time and self._stopped_by is None and not self._is_cut

    async def _begin_page(self) -> None:
        """Reads the next one, while those before it are handled and written."""
        is_first, self._has_read = not self._has_read, True
        observed_at = await self._context.read_time()  # before the request leaves
        page = await self._work.reader.read(self._work.access, self._ahead.positions[0])
        self._ahead = self._ahead.replace_first(page, self._work.reader.restart)
        self._pages.append((self._ahead, asyncio.create_task(self._handle(page, observed_at, is_first=is_first))))

    async def _pass_on(self, handled: _Handled, after: Checkpoint) -> None:
        """To be written behind the page before it. Behind one that was cut short the stream stands still: what came of
        the pages ahead of it is kept, and remembered by id."""
        if handled.left or self._is_cut:
            self._is_cut = True
            self._stand = self._stand.add_done(handled.tally.handled)
        else:
            self._stand = after
        self._stopped_by = self._stopped_by or handled.stopped_by
        await self._finish_writing()
        self._writing = asyncio.create_task(self._write(handled, self._stand))

    async def _finish_writing(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def _end_tasks(self, *, is_cancelled: bool) -> None:
        """A write under way is let finish, unless the step is being cancelled; nothing else is wanted any more."""
        writing, self._writing = self._writing, None
        handling = [task for _, task in self._pages]
        self._pages.clear()
        for task in handling:
            task.cancel()
        if writing is not None and is_cancelled:
            writing.cancel()
        await asyncio.gather(*handling, *([writing] if writing else []), return_exceptions=True)

    async def _handle(self, page: Page, observed_at: datetime, *, is_first: bool) -> _Handled:
        """Maps what the list brought along and fetches what it only told of, as far as that is needed. `is_first`: of
        the step, which however late its list came has the time to tell what never answers."""
        context, work, tally, known = self._context, self._work, Tally(), self.checkpoint
        if page.is_incomplete:
            tally.note_error("list_is_cut", "a list", "more is there than the provider lets anybody list")
        listings = {one.external_id: one for one in page.listings if one.external_id not in known.done}
        observed: dict[str, Observation] = {}
        for listing in listings.values():
            if listing.document is not None:
                try:
                    observed[listing.external_id] = observe(work, listing.document, observed_at)
                except MappingError as error:
                    tally.note_failure(listing.external_id, error)
                if len(observed) % MAPPED_PER_TURN == 0:
                    await asyncio.sleep(0)  # the other steps of this process, and their leases, get their turn
        untold = [one for one in listings.values() if one.document is None]
        wanted = await choose_objects(context, work, known.span, untold)
        patience_s = find_patience_s(context.settings)
        deadline = max(self._deadline, self._loop.time() + (patience_s if is_first else FETCH_MIN_S))
        fetched = await fetch_objects(context, work, wanted, deadline, self._slots)
        fetched.give_up_stragglers(patience_s)
        observed |= fetched.observations
        for object_id, failure in fetched.failures.items():
            tally.note_failure(object_id, failure)
        left = frozenset(wanted) - fetched.handled
        tally.handled = listings.keys() - left
        tally.listed, tally.fetched = len(tally.handled), len(fetched.handled)
        if not left:  # else the page is read once more
            tally.note_unnamed(page.unnamed)
        troubled = [listings[one] for one in tally.dead_ids | tally.failed_ids]
        await hand_over(
            context, work, {one.external_id: None if one.is_pointer else one.fingerprint for one in troubled}
        )
        marks = list_marks(work, listings, observed, tally)
        observations = list(observed.values())
        prepared = await self._prepare(observations)
        return _Handled(observations, prepared, marks, tally, left, fetched.stopped_by)

    async def _prepare(self, observations: Sequence[Observation]) -> Prepared | None:
        """None for a page in which something cannot be sealed: the write will find out what."""
        work = self._work
        try:
            return await prepare_batch(self._context.database, work.keys, observations, country=work.tenant.country)
        except Exception as error:
            if classify(error) != "content":
                raise
            return None

    async def _write(self, handled: _Handled, checkpoint: Checkpoint) -> None:
        """A page; a row that Postgres refuses is found by halving and is dead, as in a drain. Raises LeaseLostError,
        and what a batch raises."""
        try:
            await self._write_page(handled, checkpoint)
        except Exception as error:
            if not handled.observations or classify(error) != "content":
                raise
            await self._write_without_bad(handled, checkpoint)
        self.checkpoint = checkpoint
        SYNC_OBJECTS.labels(self._work.claim.stream).inc(handled.tally.listed)

    async def _write_page(self, handled: _Handled, checkpoint: Checkpoint) -> None:
        """Rows, marks, figures and checkpoint of a page in one transaction."""
        work, spent = self._work, self._count.copy()  # the next page's calls are under way meanwhile
        told = checkpoint.to_json()

        async def save(connection: asyncpg.Connection, applied: Applied) -> None:
            await set_marks(connection, work.place, handled.marks)
            progress = self._report(handled.tally, applied, spent)._replace(expected=checkpoint.expected)
            await save_progress(connection, work.claim, told, progress)

        applied = await self._apply(handled.observations, save, handled.prepared)
        self._reported, self.committed = spent, told
        if applied.kept_out:
            log.info("sync.kept_out", **name_run(work.claim), customers=len(applied.kept_out))

    async def _write_without_bad(self, handled: _Handled, checkpoint: Checkpoint) -> None:
        """Halves are written by themselves, the page's progress behind them. Killed in between it is read again."""
        halves, changed, created = [list(handled.observations)], 0, 0
        refused: dict[str, str | None] = {}
        while halves:
            part = halves.pop()
            try:
                applied = await self._apply(part, None)
            except Exception as error:
                if classify(error) != "content":
                    raise
                if len(part) > 1:
                    halves += [part[len(part) // 2 :], part[: len(part) // 2]]
                    continue
                external_id = part[0].record.external_id
                refused[external_id] = describe_observed(self._work, part[0])
                handled.tally.note_failure(external_id, MappingError("row", "Postgres refuses it"))
            else:
                changed, created = changed + applied.changed, created + applied.created
        await hand_over(self._context, self._work, refused)
        marks = [mark for mark in handled.marks if mark.external_id not in refused]
        marks += [ListingMark(one, fingerprint or "", "dead") for one, fingerprint in refused.items()]
        rest = handled._replace(observations=(), prepared=None, marks=marks)
        rest.tally.changed_before, rest.tally.created_before = changed, created
        await self._write_page(rest, checkpoint)

    async def _apply(
        self, observations: Sequence[Observation], save: InTransaction | None, prepared: Prepared | None = None
    ) -> Applied:
        work = self._work
        return await apply_batch(
            self._context.database, work.keys, (), observations, writer="bulk", now=datetime.now(UTC),
            country=work.tenant.country, limits=work.tenant.limits, integration_id=work.claim.integration_id,
            in_transaction=save, prepared=prepared,
        )  # fmt: skip

    def _report(self, tally: Tally, applied: Applied, spent: CallCount) -> Progress:
        changed, created = applied.changed + tally.changed_before, applied.created + tally.created_before
        troubled = len(applied.kept_out) + len(tally.dead_ids) + len(tally.failed_ids)
        return Progress(
            expected=None,
            listed=tally.listed,
            fetched=tally.fetched,
            created=created,
            updated=changed - created,
            unchanged=max(0, tally.listed - changed - troubled),
            kept_out=len(applied.kept_out),
            dead=len(tally.dead_ids),
            read_bytes=spent.read_bytes - self._reported.read_bytes,
            provider_calls=spent.calls - self._reported.calls,
            errors=tally.errors,
            error_code=tally.error_code,
            error_example=tally.error_example,
        )

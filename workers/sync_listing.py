"""A step of a full or incremental run: pages are read, documents fetched, rows written, one page behind the other.

While a page is written, the documents of the next are fetched and the list behind that is read; at most three pages are
in hand. Rows, figures and checkpoint of a page go into one transaction, in the pages' order: whatever is killed, what
was read stands as rows or is read again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import asyncpg

from app.connectors.listing import Listing, Page
from app.core.errors import MappingError
from app.core.logging import get_logger
from app.core.metrics import SYNC_OBJECTS
from app.core.outbound import CALL_COUNT, CallCount
from app.services.apply import Applied, InTransaction, Observation, apply_batch
from db.failures import classify
from db.held_states import find_states
from db.listing_marks import ListingMark, find_marks, set_marks
from db.sync_claims import Progress, save_progress
from schemas.held_state import HeldState
from schemas.records import OrderRecord
from workers.sync_checkpoint import Checkpoint, Tally
from workers.sync_context import SyncContext
from workers.sync_dead import hand_over
from workers.sync_fetch import fetch_objects, observe
from workers.sync_work import SyncWork, name_run

MARK_LIFE = timedelta(days=1)  # a list that is wrong for good, and an open order, are looked at once a day
MAPPED_PER_TURN = 100
FETCH_MIN_S = 2.0
FINISHED = frozenset({"invoiced", "canceled", "replaced"})

log = get_logger()


class _Handled(NamedTuple):
    """A page, or a part of one, ready to be written. `checkpoint`: where the stream stands behind it."""

    observations: Sequence[Observation]
    marks: Sequence[ListingMark]
    tally: Tally
    checkpoint: Checkpoint
    is_whole: bool


class ListingStep:
    """One step; `run` is called once. `checkpoint`: what was committed last; after an error, from where it is safe to
    go on."""

    def __init__(self, context: SyncContext, work: SyncWork, checkpoint: Checkpoint, deadline: float) -> None:
        self._context = context
        self._work = work
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._count = CallCount()
        self._reported = CallCount()
        self._reading: asyncio.Task[Page] | None = None
        self._writing: asyncio.Task[None] | None = None
        self.checkpoint = checkpoint

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
            # An answer may have been lost in the middle of a list that remembers how far it was read.
            self.checkpoint = self.checkpoint.restart_first(self._work.reader.restart)
            raise
        return not self.checkpoint.positions

    async def _work_through(self) -> None:
        ahead = self.checkpoint
        self._read_ahead(ahead)
        while self._reading is not None:
            page = await self._reading
            after = ahead.replace_first(page, self._work.reader.restart)
            self._read_ahead(after)
            handled, stopped_by = await self._handle(page, ahead, after)
            ahead = handled.checkpoint
            await self._finish_writing()
            self._writing = asyncio.create_task(self._write(handled))
            if stopped_by is not None:
                raise stopped_by
            if not handled.is_whole:
                break
        await self._finish_writing()
        if self._reading is not None:
            # The page that was cut short is read again; what was read behind it has changed nothing.
            await self._end_tasks(is_cancelled=True)

    def _read_ahead(self, checkpoint: Checkpoint) -> None:
        is_over = not checkpoint.positions or self._loop.time() >= self._deadline
        read = self._work.reader.read
        self._reading = None if is_over else asyncio.create_task(read(self._work.access, checkpoint.positions[0]))

    async def _finish_writing(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def _end_tasks(self, *, is_cancelled: bool) -> None:
        """A write under way is let finish, unless the step is being cancelled; a read is not wanted any more."""
        reading, writing = self._reading, self._writing
        self._reading = self._writing = None
        if reading is not None:
            reading.cancel()
        if writing is not None and is_cancelled:
            writing.cancel()
        await asyncio.gather(*(task for task in (reading, writing) if task is not None), return_exceptions=True)

    async def _handle(self, page: Page, before: Checkpoint, after: Checkpoint) -> tuple[_Handled, Exception | None]:
        """Maps what the list brought along and fetches what it only told of, as far as that is needed."""
        context, work, tally = self._context, self._work, Tally()
        if page.is_incomplete:
            tally.note_error("list_is_cut", "a list", "more is there than the provider lets anybody list")
        listings = {one.external_id: one for one in page.listings if one.external_id not in before.done}
        observed: dict[str, Observation] = {}
        observed_at = await context.read_time() if listings else before.span.now
        for listing in listings.values():
            if listing.document is not None:
                try:
                    observed[listing.external_id] = observe(work, listing.document, observed_at)
                except MappingError as error:
                    tally.note_failure(listing.external_id, error)
                if len(observed) % MAPPED_PER_TURN == 0:
                    await asyncio.sleep(0)  # the other steps of this process, and their leases, get their turn
        wanted = await self._choose(before, [one for one in listings.values() if one.document is None])
        # However late the list came, a step gets on with something.
        fetched = await fetch_objects(context, work, wanted, max(self._deadline, self._loop.time() + FETCH_MIN_S))
        observed |= fetched.observations
        for object_id, failure in fetched.failures.items():
            tally.note_failure(object_id, failure)
        left = {one for one in wanted if one not in fetched.observations and one not in fetched.failures}
        tally.handled = listings.keys() - left
        tally.listed, tally.fetched = len(tally.handled), len(fetched.observations) + len(fetched.failures)
        await hand_over(context, work, [*sorted(tally.dead_ids), *sorted(tally.failed_ids)])
        checkpoint = before.add_done(tally.handled) if left else after
        marks = _list_marks(work, listings, observed, tally)
        return _Handled(list(observed.values()), marks, tally, checkpoint, not left), fetched.stopped_by

    async def _choose(self, before: Checkpoint, listings: Sequence[Listing]) -> list[str]:
        """Which of the objects that a list told of must be fetched.

        Full: all that was not seen since the run began. Incremental: what the list shows otherwise than it is held,
        unless it showed the same when it was fetched for nothing; and what is not finished and was not seen for a day.
        """
        if not listings:
            return []
        work, span = self._work, before.span
        ids = [listing.external_id for listing in listings]
        async with self._context.database.tenant_tx(work.place.tenant_id, "sync_states") as connection:
            held = await find_states(connection, work.place, ids)
            marks = await find_marks(connection, work.place, ids, span.now - MARK_LIFE)

        def is_wanted(listing: Listing) -> bool:
            state = held.get(listing.external_id)
            is_marked = marks.get(listing.external_id) == listing.fingerprint
            if listing.is_pointer or state is None:
                return listing.is_pointer or not is_marked
            if span.kind == "full":
                return state.observed_at < span.now
            if work.reader.describe_held(state) != listing.fingerprint:
                return not is_marked
            return is_open(state) and state.observed_at < span.now - MARK_LIFE

        return [listing.external_id for listing in listings if is_wanted(listing)]

    async def _write(self, handled: _Handled) -> None:
        """A page; a row that Postgres refuses is found by halving and is dead, as in a drain. Raises LeaseLostError,
        and what a batch raises."""
        try:
            await self._write_page(handled)
        except Exception as error:
            if not handled.observations or classify(error) != "content":
                raise
            await self._write_without_bad(handled)
        self.checkpoint = handled.checkpoint
        SYNC_OBJECTS.labels(self._work.claim.stream).inc(handled.tally.listed)

    async def _write_page(self, handled: _Handled) -> None:
        """Rows, marks, figures and checkpoint of a page in one transaction."""
        work, spent = self._work, self._count.copy()  # the next page's calls are under way meanwhile

        async def save(connection: asyncpg.Connection, applied: Applied) -> None:
            await set_marks(connection, work.place, handled.marks)
            progress = self._report(handled, applied, spent)
            await save_progress(connection, work.claim, handled.checkpoint.to_json(), progress)

        applied = await self._apply(handled.observations, save)
        self._reported = spent
        if applied.kept_out:
            log.info("sync.kept_out", **name_run(work.claim), customers=len(applied.kept_out))

    async def _write_without_bad(self, handled: _Handled) -> None:
        """Halves are written by themselves, the page's progress behind them. Killed in between it is read again."""
        halves, changed, created = [list(handled.observations)], 0, 0
        known = set(handled.tally.dead_ids)
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
                handled.tally.note_failure(part[0].record.external_id, MappingError("row", "Postgres refuses it"))
            else:
                changed, created = changed + applied.changed, created + applied.created
        await hand_over(self._context, self._work, sorted(handled.tally.dead_ids - known))
        rest = handled._replace(observations=())
        rest.tally.changed_before, rest.tally.created_before = changed, created
        await self._write_page(rest)

    async def _apply(self, observations: Sequence[Observation], save: InTransaction | None) -> Applied:
        work = self._work
        return await apply_batch(
            self._context.database, work.keys, (), observations, writer="bulk", now=datetime.now(UTC),
            country=work.tenant.country, limits=work.tenant.limits, integration_id=work.claim.integration_id,
            in_transaction=save,
        )  # fmt: skip

    def _report(self, handled: _Handled, applied: Applied, spent: CallCount) -> Progress:
        tally = handled.tally
        changed, created = applied.changed + tally.changed_before, applied.created + tally.created_before
        troubled = len(applied.kept_out) + len(tally.dead_ids) + len(tally.failed_ids)
        return Progress(
            expected=handled.checkpoint.expected,
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


def is_open(state: HeldState) -> bool:
    """An order that may still change in ways that no list shows."""
    return state.status_class is not None and state.status_class not in FINISHED


def describe_observed(work: SyncWork, observation: Observation) -> str:
    """The fingerprint that a list would show of what was just fetched."""
    record = observation.record
    state = HeldState(
        record.external_id, record.source_updated_at or observation.observed_at, observation.observed_at,
        record.is_deleted, record.source_created_at,
    )  # fmt: skip
    if isinstance(record, OrderRecord):
        state = state._replace(
            status=record.status, status_class=record.status_class, total_minor=record.total_minor,
            authorized_at=record.authorized_at, invoiced_at=record.invoiced_at,
            has_workflow_error=record.has_workflow_error,
        )  # fmt: skip
    return work.reader.describe_held(state)


def _list_marks(
    work: SyncWork, listings: Mapping[str, Listing], observed: Mapping[str, Observation], tally: Tally
) -> list[ListingMark]:
    """Of those whose document did not make list and row agree."""
    marks = [
        ListingMark(listing.external_id, listing.fingerprint, "list_is_stale")
        for listing in listings.values()
        if listing.document is None
        and not listing.is_pointer
        and listing.external_id in observed
        and describe_observed(work, observed[listing.external_id]) != listing.fingerprint
    ]
    dead = (listings[one] for one in sorted(tally.dead_ids | tally.failed_ids) if one in listings)
    return [*marks, *(ListingMark(one.external_id, one.fingerprint, "dead") for one in dead)]

"""A step of a repair: what the provider lists of each day against what is held, by fingerprint and not only by id.

1. List a window (days, or a part of one) and read what is held of it. 2. Tell the differences: missing (listed,
not held), stale (held otherwise than listed), unlisted (held, not listed). 3. Fetch them; rows, findings and
checkpoint go into one transaction, SYNC_REPAIR_OBJECTS at a time. 4. Somebody who is held, not listed and not there
when asked for is asked for once more later: only who is missing twice was deleted. What is younger than the provider's
lists are behind is left to the next run.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import asyncpg

from app.connectors.listing import Listing, WindowListing
from app.core.errors import MappingError, ObjectNotFoundError
from app.core.logging import get_logger
from app.core.metrics import SYNC_OBJECTS
from app.core.outbound import CALL_COUNT, CallCount
from app.services.apply import Applied, Observation, apply_batch
from db.completeness import DayFound, Finding, FindingOutcome, VerifiedStream, add_findings, set_days, settle_findings
from db.failures import classify
from db.held_states import find_states, list_states
from db.listing_marks import ListingMark, set_marks
from db.sync_claims import Progress, save_progress
from db.versions import Key
from db.waiting_customers import find_waiting
from schemas.records import CustomerRecord
from workers.sync_checkpoint import Tally
from workers.sync_context import SyncContext
from workers.sync_dead import hand_over
from workers.sync_differences import Differences, tell_differences
from workers.sync_fetch import Fetched, fetch_objects, find_patience_s
from workers.sync_findings import count_days, judge
from workers.sync_windows import RepairCheckpoint, Suspect, Window
from workers.sync_work import SyncWork, name_run

DELETIONS_ALWAYS = 100
FETCH_MIN_S = 2.0

log = get_logger()


class _Told(NamedTuple):
    """What is to be said of differences, and what it adds to their days."""

    findings: Sequence[Finding]
    outcomes: Sequence[tuple[str, FindingOutcome]]
    days: Sequence[DayFound] = ()
    marks: Sequence[ListingMark] = ()


class _Part(NamedTuple):
    """Some of a window's differences. `wanted`: those to be fetched; `waiting`: customers whom a limit keeps out;
    `last`: all that the window lists, with its last part."""

    object_ids: Sequence[str]
    wanted: Sequence[str]
    waiting: frozenset[str]
    last: WindowListing | None


class RepairStep:
    """One step; `run` is called once. `checkpoint`: where it stands. `committed`: what was committed last, as JSON, as
    far as the answers tell."""

    def __init__(self, context: SyncContext, work: SyncWork, checkpoint: RepairCheckpoint, deadline: float) -> None:
        self._context = context
        self._work = work
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._lag = timedelta(seconds=work.reader.lag_s)
        self._count = CallCount()
        self._reported = CallCount()
        self._reading: dict[Window, asyncio.Task[tuple[datetime, WindowListing]]] = {}
        self._has_fetched = False
        self.checkpoint = checkpoint
        self.committed: Mapping[str, Any] = checkpoint.to_json()

    @property
    def place(self) -> object:
        """Differs when the step has got on."""
        return self.checkpoint.windows, self.checkpoint.done, self.checkpoint.suspects

    def resume(self, stored: Mapping[str, Any]) -> None:
        """This was committed and nobody heard of it: it is right as it stands."""

    @property
    def is_over(self) -> bool:
        return self._loop.time() >= self._deadline

    async def run(self) -> float | None:
        """None when all is compared and settled; else the seconds after which the next step has something to do."""
        CALL_COUNT.set(self._count)
        try:
            while self.checkpoint.windows and not self.is_over:
                await self._compare(self.checkpoint.windows[0])
        finally:
            await self._stop_reading()
        if self.checkpoint.windows:
            return 0.0
        return await self._confirm()

    async def _fetch(self, object_ids: Sequence[str]) -> Fetched:
        """However late a list came, a step gets on with something, or finds out what never answers."""
        patience_s = find_patience_s(self._context.settings)
        least_s, self._has_fetched = FETCH_MIN_S if self._has_fetched else patience_s, True
        deadline = max(self._deadline, self._loop.time() + least_s)
        fetched = await fetch_objects(self._context, self._work, object_ids, deadline)
        fetched.give_up_stragglers(patience_s)
        return fetched

    # -- one window ------------------------------------------------------------------------------------------------

    async def _compare(self, window: Window) -> None:
        self._read_ahead()
        read_at, found = await self._reading.pop(window)
        differences = None if found.listings is None else await self._tell(window, found, read_at)
        if differences is None:
            self.checkpoint = self.checkpoint.halve_first()
            return
        left = [one for one in differences.object_ids if one not in self.checkpoint.done]
        size = self._context.settings.sync_repair_objects
        while len(left) > size and not self.is_over:
            await self._repair(differences, left[:size], None)
            left = [
                one for one in left if one not in self.checkpoint.done
            ]  # what did not come in time is still to come
        if len(left) <= size:
            await self._repair(differences, left, found)

    def _read_ahead(self) -> None:
        for window in self.checkpoint.windows[: self._context.settings.sync_windows_ahead]:
            if window not in self._reading:
                self._reading[window] = asyncio.create_task(self._read(window))

    async def _read(self, window: Window) -> tuple[datetime, WindowListing]:
        read_at = await self._context.read_time()
        return read_at, await self._work.reader.read_window(self._work.access, window.start, window.end)

    async def _stop_reading(self) -> None:
        tasks = list(self._reading.values())
        self._reading.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell(self, window: Window, found: WindowListing, read_at: datetime) -> Differences | None:
        """None when more is held of the window than is compared at once, and it can be cut."""
        work, limit = self._work, self._context.settings.sync_window_rows_max
        listings = {listing.external_id: listing for listing in found.listings or ()}
        async with self._context.database.tenant_tx(work.place.tenant_id, "sync_compare") as connection:
            states = await list_states(connection, work.place, window.start, window.end, limit=limit + 1)
            if len(states) > limit and window.can_be_halved:
                return None
            held = {state.external_id: state for state in states}
            others = await find_states(connection, work.place, [one for one in listings if one not in held])
        return tell_differences(
            listings, held, others, describe=work.reader.describe_held, settled_before=read_at - self._lag,
            is_complete=found.is_complete and len(states) <= limit, day=window.start.date(),
        )  # fmt: skip

    async def _repair(self, differences: Differences, object_ids: Sequence[str], last: WindowListing | None) -> None:
        """Fetches some of the differences and writes what became of them. `last`: all that the window lists, with
        its last part."""
        waiting = await self._find_waiting(differences, object_ids)
        # So many that nobody will be deleted anyway are not asked for, nor remembered one by one.
        asks_unlisted = self._work.reader.finds_deletions and len(self.checkpoint.suspects) <= self._find_deletions_max(
            max(self.checkpoint.expected, self.checkpoint.listed)
        )
        wanted = [one for one in object_ids if differences.kinds[one] != "unlisted" or asks_unlisted]
        part = _Part(object_ids, [one for one in wanted if one not in waiting], waiting, last)
        fetched = await self._fetch(part.wanted)
        try:
            await self._record(differences, part, fetched)
        except Exception as error:
            if not fetched.observations or classify(error) != "content":
                raise
            await self._repair_without_bad(differences, part)
        if fetched.stopped_by is not None:
            raise fetched.stopped_by

    async def _repair_without_bad(self, differences: Differences, part: _Part) -> None:
        """A row that Postgres refuses is found by halving and is dead, as in a listing."""
        object_ids, last = part.object_ids, part.last
        if len(object_ids) == 1:
            refused = MappingError("row", "Postgres refuses it")
            await self._record(differences, part, Fetched(failures={object_ids[0]: refused}))
            return
        first, rest = object_ids[: len(object_ids) // 2], object_ids[len(object_ids) // 2 :]
        await self._repair(differences, first, None)
        await self._repair(differences, rest, last if self.checkpoint.done.issuperset(first) else None)

    async def _record(self, differences: Differences, part: _Part, fetched: Fetched) -> None:
        """Writes what is known of a part. With the window's last part, if nothing is left of it, the window is done."""
        work, last = self._work, part.last
        left = frozenset(part.wanted) - fetched.handled
        handled = [one for one in part.object_ids if one not in left]
        listed: Sequence[Listing] = () if last is None or left else last.listings or ()
        tally = Tally(listed=len(listed), fetched=len(fetched.handled))
        outcomes, missing = judge(differences, handled, fetched, tally)
        outcomes = [(one, "kept_out" if one in part.waiting else outcome) for one, outcome in outcomes]
        missed_at = await self._context.read_time() if missing else self.checkpoint.begun_at
        troubled = sorted(tally.dead_ids | tally.failed_ids)
        await hand_over(self._context, work, {one: differences.fingerprints.get(one) for one in troubled})
        shown = differences.fingerprints
        marks = [ListingMark(one, shown[one], "dead") for one in troubled if one in shown]
        checkpoint = self.checkpoint.add(handled, [Suspect(one, missed_at) for one in missing])
        if last is not None and not left:
            tally.note_unnamed(last.unnamed)
            checkpoint = checkpoint.drop_first(tally.listed)
        findings = [Finding(one, differences.kinds[one], differences.days[one]) for one in handled]
        told = _Told(findings, outcomes, count_days(findings, listed), marks)
        await self._write(checkpoint, list(fetched.observations.values()), told, tally)

    async def _find_waiting(self, differences: Differences, object_ids: Sequence[str]) -> frozenset[str]:
        """Customers whom a limit keeps out: they are missing at every look, and wait by id already."""
        place = self._work.place
        missing = [one for one in object_ids if differences.kinds[one] == "missing"]
        if place.stream != "customers" or not missing:
            return frozenset()
        keys = [Key(place.source, place.account, one) for one in missing]
        async with self._context.database.tenant_tx(place.tenant_id, "sync_waiting") as connection:
            return frozenset(key.external_id for key in await find_waiting(connection, place.tenant_id, keys))

    async def _write(
        self,
        checkpoint: RepairCheckpoint,
        observations: Sequence[Observation],
        told: _Told,
        tally: Tally,
        deleted: int = 0,
    ) -> None:
        """One transaction. Raises LeaseLostError, and what a batch raises."""
        work, claim = self._work, self._work.claim
        run = VerifiedStream(claim.tenant_id, claim.run_id, work.place.stream)
        spent, saved = self._count.copy(), checkpoint.to_json()

        async def save(connection: asyncpg.Connection, applied: Applied) -> None:
            kept_out = {key.external_id for key in applied.kept_out}
            settled: list[tuple[str, FindingOutcome]] = [
                (one, "kept_out" if one in kept_out else outcome) for one, outcome in told.outcomes
            ]
            await add_findings(connection, run, told.findings)
            await settle_findings(connection, run, settled)
            await set_days(connection, run, claim.integration_id, told.days)
            await set_marks(connection, work.place, told.marks)
            progress = Progress(
                expected=max(checkpoint.expected, checkpoint.listed),
                listed=tally.listed,
                fetched=tally.fetched,
                created=applied.created,
                updated=max(0, applied.changed - applied.created - deleted),
                unchanged=max(0, tally.listed - len(told.findings)),
                deleted=deleted,
                kept_out=sum(outcome == "kept_out" for _, outcome in settled),
                dead=len(tally.dead_ids),
                read_bytes=spent.read_bytes - self._reported.read_bytes,
                provider_calls=spent.calls - self._reported.calls,
                errors=tally.errors,
                error_code=tally.error_code,
                error_example=tally.error_example,
            )
            await save_progress(connection, claim, saved, progress)

        await apply_batch(
            self._context.database, work.keys, (), observations, writer="bulk", now=datetime.now(UTC),
            country=work.tenant.country, limits=work.tenant.limits, integration_id=claim.integration_id,
            in_transaction=save,
        )  # fmt: skip
        self._reported, self.committed = spent, saved
        self.checkpoint = checkpoint
        SYNC_OBJECTS.labels(claim.stream).inc(tally.listed)

    # -- who was missing once --------------------------------------------------------------------------------------

    async def _confirm(self) -> float | None:
        """Asks again for whoever was missing. None when nobody is left; else the seconds until it is time."""
        settings, suspects = self._context.settings, self.checkpoint.suspects
        if not suspects:
            return None
        if len(suspects) > self._find_deletions_max(self.checkpoint.listed):
            await self._spare(suspects)
            return None
        confirm = timedelta(seconds=settings.sync_missing_confirm_s)
        now = await self._context.read_time()
        due = [one.external_id for one in suspects if one.missed_at + confirm <= now]
        if not due:
            return max(0.1, (min(one.missed_at for one in suspects) + confirm - now).total_seconds())
        due = due[: settings.sync_repair_objects]
        fetched = await self._fetch(due)
        await self._settle_missing(due, fetched, now)
        if fetched.stopped_by is not None:
            raise fetched.stopped_by
        return 0.0 if self.checkpoint.suspects else None

    def _find_deletions_max(self, customers: int) -> int:
        return max(DELETIONS_ALWAYS, customers * self._context.settings.sync_deletions_max_percent // 100)

    async def _settle_missing(self, due: Sequence[str], fetched: Fetched, asked_at: datetime) -> None:
        work = self._work
        gone = [one for one, error in fetched.failures.items() if isinstance(error, ObjectNotFoundError)]
        place = (work.place.source, work.place.account)
        tombstones = [
            Observation(*place, CustomerRecord(external_id=one, is_deleted=True), work.reader.mapper_version, asked_at)
            for one in gone
        ]
        settled = {*gone, *fetched.observations}
        tally = Tally(fetched=len(settled))
        for object_id, error in fetched.failures.items():
            if object_id not in settled:
                tally.note_failure(object_id, error)
                settled.add(object_id)
        outcomes: list[tuple[str, FindingOutcome]] = [(one, "deleted") for one in gone]
        outcomes += [(one, "left_alone") for one in settled - set(gone)]
        await self._write(
            self.checkpoint.clear(settled), [*tombstones, *fetched.observations.values()], _Told((), outcomes), tally,
            len(gone),
        )  # fmt: skip

    async def _spare(self, suspects: Sequence[Suspect]) -> None:
        """So many at once are rather a provider's bad day: nobody is deleted, and the run says so."""
        tally = Tally()
        problem = f"{len(suspects)} seem deleted at once, more than SYNC_DELETIONS_MAX_PERCENT: nobody was"
        tally.note_error("too_many_deletions", suspects[0].external_id, problem)
        log.error("sync.too_many_deletions", **name_run(self._work.claim), customers=len(suspects))
        ids = {one.external_id for one in suspects}
        await self._write(self.checkpoint.clear(ids), (), _Told((), [(one, "left_alone") for one in ids]), tally)

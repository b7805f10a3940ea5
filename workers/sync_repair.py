"""A step of a repair: what the provider lists of each day against what is held, by fingerprint and not only by id.

1. List a window (days, or a part of one) and read what is held of it. 2. Tell the differences: missing (listed,
not held), stale (held otherwise than listed), unlisted (held, not listed). 3. Fetch them; rows, findings and
checkpoint go into one transaction, SYNC_REPAIR_OBJECTS at a time. 4. Somebody who is held, not listed and not there
when asked for is asked for once more later: only who is missing twice was deleted. What is younger than the provider's
lists are behind is left to the next run.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import asyncpg

from app.connectors.listing import Listing, WindowListing
from app.core.errors import ObjectNotFoundError
from app.core.logging import get_logger
from app.core.metrics import SYNC_OBJECTS
from app.core.outbound import CALL_COUNT, CallCount
from app.services.apply import Applied, Observation, apply_batch
from db.completeness import DayFound, Finding, FindingOutcome, VerifiedStream, add_findings, set_days, settle_findings
from db.held_states import find_states, list_states
from db.sync_claims import Progress, save_progress
from schemas.records import CustomerRecord
from workers.sync_checkpoint import Tally
from workers.sync_context import SyncContext
from workers.sync_dead import hand_over
from workers.sync_differences import Differences, tell_differences
from workers.sync_fetch import Fetched, fetch_objects, find_patience_s
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
            left = left[size:]
        if len(left) <= size:
            await self._repair(differences, left, found.listings)

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

    async def _repair(
        self, differences: Differences, object_ids: Sequence[str], listed: Sequence[Listing] | None
    ) -> None:
        """Fetches some of the differences and writes what became of them. `listed`: the window's, with its last
        part."""
        work, reader = self._work, self._work.reader
        # So many that nobody will be deleted anyway are not asked for, nor remembered one by one.
        asks_unlisted = reader.finds_deletions and len(self.checkpoint.suspects) <= self._find_deletions_max(
            max(self.checkpoint.expected, self.checkpoint.listed)
        )
        wanted = [one for one in object_ids if differences.kinds[one] != "unlisted" or asks_unlisted]
        fetched = await self._fetch(wanted)
        left = frozenset(wanted) - fetched.handled
        handled = [one for one in object_ids if one not in left]
        is_last = listed is not None and not left
        tally = Tally(listed=len(listed or ()) if is_last else 0, fetched=len(fetched.handled))
        outcomes, missing = _judge(differences, handled, fetched, tally)
        missed_at = await self._context.read_time() if missing else self.checkpoint.begun_at
        await hand_over(self._context, work, [*sorted(tally.dead_ids), *sorted(tally.failed_ids)])
        checkpoint = self.checkpoint.add(handled, [Suspect(one, missed_at) for one in missing])
        if is_last:
            checkpoint = checkpoint.drop_first(tally.listed)
        findings = [Finding(one, differences.kinds[one], differences.days[one]) for one in handled]
        told = _Told(findings, outcomes, count_days(findings, (listed or ()) if is_last else ()))
        await self._write(checkpoint, list(fetched.observations.values()), told, tally)
        if fetched.stopped_by is not None:
            raise fetched.stopped_by

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
        run = VerifiedStream(claim.tenant_id, claim.run_id, claim.stream)
        spent, saved = self._count.copy(), checkpoint.to_json()

        async def save(connection: asyncpg.Connection, applied: Applied) -> None:
            kept_out = {key.external_id for key in applied.kept_out}
            settled: list[tuple[str, FindingOutcome]] = [
                (one, "kept_out" if one in kept_out else outcome) for one, outcome in told.outcomes
            ]
            await add_findings(connection, run, told.findings)
            await settle_findings(connection, run, settled)
            await set_days(connection, run, claim.integration_id, told.days)
            progress = Progress(
                expected=max(checkpoint.expected, checkpoint.listed),
                listed=tally.listed,
                fetched=tally.fetched,
                created=applied.created,
                updated=max(0, applied.changed - applied.created - deleted),
                unchanged=max(0, tally.listed - len(told.findings)),
                deleted=deleted,
                kept_out=len(kept_out),
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


def count_days(findings: Iterable[Finding], listed: Iterable[Listing]) -> list[DayFound]:
    """What a look adds to each day: objects listed, and differences."""
    counts: dict[date, Counter[str]] = defaultdict(Counter)
    for listing in listed:
        if listing.created_at is not None:
            counts[listing.created_at.astimezone(UTC).date()]["listed"] += 1
    for finding in findings:
        counts[finding.day][finding.finding] += 1
    return [DayFound(day, *(count[name] for name in DayFound._fields[1:])) for day, count in sorted(counts.items())]


def _judge(
    differences: Differences, handled: Sequence[str], fetched: Fetched, tally: Tally
) -> tuple[list[tuple[str, FindingOutcome]], list[str]]:
    """What became of each difference, and who was missing when asked for."""
    outcomes: list[tuple[str, FindingOutcome]] = []
    missing: list[str] = []
    for one in handled:
        kind, failure = differences.kinds[one], fetched.failures.get(one)
        if kind == "unlisted" and isinstance(failure, ObjectNotFoundError):
            missing.append(one)
        elif failure is not None:
            tally.note_failure(one, failure)
            outcomes.append((one, "dead"))
        else:
            outcomes.append((one, "left_alone" if kind == "unlisted" else "repaired"))
    return outcomes, missing

"""A step of a report's run: windows of days are read one after the other, and each replaces what is held of its days.

A window's rows, the run's figures and the checkpoint go into one transaction: whatever is killed, a window stands as it
was told or is read again. What the provider still makes waits beside the others, SYNC_REPORTS_AT_ONCE at most. A window
with a row that cannot be used leaves its days as they are; the others are read, and then the run fails.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.connectors.listing import Position
from app.connectors.tools import ReportPart
from app.core.errors import AcequiaError, MappingError, ProviderRefusedError
from app.core.logging import get_logger
from app.core.metrics import SYNC_OBJECTS
from app.core.outbound import CALL_COUNT, CallCount
from app.services.ad_spend import store_window
from db.ad_spend import Replaced
from db.failures import classify
from db.sync_claims import Progress, save_progress
from workers.sync_checkpoint import Tally
from workers.sync_context import SyncContext
from workers.sync_report_checkpoint import ReportCheckpoint
from workers.sync_work import ReportWork, name_run

_NOTHING = Replaced(0, 0, 0, 0, 0, 0)

log = get_logger()


class ReportStep:
    """One step; `run` is called once. `checkpoint`: where it stands. `committed`: what was committed last, as JSON, as
    far as the answers tell."""

    def __init__(self, context: SyncContext, work: ReportWork, checkpoint: ReportCheckpoint, deadline: float) -> None:
        self._context = context
        self._work = work
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._count = CallCount()
        self._reported = CallCount()
        self.checkpoint = checkpoint
        self.committed: Mapping[str, Any] = checkpoint.to_json()

    @property
    def place(self) -> object:
        """Differs when the step has got on."""
        return self.checkpoint.positions, self.checkpoint.waiting

    def resume(self, stored: Mapping[str, Any]) -> None:
        """This was committed and nobody heard of it: it is right as it stands."""

    async def run(self) -> float | None:
        """None when all is read; else the seconds after which the next step has something to do. No window is begun
        after the deadline (the loop's time)."""
        CALL_COUNT.set(self._count)
        waiting_max = self._context.settings.sync_reports_at_once
        while self._loop.time() < self._deadline:
            taken = self.checkpoint.take(datetime.now(UTC), waiting_max)
            if taken is None:
                break
            await self._read(*taken)
        return None if self.checkpoint.is_done else self.checkpoint.find_wait_s(datetime.now(UTC), waiting_max)

    async def _read(self, position: Position, rest: ReportCheckpoint) -> None:
        """One position; `rest` is what is left beside it."""
        work = self._work
        try:
            part = await work.reader.read(work.access, position)
        except MappingError as error:
            await self._spoil(position, rest, error)
            return
        except ProviderRefusedError as error:
            await self._write(self.checkpoint, ReportPart(None), self._tell(position, error))
            raise
        try:
            await self._write(rest.add(part, datetime.now(UTC)), part, Tally())
        except MappingError as error:
            await self._spoil(position, rest, error)
        except Exception as error:
            if classify(error) != "content":
                raise
            await self._spoil(position, rest, MappingError("row", "Postgres refuses it"))

    async def _spoil(self, position: Position, rest: ReportCheckpoint, error: MappingError) -> None:
        """Nothing is known of this window: no money may be missing without a word."""
        log.error("sync.report_unusable", **name_run(self._work.claim), field=error.field, problem=error.problem)
        await self._write(rest.note_spoiled(), ReportPart(None), self._tell(position, error))

    def _tell(self, position: Position, error: AcequiaError) -> Tally:
        tally = Tally()
        tally.note_error(error.code, self._work.reader.describe(position), str(error))
        return tally

    async def _write(self, checkpoint: ReportCheckpoint, part: ReportPart, tally: Tally) -> None:
        """One transaction. Raises LeaseLostError, and what a window raises that cannot be stored."""
        work, claim = self._work, self._work.claim
        spent, saved, replaced = self._count.copy(), checkpoint.to_json(), _NOTHING
        listed = len(part.told.rows) if part.told else 0
        async with self._context.database.tenant_tx(claim.tenant_id, "sync_report") as connection:
            if part.told is not None:
                replaced = await store_window(
                    connection, work.integration, part.told, mapper_version=work.reader.mapper_version
                )
            progress = Progress(
                expected=checkpoint.listed if checkpoint.is_done else None,
                listed=listed,
                created=replaced.created,
                updated=replaced.written - replaced.created,
                unchanged=listed - replaced.written,
                deleted=replaced.removed,
                read_bytes=spent.read_bytes - self._reported.read_bytes,
                provider_calls=spent.calls - self._reported.calls,
                errors=tally.errors,
                error_code=tally.error_code,
                error_example=tally.error_example,
            )
            await save_progress(connection, claim, saved, progress)
        self._reported, self.committed, self.checkpoint = spent, saved, checkpoint
        SYNC_OBJECTS.labels(claim.stream).inc(listed)

"""A run followed while it goes on."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from app.services.office import Office
from app.services.sync_runs import get_run
from db.sync_runs import ACTIVE
from schemas.syncs import SyncRun

# These move with the clock alone: a run is shown again when something was done.
_BY_CLOCK: Mapping[str, Any] = {"eta_s": True, "streams": {"__all__": {"eta_s", "rate_per_s", "worked_s"}}}


async def follow_run(
    office: Office, tenant_id: int, run_id: UUID, *, interval_s: float
) -> AsyncIterator[SyncRun | None]:
    """The run as it is now, then after each change, looked for every `interval_s`; None at a look that found none.

    Ends when the run has, having shown that. Raises NotFoundError, also when the run is forgotten meanwhile.
    """
    before: object = None
    while True:
        run = await get_run(office, tenant_id, run_id)
        now = run.model_dump(exclude=dict(_BY_CLOCK))
        yield run if now != before else None
        if run.status not in ACTIVE:
            return
        before = now
        await asyncio.sleep(interval_s)

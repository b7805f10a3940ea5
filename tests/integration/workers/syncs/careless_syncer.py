"""A syncer that saves its progress in a transaction of its own, and then dies before the page's rows are written."""

import asyncio
import os
import signal

import workers.sync_listing
from app.services.apply import Applied
from db.sync_claims import save_progress
from workers.sync_checkpoint import Checkpoint
from workers.sync_listing import ListingStep
from workers.syncer import main

PAGES_BEFORE_DEATH = 3


async def write_page(self: ListingStep, handled: "workers.sync_listing._Handled", checkpoint: Checkpoint) -> None:
    """As the product's, with the progress first."""
    work = self._work
    progress = self._report(handled.tally, Applied({}, 0), self._count.copy())
    async with self._context.database.tenant_tx(work.claim.tenant_id, "careless") as connection:
        await save_progress(connection, work.claim, checkpoint.to_json(), progress)
    global pages  # noqa: PLW0603 - a process that lives for three pages
    pages += 1
    if pages >= PAGES_BEFORE_DEATH:
        os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.sleep(0)
    await self._apply(handled.observations, None)


pages = 0
ListingStep._write_page = write_page  # type: ignore[method-assign]

if __name__ == "__main__":
    main()

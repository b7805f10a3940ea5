"""Works off operations on many dead letters, in every worker process.

A task of its own and not an arq job: an operation lasts as long as it lasts, and a job must end within its time.
"""

import asyncio

from app.core.logging import get_logger
from app.services.bulk_steps import BulkOffice, work_step
from db.failures import classify
from workers.context import DrainContext

log = get_logger()


async def run_bulk(context: DrainContext) -> None:
    """Step by step, the operations in turn; every BULK_POLL_S while there is none."""
    office = BulkOffice(context.database, context.keyring, context.queue, context.settings)
    while True:
        try:
            has_worked = await work_step(office)
        except Exception as error:
            if classify(error) != "surroundings":
                log.exception("bulk.failed", error=type(error).__name__)
            has_worked = False
        if not has_worked:
            await asyncio.sleep(context.settings.bulk_poll_s)

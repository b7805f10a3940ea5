"""arq behind one module, with its traps closed.

arq runs what is a job: schedules, short maintenance, syncs. Events never pass through it. JSON and never pickle (who
can write to Redis could else run code here); no results kept (an id whose result is kept cannot be enqueued again,
silently); no argument in a log line; a worker that loses Redis is started again by `run_jobs`, where arq alone exits.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
from arq import cron
from arq.connections import RedisSettings
from arq.cron import CronJob
from arq.typing import WorkerCoroutine
from arq.worker import Worker

from app.core.logging import get_logger

RESTART_PAUSE_S = 1.0
JOB_TIMEOUT_S = 60

log = get_logger()


def make_cron(
    job: WorkerCoroutine, *, minutes: set[int] | None = None, seconds: int | set[int] = 0, at_start: bool = False
) -> CronJob:
    """A job that runs once a tick in one process of however many there are (arq's ids make a tick unique)."""
    return cron(job, minute=minutes, second=seconds, run_at_startup=at_start, unique=True, timeout=JOB_TIMEOUT_S,
                keep_result=0)  # fmt: skip


async def run_jobs(
    redis_url: str, queue_name: str, functions: Sequence[Any], crons: Sequence[CronJob], context: dict[str, Any]
) -> None:
    """Runs an arq worker for ever, until cancelled. `context` is what jobs get as their first argument."""
    while True:
        worker = Worker(
            functions=functions,
            cron_jobs=crons,
            queue_name=queue_name,
            redis_settings=RedisSettings.from_dsn(redis_url),
            handle_signals=False,
            max_jobs=10,
            job_timeout=JOB_TIMEOUT_S,
            keep_result=0,
            log_results=False,
            ctx=dict(context),
            job_serializer=orjson.dumps,
            job_deserializer=orjson.loads,
        )
        try:
            await worker.async_run()
        except asyncio.CancelledError:
            await worker.close()
            raise
        except Exception as error:
            log.warning("jobs.worker_restarts", error=type(error).__name__)
            await asyncio.sleep(RESTART_PAUSE_S)

"""The syncer process: steps of batch and manual syncs, and arq jobs for what starts by the clock.

Run as `python -m workers.syncer`. SIGTERM stops it cleanly: steps are ended, their streams given back.
"""

import asyncio
import gc
import os
import signal
import sys
from contextlib import AsyncExitStack

import uvloop
from asyncpg.exceptions import PostgresError
from starlette.applications import Starlette

from app.connectors.registry import list_connectors
from app.core.ending import end_tasks
from app.core.errors import ConfigurationError, QueueUnavailableError
from app.core.health import health_routes
from app.core.identity import normalise_phone
from app.core.jobs import run_jobs
from app.core.limits import make_budget
from app.core.logging import configure_logging, get_logger
from app.core.outbound import Outbound
from app.core.queue import Queue, QueueLimits
from app.core.redis import check_queue_server, connect_redis
from app.core.serving import make_server
from app.core.settings import Settings, get_settings
from app.services.integrations import LiveIntegrations
from app.services.keyring import open_keyring
from app.services.live_tenants import DEFAULT_COUNTRY, LiveTenants
from db.pool import Database
from workers.sync_context import SyncContext
from workers.sync_jobs import JOB_QUEUE, list_crons, list_functions
from workers.syncs import SyncLoops

QUEUE_SOCKET_TIMEOUT_S = 5.0
GARBAGE_OBJECTS = 20_000  # new objects between two collections of the youngest

log = get_logger()


async def build_sync_context(settings: Settings, resources: AsyncExitStack) -> SyncContext:
    """Pools and clients of a syncer; `resources` closes them. Raises ConfigurationError for what cannot work."""
    redis_url = settings.get_url("redis_url")
    cache_url = settings.cache_redis_url.get_secret_value() if settings.cache_redis_url else redis_url
    redis = connect_redis(redis_url, socket_timeout_s=QUEUE_SOCKET_TIMEOUT_S)
    resources.push_async_callback(redis.aclose)
    cache = connect_redis(cache_url, socket_timeout_s=1.0)
    resources.push_async_callback(cache.aclose)
    database = await Database.open(settings, application_name="acequia syncer")
    resources.push_async_callback(database.close)
    for sentence in database.warnings:
        log.warning("database.warning", problem=sentence)
    keyring = await open_keyring(settings)
    resources.push_async_callback(keyring.close)
    outbound = Outbound(settings, make_budget(cache, settings))
    resources.push_async_callback(outbound.aclose)
    queue = Queue(redis, group=settings.worker_group, limits=QueueLimits.from_settings(settings))
    resources.push_async_callback(queue.close)
    await queue.load()
    readers = {
        name: connector.make_readers(outbound, settings)
        for name, connector in list_connectors().items()
        if connector.make_readers is not None
    }
    return SyncContext(
        settings=settings,
        database=database,
        keyring=keyring,
        queue=queue,
        integrations=LiveIntegrations(database, keyring),
        tenants=LiveTenants(database),
        readers=readers,
    )


def build_health(context: SyncContext) -> Starlette:
    async def check_database() -> str | None:
        await context.database.ping()
        return None

    async def check_queue() -> str | None:
        return " ".join(await check_queue_server(context.queue.redis, context.settings)) or None

    async def check_keys() -> str | None:
        return await context.keyring.find_problem()

    return Starlette(routes=health_routes({"database": check_database, "queue": check_queue, "keys": check_keys}))


async def run(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT."""
    os.nice(settings.sync_niceness)  # live work on the same machine goes first
    async with AsyncExitStack() as resources:
        context = await build_sync_context(settings, resources)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, context.stopping.set)
        normalise_phone("+54 11 5555-1234", DEFAULT_COUNTRY)  # loads the numbering plans now, not with the first page
        settle_garbage()
        server = make_server(build_health(context), settings.syncer_health_host, settings.syncer_health_port,
                             stop_timeout_s=1, handles_signals=False)  # fmt: skip
        loops = asyncio.create_task(SyncLoops(context).run(), name="loops")
        tasks = [
            asyncio.create_task(server.serve(), name="health"),
            asyncio.create_task(
                run_jobs(settings.get_url("redis_url"), JOB_QUEUE, list_functions(), list_crons(), {"sync": context}),
                name="jobs",
            ),
        ]
        log.info("syncer.started", pid=os.getpid())
        await _wait_for_end(context, [loops, *tasks])
        context.stopping.set()
        await asyncio.wait({loops}, timeout=settings.stop_timeout_s / 2)
        waiting = await end_tasks((loops, *tasks), timeout_s=settings.stop_timeout_s / 2)
        if waiting:
            log.error("syncer.killed", tasks=[task.get_name() for task in waiting])
            os._exit(1)
        log.info("syncer.stopped")


def settle_garbage() -> None:
    """What is here now stays. A page is thousands of small objects that go by themselves, and none of them is garbage
    while it is worked on: looking for it as often as usual takes 5 % of a backfill."""
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)


async def _wait_for_end(context: SyncContext, tasks: "list[asyncio.Task[None]]") -> None:
    """Until told to stop, or until a task that should never end has ended: then the process is started again."""
    stopping = asyncio.create_task(context.stopping.wait())
    done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    for task in done - {stopping}:
        if not context.stopping.is_set():
            error = task.exception()
            log.error("syncer.task_ended", task=task.get_name(), error=type(error).__name__, exc_info=error)


def main() -> None:
    try:
        settings = get_settings()
        configure_logging("syncer", settings.log_level)
        uvloop.run(run(settings))
    except ConfigurationError as error:
        sys.exit(f"syncer cannot start: {error}")
    except (PostgresError, QueueUnavailableError, OSError) as error:
        # Its supervisor starts it again: Postgres or Redis may only be a moment behind.
        sys.exit(f"syncer cannot start: PostgreSQL or Redis does not answer yet ({type(error).__name__}).")


if __name__ == "__main__":
    main()

"""The worker process: drain loops, sweeper, upkeep and short arq jobs in one event loop.

Run as `python -m workers.main`. SIGTERM stops it cleanly: what is in hand is refunded or committed, leases are given
back. A task can swallow its cancellation, so it is repeated until the tasks have ended or STOP_TIMEOUT_S is over.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import uvloop
from asyncpg.exceptions import PostgresError
from starlette.applications import Starlette

from app.connectors.vtex.client import VtexClient
from app.core.ending import end_tasks
from app.core.errors import ConfigurationError, QueueUnavailableError
from app.core.health import health_routes
from app.core.identity import normalise_phone
from app.core.jobs import run_jobs
from app.core.latency import LatencyRecorder
from app.core.limits import make_asked_budget, make_budget
from app.core.logging import configure_logging, get_logger
from app.core.outbound import Outbound
from app.core.own_address import OwnAddress
from app.core.queue import Queue, QueueLimits
from app.core.redis import check_queue_server, connect_redis
from app.core.serving import make_server
from app.core.settings import Settings, get_settings
from app.services.hook_probes import HookProbes
from app.services.hook_silence import HookSilence
from app.services.hook_watchdog import HookWatchdog
from app.services.hooks import ProviderHooks
from app.services.integrations import LiveIntegrations
from app.services.keyring import open_keyring
from app.services.live_tenants import DEFAULT_COUNTRY, LiveTenants
from app.services.observe import Observer
from db.pool import Database
from workers.context import DrainContext
from workers.dispatch import Dispatcher
from workers.gate import DatabaseGate
from workers.jobs import JOB_QUEUE, list_crons, list_functions
from workers.late import LateCommits
from workers.sweeper import run_sweeper
from workers.upkeep import run_upkeep
from workers.waits import Waits

QUEUE_SOCKET_TIMEOUT_S = 5.0

log = get_logger()


async def build_context(settings: Settings, resources: AsyncExitStack) -> DrainContext:
    """Pools and clients of a worker; `resources` closes them. Raises ConfigurationError for what cannot work."""
    redis_url = settings.get_url("redis_url")
    cache_url = settings.cache_redis_url.get_secret_value() if settings.cache_redis_url else redis_url
    connections_max = settings.drain_loops + 16
    redis = connect_redis(redis_url, socket_timeout_s=QUEUE_SOCKET_TIMEOUT_S, connections_max=connections_max)
    resources.push_async_callback(redis.aclose)
    cache = connect_redis(cache_url, socket_timeout_s=1.0)
    resources.push_async_callback(cache.aclose)
    database = await Database.open(settings, application_name="acequia worker")
    resources.push_async_callback(database.close)
    for sentence in database.warnings:
        log.warning("database.warning", problem=sentence)
    keyring = await open_keyring(settings)
    resources.push_async_callback(keyring.close)
    outbound = Outbound(settings, make_budget(cache, settings))
    resources.push_async_callback(outbound.aclose)
    vtex = VtexClient(outbound, url_template=settings.vtex_url_template)
    queue = Queue(redis, group=settings.worker_group, limits=QueueLimits.from_settings(settings))
    resources.push_async_callback(queue.close)
    await queue.load()
    integrations = LiveIntegrations(database, keyring)
    # Hooks are looked after from the small budget of what people ask for: that slows down nobody's live events.
    asked = Outbound(settings, make_asked_budget(cache, settings))
    resources.push_async_callback(asked.aclose)
    asked_vtex = VtexClient(asked, url_template=settings.vtex_url_template)
    hooks = ProviderHooks(settings=settings, database=database, keyring=keyring, redis=redis, vtex=asked_vtex)
    own = OwnAddress()
    resources.push_async_callback(own.aclose)
    return DrainContext(
        settings=settings,
        queue=queue,
        database=database,
        keyring=keyring,
        integrations=integrations,
        tenants=LiveTenants(database),
        observer=Observer(vtex),
        latency=LatencyRecorder(cache),
        gate=DatabaseGate(database),
        waits=Waits(settings, database, queue, integrations),
        hooks=hooks,
        watchdog=HookWatchdog(
            settings=settings,
            database=database,
            hooks=hooks,
            integrations=integrations,
            probes=HookProbes(settings, database, own),
            silence=HookSilence(settings, database, queue),
        ),
    )


def build_health(context: DrainContext) -> Starlette:
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
    async with AsyncExitStack() as resources:
        context = await build_context(settings, resources)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, context.stopping.set)
        normalise_phone("+54 11 5555-1234", DEFAULT_COUNTRY)  # loads the numbering plans now, not with the first event
        late = LateCommits(context)
        server = make_server(build_health(context), settings.worker_health_host, settings.worker_health_port,
                             stop_timeout_s=1, handles_signals=False)  # fmt: skip
        dispatcher = asyncio.create_task(Dispatcher(context, late).run(), name="dispatcher")
        tasks = [
            _start("gate", context.gate.run()),
            _start("owed", context.owed.run()),
            _start("late", late.run()),
            _start("sweeper", run_sweeper(context)),
            _start("upkeep", run_upkeep(context)),
            _start("waits", context.waits.run()),
            _start("health", server.serve()),
            _start("jobs", run_jobs(settings.get_url("redis_url"), JOB_QUEUE, list_functions(), list_crons(),
                                    {"drain": context})),
        ]  # fmt: skip
        log.info("worker.started", group=settings.worker_group, pid=os.getpid())
        await _wait_for_end(context, [dispatcher, *tasks])
        context.stopping.set()
        await _stop(context, late, dispatcher, tasks)


def _start(name: str, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    return asyncio.create_task(work, name=name)


async def _wait_for_end(context: DrainContext, tasks: "list[asyncio.Task[None]]") -> None:
    """Until told to stop, or until a task that should never end has ended: then the process is started again."""
    stopping = asyncio.create_task(context.stopping.wait())
    done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    for task in done - {stopping}:
        if not context.stopping.is_set():
            error = task.exception()
            log.error("worker.task_ended", task=task.get_name(), error=type(error).__name__, exc_info=error)


async def _stop(
    context: DrainContext, late: LateCommits, dispatcher: "asyncio.Task[None]", tasks: "list[asyncio.Task[None]]"
) -> None:
    timeout_s = context.settings.stop_timeout_s
    await asyncio.wait({dispatcher}, timeout=timeout_s / 2)
    await late.commit_all()
    await context.owed.pay()
    fetches = [group.task for group in context.detached if group.task is not None]
    waiting = await end_tasks((dispatcher, *tasks, *fetches), timeout_s=timeout_s / 2)
    if waiting:
        log.error("worker.killed", tasks=[task.get_name() for task in waiting])
        os._exit(1)
    log.info("worker.stopped")


def main() -> None:
    try:
        settings = get_settings()
        configure_logging("worker", settings.log_level)
        uvloop.run(run(settings))
    except ConfigurationError as error:
        sys.exit(f"worker cannot start: {error}")
    except (PostgresError, QueueUnavailableError, OSError) as error:
        # Its supervisor starts it again: Postgres or Redis may only be a moment behind.
        sys.exit(f"worker cannot start: PostgreSQL or Redis does not answer yet ({type(error).__name__}).")


if __name__ == "__main__":
    main()

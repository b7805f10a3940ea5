"""What worker and syncer have alike as processes: servers they talk to, health, signals, and an end.

A process that loses a task which should never end stops, and its supervisor starts it again.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

import uvloop
from asyncpg.exceptions import PostgresError
from redis.asyncio import Redis
from starlette.applications import Starlette

from app.core.errors import ConfigurationError, QueueUnavailableError
from app.core.health import health_routes
from app.core.limits import make_budget
from app.core.logging import configure_logging, get_logger
from app.core.outbound import Outbound
from app.core.queue import Queue, QueueLimits
from app.core.redis import check_queue_server, connect_redis
from app.core.settings import Settings, get_settings
from app.services.keyring import Keyring, open_keyring
from db.pool import Database

QUEUE_SOCKET_TIMEOUT_S = 5.0

log = get_logger()


class Servers(NamedTuple):
    """Connections of one process. `redis`: the queue's; `cache`: the one that may be lost; `outbound`: to providers,
    out of their accounts' budget."""

    redis: Redis
    cache: Redis
    queue: Queue
    database: Database
    keyring: Keyring
    outbound: Outbound


async def open_servers(
    settings: Settings, resources: AsyncExitStack, name: str, *, connections_max: int | None = None
) -> Servers:
    """Closed by `resources`. `connections_max`: to the queue. Raises ConfigurationError for what cannot work."""
    redis_url = settings.get_url("redis_url")
    cache_url = settings.cache_redis_url.get_secret_value() if settings.cache_redis_url else redis_url
    limit = {} if connections_max is None else {"connections_max": connections_max}
    redis = connect_redis(redis_url, socket_timeout_s=QUEUE_SOCKET_TIMEOUT_S, **limit)
    resources.push_async_callback(redis.aclose)
    cache = connect_redis(cache_url, socket_timeout_s=1.0)
    resources.push_async_callback(cache.aclose)
    database = await Database.open(settings, application_name=f"acequia {name}")
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
    return Servers(redis, cache, queue, database, keyring, outbound)


def build_health(settings: Settings, database: Database, queue: Queue, keyring: Keyring) -> Starlette:
    """Alive, ready, and metrics."""

    async def check_database() -> str | None:
        await database.ping()
        return None

    async def check_queue() -> str | None:
        return " ".join(await check_queue_server(queue.redis, settings)) or None

    async def check_keys() -> str | None:
        return await keyring.find_problem()

    return Starlette(routes=health_routes({"database": check_database, "queue": check_queue, "keys": check_keys}))


def stop_on_signals(stopping: asyncio.Event) -> None:
    """SIGTERM and SIGINT ask the process to stop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)


async def wait_for_end(name: str, stopping: asyncio.Event, tasks: "Sequence[asyncio.Task[None]]") -> None:
    """Until told to stop, or until a task that should never end has ended."""
    told = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait({told, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    for task in done - {told}:
        if not stopping.is_set():
            error = task.exception()
            log.error(f"{name}.task_ended", task=task.get_name(), error=type(error).__name__, exc_info=error)
    stopping.set()


def run_process(name: str, run: Callable[[Settings], Awaitable[None]]) -> None:
    """The whole process; exits with a sentence when it cannot start."""

    async def begin() -> None:
        await run(settings)

    try:
        settings = get_settings()
        configure_logging(name, settings.log_level)
        uvloop.run(begin())
    except ConfigurationError as error:
        sys.exit(f"{name} cannot start: {error}")
    except (PostgresError, QueueUnavailableError, OSError) as error:
        # Its supervisor starts it again: Postgres or Redis may only be a moment behind.
        sys.exit(f"{name} cannot start: PostgreSQL or Redis does not answer yet ({type(error).__name__}).")

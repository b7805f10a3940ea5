"""The receiver as a value: pools, the hot path, health, and the tasks that run beside them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.directory import derive_directory_keys
from app.core.ending import end_tasks
from app.core.errors import ConfigurationError, QueueUnavailableError
from app.core.health import health_routes
from app.core.logging import get_logger
from app.core.metric_labels import TENANT_NAMES
from app.core.processes import Heartbeat, total
from app.core.queue import Queue
from app.core.queue_records import QueueLimits, make_confirm
from app.core.redis import check_queue_server, connect_redis
from app.core.settings import Settings
from app.receiver.appender import APPEND_MARGIN_S, Appender
from app.receiver.endpoint_cache import EndpointCache
from app.receiver.gap_file import GapFile
from app.receiver.gaps import GapMarks
from app.receiver.metrics import GROUP_EVENTS
from app.receiver.refusals import Refusals
from app.receiver.secret_uses import SecretUses
from app.receiver.webhooks import PREFIX, Webhooks

log = get_logger()

DIRECTORY_TIMEOUT_S = 1.0
DIRECTORY_CONNECTIONS = 8
LAST_WRITES_S = 1.0
RESTART_S = 1.0


class ReceiverApp:
    """Webhooks go straight to the hot path; everything else to Starlette, where ten microseconds do not matter."""

    def __init__(self, webhooks: ASGIApp, others: ASGIApp) -> None:
        self._webhooks = webhooks
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._webhooks(scope, receive, send)
        else:
            await self._others(scope, receive, send)


@asynccontextmanager
async def open_receiver(settings: Settings) -> AsyncIterator[ASGIApp]:
    """The application, its background tasks running until the block ends. Redis may be away: then it answers 503.

    Raises ConfigurationError for settings with which nothing could be acknowledged.
    """
    TENANT_NAMES.tenants_max = settings.metric_tenants_max
    keys = derive_directory_keys(settings.get_url("endpoint_token_key"))
    url = settings.get_url("redis_url")
    confirm = make_confirm(settings)
    confirm_s = settings.redis_confirm_timeout_ms / 1000
    append_redis = connect_redis(
        url, socket_timeout_s=confirm_s + APPEND_MARGIN_S, connections_max=settings.append_flushes_max + 1
    )
    redis = connect_redis(url, socket_timeout_s=DIRECTORY_TIMEOUT_S, connections_max=DIRECTORY_CONNECTIONS)
    queue = Queue(append_redis, group=settings.worker_group, limits=QueueLimits.from_settings(settings))
    file = _open_gap_file(settings)
    # The marks' own client waits as long as its confirmation may take.
    marks_redis = connect_redis(url, socket_timeout_s=confirm_s + APPEND_MARGIN_S, connections_max=2)
    cache_url = settings.cache_redis_url.get_secret_value() if settings.cache_redis_url else url
    beats_redis = connect_redis(cache_url, socket_timeout_s=DIRECTORY_TIMEOUT_S, connections_max=1)
    heartbeat = Heartbeat(beats_redis, settings, "receiver", count_events=lambda: total(GROUP_EVENTS, "_sum"))
    uses = SecretUses(redis)
    cache = EndpointCache(redis, keys, settings, uses)
    appender = Appender(queue, settings)
    gaps = GapMarks(marks_redis, file, confirm_timeout_ms=None if confirm is None else confirm.timeout_ms)
    refusals = Refusals(redis, kept=settings.refusals_kept)
    await _try_load(queue)
    await cache.poll()
    work: dict[str, Callable[[], Awaitable[None]]] = {
        "directory": cache.run, "gaps": gaps.run, "refusals": refusals.run, "secret uses": uses.run,
        "heartbeat": heartbeat.run,
    }  # fmt: skip
    tasks = [asyncio.create_task(_keep_running(name, run), name=name) for name, run in work.items()]
    try:
        yield ReceiverApp(
            Webhooks(cache, appender, gaps, refusals, settings), _make_health(settings, append_redis, cache, gaps, file)
        )
    finally:
        await appender.drain()
        await end_tasks(tasks, timeout_s=LAST_WRITES_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WRITES_S):  # marks are in their file, counts are only figures
                await gaps.flush()
                await refusals.flush()
                await uses.flush()
        file.close()
        await queue.close()
        for client in (append_redis, marks_redis, redis, beats_redis):
            await client.aclose()


def _make_health(settings: Settings, redis: Any, cache: EndpointCache, gaps: GapMarks, file: GapFile) -> Starlette:
    async def check_queue() -> str | None:
        return " ".join(await check_queue_server(redis, settings)) or None

    async def check_directory() -> str | None:
        return cache.find_problem()

    def list_notes() -> dict[str, str]:
        notes = {"gap_marks_pending": str(gaps.count)}
        if settings.redis_durability == "provider":
            notes["durability"] = "declared by REDIS_DURABILITY=provider, not proven: no fsync is confirmed"
        if not file.is_kept:
            notes["gap_marks"] = "RECEIVER_STATE_DIR is not set: marks made while Redis is away do not survive a crash"
        return notes

    return Starlette(routes=health_routes({"queue": check_queue, "directory": check_directory}, list_notes))


def _open_gap_file(settings: Settings) -> GapFile:
    if settings.receiver_state_dir is None and settings.is_production:
        raise ConfigurationError(
            "RECEIVER_STATE_DIR is not set: gap marks would be lost with the process. Name a folder."
        )
    try:
        return GapFile.open(settings.receiver_state_dir)
    except OSError as error:
        raise ConfigurationError(f"RECEIVER_STATE_DIR cannot be written: {error.strerror}.") from None


async def _try_load(queue: Queue) -> None:
    """Loads the scripts and refuses a Redis Cluster. With Redis away the first append loads them."""
    try:
        await queue.load()
    except QueueUnavailableError as error:
        log.warning("receiver.started_without_redis", reason=str(error))


async def _keep_running(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """A background task that ended by a fault of ours is started again: without it the receiver would go blind."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("receiver.task_failed", task=name)
        await asyncio.sleep(RESTART_S)

"""What every command needs: settings, pools, and one way to say what went wrong."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import typer
from asyncpg.exceptions import InterfaceError, PostgresError
from redis.asyncio import Redis

from app.core.errors import AcequiaError
from app.core.logging import configure_logging
from app.core.queue import Queue, QueueLimits
from app.core.redis import connect_redis
from app.core.settings import Settings, read_settings
from app.services.keyring import Keyring, open_keyring
from db.pool import Database

ROOT = Path(__file__).parents[2]
OPERATOR_FILE = "operator.env"

JsonOption = typer.Option("--json", help="One JSON document on one line.")


class CommandError(AcequiaError):
    """What was asked for cannot be done; the message says why and what to do instead."""

    code = "command"


@dataclass(frozen=True, slots=True)
class Session:
    """The operator's pools. `keyring` is opened by the commands that need it."""

    settings: Settings
    database: Database
    redis: Redis
    cache: Redis
    queue: Queue


def load_operator_environment() -> None:
    """Without DATABASE_URL the running `scripts/up` is meant: ACEQUIA_DATA says where, .data in the checkout if not."""
    if os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE"):
        return
    folder = Path(os.environ.get("ACEQUIA_DATA") or ROOT / ".data")
    try:
        text = (folder / OPERATOR_FILE).read_text(encoding="utf-8")
    except OSError:
        return
    for line in text.splitlines():
        name, is_pair, value = line.partition("=")
        if is_pair and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip().strip("'\""))


def read_operator_settings() -> Settings:
    """Raises ConfigurationError."""
    load_operator_environment()
    return read_settings()


@asynccontextmanager
async def open_session() -> AsyncIterator[Session]:
    settings = read_operator_settings()
    async with AsyncExitStack() as resources:
        database = await Database.open(settings, application_name="acequia cli")
        resources.push_async_callback(database.close)
        redis = connect_redis(settings.get_url("redis_url"), socket_timeout_s=3.0)
        resources.push_async_callback(redis.aclose)
        cache = redis
        if settings.cache_redis_url is not None:
            cache = connect_redis(settings.cache_redis_url.get_secret_value(), socket_timeout_s=3.0)
            resources.push_async_callback(cache.aclose)
        queue = Queue(redis, group=settings.worker_group, limits=QueueLimits.from_settings(settings))
        resources.push_async_callback(queue.close)
        yield Session(settings, database, redis, cache, queue)


@asynccontextmanager
async def open_keys(session: Session) -> AsyncIterator[Keyring]:
    keyring = await open_keyring(session.settings)
    try:
        yield keyring
    finally:
        await keyring.close()


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a command; what stands in its way is one sentence on stderr and exit code 1."""
    configure_logging("cli", "warning")
    try:
        asyncio.run(work())
    except AcequiaError as error:
        _fail(f"{error}")
    except (PostgresError, InterfaceError, OSError, TimeoutError) as error:
        _fail(f"The database or Redis does not answer ({type(error).__name__}). Is it up? `acequia doctor` says more.")


def _fail(sentence: str) -> None:
    print(f"acequia: {sentence}", file=sys.stderr)
    raise typer.Exit(1)


def show_json(value: object) -> None:
    typer.echo(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode())

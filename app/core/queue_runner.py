"""Runs the queue's scripts: by their SHA, loaded again when the server forgot them, its errors told as ours."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from app.core.errors import DurabilityError, QueueUnavailableError
from app.core.queue_lua import compose_scripts
from app.core.queue_records import Confirm, QueueLimits


class Call(NamedTuple):
    """One run of a script."""

    script: str
    arguments: Sequence[str | bytes | int]


class ScriptRunner:
    """The scripts of one queue on one server."""

    def __init__(self, redis: Redis, limits: QueueLimits) -> None:
        self._redis = redis
        self._scripts = compose_scripts(limits)

    async def load(self) -> None:
        """Give the server every script. Raises QueueUnavailableError."""
        with queue_errors():
            await self._load()

    async def run(self, script: str, *arguments: str | bytes | int) -> Any:
        """One script, one round trip. Raises QueueUnavailableError."""
        words = self._words(Call(script, arguments))
        with queue_errors():
            try:
                return await send_command(self._redis, *words)
            except NoScriptError:
                # The server was started anew. NOSCRIPT means that nothing ran, so running it now is the first time.
                await self._load()
                return await send_command(self._redis, *words)

    async def run_all(self, calls: Sequence[Call], *, confirm: Confirm | None = None) -> list[Any]:
        """Several scripts on one connection in one round trip, with WAITAOF behind them when `confirm` is given.

        Raises QueueUnavailableError when one of them was refused (the others may have run), DurabilityError when all
        ran and the fsync was not confirmed in time.
        """
        with queue_errors():
            replies = await self._send(calls, confirm)
            forgotten = [i for i, reply in enumerate(replies[: len(calls)]) if isinstance(reply, NoScriptError)]
            if forgotten:
                await self._load()
                again = await self._send([calls[i] for i in forgotten], confirm)
                for i, reply in zip(forgotten, again, strict=False):
                    replies[i] = reply
                replies[len(calls) :] = again[len(forgotten) :]
            for reply in replies[: len(calls)]:
                if isinstance(reply, Exception):
                    raise reply
        if confirm is not None:
            _check_confirmed(replies[-1], confirm)
        return replies[: len(calls)]

    async def _load(self) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for script in self._scripts.values():
                pipeline.execute_command("SCRIPT LOAD", script.source)
            await pipeline.execute()

    async def _send(self, calls: Sequence[Call], confirm: Confirm | None) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.execute_command(*self._words(call))
            if confirm is not None:
                pipeline.execute_command("WAITAOF", confirm.local, confirm.replicas, confirm.timeout_ms)
            return list(await pipeline.execute(raise_on_error=False))

    def _words(self, call: Call) -> tuple[str | bytes | int, ...]:
        return ("EVALSHA", self._scripts[call.script].sha, 0, *call.arguments)


async def send_command(redis: Redis, *words: str | bytes | int | float) -> Any:
    """One command as it stands. The client's own method is untyped; this is where that ends."""
    return await redis.execute_command(*words)  # type: ignore[no-untyped-call]


def _check_confirmed(reply: object, confirm: Confirm) -> None:
    if isinstance(reply, ResponseError):  # the append-only file is off, or the server is too old to know WAITAOF
        raise DurabilityError(f"Redis cannot confirm that the append is on disk: {_name_error(reply)}.")
    if not isinstance(reply, list) or len(reply) != 2:
        raise DurabilityError("Redis did not answer WAITAOF as documented.")
    local, replicas = int(reply[0]), int(reply[1])
    if local < confirm.local or replicas < confirm.replicas:
        raise DurabilityError(
            f"Fsync confirmed by {local} of {confirm.local} primary and {replicas} of {confirm.replicas} replicas "
            f"within {confirm.timeout_ms} ms."
        )


@contextmanager
def queue_errors() -> Iterator[None]:
    """Whatever the server or the way to it does wrong becomes QueueUnavailableError.

    Without a cause: redis-py writes a failed command's arguments, hence event bodies, into its message.
    """
    try:
        yield
    except (RedisError, OSError) as error:
        raise QueueUnavailableError(f"Redis answered or failed with {_name_error(error)}.") from None


def _name_error(error: BaseException) -> str:
    """The error's class and the code at the start of a server's answer (`MISCONF`, …), never its text."""
    word = str(error).partition(" ")[0]
    return f"{type(error).__name__} {word}" if word.isascii() and word.isupper() else type(error).__name__

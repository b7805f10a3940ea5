"""Ending tasks for certain. A library can swallow a cancellation that arrives while it handles a time-out of its own:
whoever cancels once and then waits may wait for ever (seen with an endless loop over database and Redis calls)."""

import asyncio
from collections.abc import Iterable
from typing import Any

CANCEL_INTERVAL_S = 0.25


async def end_tasks(tasks: "Iterable[asyncio.Task[Any]]", *, timeout_s: float) -> "set[asyncio.Task[Any]]":
    """Cancels again and again until all have ended, at most `timeout_s`; those that have not.

    What they end with is looked at, so that nobody is warned of it.
    """
    given = set(tasks)
    waiting = {task for task in given if not task.done()}
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while waiting and loop.time() < deadline:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=CANCEL_INTERVAL_S)
    for task in given - waiting:
        if not task.cancelled():
            task.exception()
    return waiting

"""Several calls at once, not too many, and none left behind when one fails."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def run_together(work: Callable[[T], Awaitable[R]], items: Iterable[T], *, at_once: int) -> list[R]:
    """The results in the items' order. The first error is raised as it is, and what still runs is cancelled."""
    turns = asyncio.Semaphore(at_once)

    async def run(item: T) -> R:
        async with turns:
            return await work(item)

    tasks = [asyncio.ensure_future(run(item)) for item in items]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()

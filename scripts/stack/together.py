"""Steps side by side: the first that fails ends the others, and its own error comes out, not a group of them."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def run_together(*steps: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.ensure_future(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

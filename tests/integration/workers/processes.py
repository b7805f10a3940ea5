"""Worker processes, as the Procfile starts them or with a test-only module in the product's place."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from scripts.stack.ports import find_free_port
from tests.integration.workers.works import Works

Process = asyncio.subprocess.Process


@asynccontextmanager
async def start_worker(
    works: Works, folder: Path, module: str = "workers.main", extra: Mapping[str, str] | None = None, **settings: object
) -> AsyncIterator[Process]:
    """A process, killed at the end if it still runs. `extra`: variables of `module`."""
    settings = {"worker_health_port": find_free_port(), **settings}
    environment = works.environment(**settings) | dict(extra or {})
    async with start_process(environment, folder / "worker.log", module) as process:
        yield process


@asynccontextmanager
async def start_process(environment: dict[str, str], log_path: Path, module: str) -> AsyncIterator[Process]:
    """A process of ours with just this environment, killed at the end if it still runs."""
    if "PYTHONPATH" in os.environ:
        environment = {**environment, "PYTHONPATH": os.environ["PYTHONPATH"]}
    with log_path.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, env=environment, stdout=log, stderr=asyncio.subprocess.STDOUT
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()

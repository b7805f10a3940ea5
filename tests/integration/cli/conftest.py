"""One running stack for the command line's tests, and a way to run it as an operator does."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

import pytest

from scripts.stack.procfile import ROOT
from scripts.stack.stack import Stack, StackOptions


class Ran(NamedTuple):
    code: int
    out: str
    err: str


RunCommand = Callable[..., Awaitable[Ran]]


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("cli") / "data"
    settings = {"retry_base_s": 0.05, "tries_max": 2, "sweep_interval_s": 0.2}
    options = StackOptions(folder, has_traffic=False, uses_free_ports=True, settings=settings,
                           sandbox_arguments=("--latency-ms", "0"))  # fmt: skip
    async with Stack(options) as running:
        yield running


@pytest.fixture
def acequia(stack: Stack) -> RunCommand:
    """`await acequia("events", "tail")`: the command in a process of its own, as the operator."""

    async def run(*words: str, **environment: str) -> Ran:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "scripts.cli", *words,
            cwd=ROOT, env=stack.environment("operator") | environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        return Ran(process.returncode or 0, out.decode(), err.decode())

    return run

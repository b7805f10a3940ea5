"""The sandbox and the API beside a test's window."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from scripts.browser.scene import Remote
from scripts.stack.runfile import read_run_file
from scripts.stack.stack import Stack


@asynccontextmanager
async def open_remote(stack: Stack) -> AsyncIterator[Remote]:
    run = read_run_file(stack.path)
    assert run is not None, "a started stack has written it"
    async with AsyncExitStack() as resources:
        yield await Remote.open(run, resources)

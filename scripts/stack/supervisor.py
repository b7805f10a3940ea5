"""Keeps the parts of the stack running: one that ends is started again, with growing delay, and it is said.

For each part: 1. start it; 2. wait until it ends; 3. unless we are stopping, say how it ended, wait, and begin again.
The delay doubles from a quarter of a second to ten, and begins anew after twenty seconds of a quiet life.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterable

from scripts.stack.child import Child
from scripts.stack.part import Part

DELAY_FIRST_S = 0.25
DELAY_MAX_S = 10.0
QUIET_LIFE_S = 20.0
POLL_S = 0.05
STOP_TIMEOUT_S = 4.0


class Supervisor:
    """`tell` gets a sentence for every event, `changed` is called when process ids have changed.

    `restarted` is awaited with the name of a part that runs again.
    """

    def __init__(
        self,
        tell: Callable[[str], None],
        changed: Callable[[], None] = lambda: None,
        restarted: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._tell = tell
        self._changed = changed
        self._restarted = restarted
        self._parts: dict[str, list[Part]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.restarts = 0

    @property
    def processes(self) -> dict[str, list[int]]:
        """Name → process ids of what runs now."""
        found = {
            name: [part.child.pid for part in parts if part.child is not None and part.child.is_running]
            for name, parts in self._parts.items()
        }
        return {name: pids for name, pids in found.items() if pids}

    def parts(self, name: str) -> list[Part]:
        return self._parts.get(name, [])

    async def start(self, name: str, part: Part) -> None:
        """Starts a part and watches it from then on. Raises what its own `start` raises."""
        self._parts.setdefault(name, []).append(part)
        await part.start()
        self._tasks[id(part)] = asyncio.create_task(self._watch(name, part), name=f"watch {name}")
        self._changed()

    async def kill(self, name: str, index: int = 0) -> int:
        """SIGKILL to one process, as a crash does it; it will be started again. Its process id."""
        child = self._parts[name][index].child
        assert child is not None, f"{name} was never started"
        child.send(signal.SIGKILL)
        await child.wait(5.0)
        return child.pid

    async def stop(self, names: Iterable[str], timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stops the named parts together and watches them no more."""
        parts = [part for name in names for part in self._parts.pop(name, [])]
        for part in parts:
            if task := self._tasks.pop(id(part), None):
                task.cancel()
        await asyncio.gather(*(part.stop(timeout_s) for part in parts))

    async def _watch(self, name: str, part: Part) -> None:
        delay_s = DELAY_FIRST_S
        while True:
            child = part.child
            assert child is not None
            await wait_for_end(child)
            if time.monotonic() - child.started_at > QUIET_LIFE_S:
                delay_s = DELAY_FIRST_S
            self._tell(f"{name} (pid {child.pid}) {child.describe_end()}; it is started again in {delay_s:g} s")
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, DELAY_MAX_S)
            self.restarts += 1
            try:
                await part.start()
                self._tell(f"{name} runs again (pid {part.child.pid if part.child else '?'})")
                if self._restarted is not None:
                    await self._restarted(name)
            except Exception as error:  # whatever it is, the watch goes on
                self._tell(f"{name}: {error}")
                # It may hang without answering: an attempt that failed leaves nothing behind.
                await part.stop(STOP_TIMEOUT_S)
            self._changed()


async def wait_for_end(child: Child) -> None:
    while child.is_running:  # noqa: ASYNC110 - the kernel tells a parent by a signal, which the app around us may own
        await asyncio.sleep(POLL_S)

"""A part of the stack that can be started, watched and stopped: an embedded server or a process of ours."""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from scripts.stack.child import Child, spawn
from scripts.stack.ports import find_free_port, is_port_free
from scripts.stack.probe import fetch_status
from scripts.stack.procfile import ROOT

READY_TIMEOUT_S = 30.0


class Part(Protocol):
    """`start` returns when the part does its work; after an end of any kind it may be called again."""

    child: Child | None

    async def start(self) -> None: ...

    async def stop(self, timeout_s: float) -> None: ...


class OurProcess:
    """One process of the Procfile, or the sandbox. Its output is appended to `log_path`.

    `command` and `environment` are asked with the port: one that somebody took before the first start is replaced.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[int], Sequence[str]],
        environment: Callable[[int], Mapping[str, str]],
        *,
        port: int,
        log_path: Path,
    ) -> None:
        self.name = name
        self.port = port
        self.log_path = log_path
        self._command = command
        self._environment = environment
        self._has_run = False
        self.child: Child | None = None

    async def start(self) -> None:
        """Raises RuntimeError with the log's end when the process ends instead of answering."""
        if not self._has_run and not is_port_free(self.port):
            self.port = find_free_port(self.port)
        child = self.child = spawn(
            self.name,
            self._command(self.port),
            log_path=self.log_path,
            environment=self._environment(self.port),
            folder=ROOT,
        )
        deadline = time.monotonic() + READY_TIMEOUT_S
        while child.is_running and time.monotonic() < deadline:
            if await fetch_status(self.port) == 200:
                self._has_run = True
                return
            await asyncio.sleep(0.02)
        raise RuntimeError(f"{self.name} {child.describe_end()} and does not answer:\n{child.read_log_end()}")

    async def stop(self, timeout_s: float) -> None:
        if self.child is not None:
            await self.child.stop(signal.SIGTERM, timeout_s)

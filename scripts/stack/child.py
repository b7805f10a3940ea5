"""One child process: started so that it dies with us, stopped by its pid within a known time."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from scripts.stack.account import Account

LAUNCHER = Path(__file__).with_name("launcher.py")
POLL_S = 0.01
OURSELVES = Account(-1, -1)


class Child:
    """A running child. Its output goes to a log file: a pipe nobody reads would block it."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log_path: Path) -> None:
        self.name = name
        self.process = process
        self.log_path = log_path
        self.started_at = time.monotonic()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        if self.is_running:
            os.kill(self.pid, number)

    async def wait(self, timeout_s: float) -> bool:
        """Whether the child ended in time."""
        return await wait_until(lambda: not self.is_running, timeout_s)

    async def stop(self, number: signal.Signals, timeout_s: float) -> bool:
        """Asks, waits, then kills. Whether it ended by itself."""
        self.send(number)
        if await self.wait(timeout_s):
            return True
        self.send(signal.SIGKILL)
        await self.wait(2.0)
        return False

    def describe_end(self) -> str:
        code = self.process.poll()
        if code is None:
            return "is running"
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def read_log_end(self, lines: int = 12) -> str:
        try:
            text = self.log_path.read_bytes()[-20_000:].decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def spawn(
    name: str,
    command: Sequence[str],
    *,
    log_path: Path,
    environment: Mapping[str, str],
    folder: Path,
    account: Account = OURSELVES,
    capability: int = -1,
    death_signal: signal.Signals = signal.SIGTERM,
) -> Child:
    """Starts `command` in a session of its own, so that a Ctrl-C at the terminal reaches only the supervisor.

    Call it from a thread that lives as long as the child shall: the kernel takes the end of the starting *thread*
    for the parent's death.
    """
    numbers = (os.getpid(), int(death_signal), account.uid, account.gid, capability)
    launch = [sys.executable, "-I", "-S", str(LAUNCHER), *map(str, numbers), *command]
    with open_log(log_path) as log:
        process = subprocess.Popen(
            launch,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )
    return Child(name, process, log_path)


def open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    return os.fdopen(descriptor, "ab")


def read_command_line(pid: int) -> str | None:
    """The command line of a live process, None when there is none."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        told = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return told.stdout.strip() or None


async def end_leftover(pid: int, marker: str, signals: Sequence[signal.Signals], timeout_s: float) -> None:
    """Ends a server that outlived its supervisor: process `pid`, if its command line still says `marker`.

    The numbers of processes are used again; without the marker a stranger would be killed.
    """
    for number in signals:
        if marker not in (read_command_line(pid) or ""):
            return
        os.kill(pid, number)
        await wait_until(lambda: marker not in (read_command_line(pid) or ""), timeout_s)


async def wait_until(is_true: Callable[[], bool], timeout_s: float) -> bool:
    """Polls what no event tells of: another program's state. Whether it became true in time."""
    deadline = time.monotonic() + timeout_s
    while not is_true():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_S)
    return True

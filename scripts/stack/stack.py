"""The whole of Acequia on one machine: servers, processes, sandbox, demo tenants. What `scripts/up` starts.

1. hold the data folder;
2. at once: PostgreSQL, Valkey and the sandbox; the receiver as soon as Valkey answers;
3. roles and migrations, then web and workers, and the platform's first API key;
4. the demo tenants, then the sandbox's traffic;
5. run.json, written again whenever a process id changes.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from app.core.settings import Settings
from scripts.stack.demo import introduce_to_sandbox, load_demo_tenants, start_traffic
from scripts.stack.demo_sources import describe_sources, introduce_sources
from scripts.stack.demo_trial import fill_trial
from scripts.stack.first_key import keep_api_key
from scripts.stack.first_people import FirstPerson, keep_people
from scripts.stack.folder import DataFolder
from scripts.stack.given import NOTHING_GIVEN, GivenServers
from scripts.stack.installation import (
    OWNER,
    Installation,
    find_inherited,
    load_secrets,
    make_database_urls,
    prepare_databases,
    read_settings_of,
)
from scripts.stack.logs import keep_logs_small
from scripts.stack.part import OurProcess
from scripts.stack.passwords import write_private
from scripts.stack.ports import LOOPBACK, find_free_port
from scripts.stack.postgres import EmbeddedPostgres
from scripts.stack.procfile import read_procfile
from scripts.stack.runfile import DemoTenant, remove_run_file, write_run_file
from scripts.stack.supervisor import Supervisor
from scripts.stack.together import run_together
from scripts.stack.valkey import EmbeddedValkey

USUAL_PORTS = {
    "receiver": 8100,
    "web": 8000,
    "worker": 8200,
    "sandbox": 8300,
    "syncer": 8400,
    "postgres": 54320,
    "valkey": 63790,
}
PORT_SETTINGS = {
    "receiver": "receiver_port",
    "web": "web_port",
    "worker": "worker_health_port",
    "syncer": "syncer_health_port",
}
SERVERS = ("postgres", "valkey")
PROCESS_STOP_TIMEOUT_S = 3


@dataclass(frozen=True)
class StackOptions:
    """`settings`: further settings of our processes, by lower-case name. `counts`: processes per name, else one.
    `has_history`: the demo's trial has its customers from before, more than it may. `has_sources`: one of the demo's
    brands has all four integrations. `scale`: how much of the document's volumes the sandbox holds; 0: a handful.

    With `uses_free_ports` no usual port is tried: for stacks that run beside others.
    """

    folder: Path
    is_fresh: bool = False
    has_demo: bool = True
    has_traffic: bool = True
    has_history: bool = False
    has_sources: bool = False
    scale: float = 0.0
    uses_free_ports: bool = False
    sandbox_arguments: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    given: GivenServers = NOTHING_GIVEN


def find_start() -> float:
    """Monotonic time at which the user's command began: making the environment counts too."""
    age_s = time.time() - float(os.environ.get("ACEQUIA_STARTED_AT") or time.time())
    return time.monotonic() - max(age_s, 0.0)


class Stack:
    """`async with Stack(options) as stack:`, or `start` and `stop`. `tell` gets a sentence for every event."""

    def __init__(self, options: StackOptions, tell: Callable[[str], None] = lambda _: None) -> None:
        self.options = options
        self.folder = DataFolder(options.folder)
        self.path = self.folder.path
        self.tenants: list[DemoTenant] = []
        self.people: tuple[FirstPerson, ...] = ()  # who can sign in to the dashboard
        self.api_key = ""  # a platform admin's, from the moment when storage is ready
        self.started_at = find_start()
        self.is_ready = False
        self.is_new = False  # whether there was no data before
        self.supervisor = Supervisor(tell, self._write_run_file, self._after_restart)
        self._tell = tell
        self._parts: dict[str, list[OurProcess]] = {}
        self._installation: Installation | None = None
        self._has_queue = asyncio.Event()
        self._log_keeper: asyncio.Task[None] | None = None

    @property
    def installation(self) -> Installation:
        assert self._installation is not None, "the stack was not started"
        return self._installation

    @property
    def processes(self) -> dict[str, list[int]]:
        """Name → process ids: those of the Procfile, sandbox, postgres, valkey."""
        return self.supervisor.processes

    @property
    def receiver_url(self) -> str:
        return self._url("receiver")

    @property
    def web_url(self) -> str:
        return self._url("web")

    @property
    def dashboard_url(self) -> str:
        return f"{self.web_url}/dashboard/"

    @property
    def sandbox_url(self) -> str:
        return self._url("sandbox")

    @property
    def redis_url(self) -> str:
        return self.installation.redis_url

    @property
    def database_urls(self) -> Mapping[str, str]:
        """Role → URL; `postgres` is the embedded server's superuser."""
        return self.installation.database_urls

    def environment(self, kind: str, port: int | None = None) -> dict[str, str]:
        """The environment of one more process of this kind; `operator` is the CLI's."""
        settings: dict[str, object] = {
            "vtex_url_template": f"{self.sandbox_url}/{{account}}",
            "mercadolibre_url": f"{self.sandbox_url}/mercadolibre",
            "google_ads_url": f"{self.sandbox_url}/google",
            "google_oauth_url": f"{self.sandbox_url}/google/token",
            "facebook_url": f"{self.sandbox_url}/facebook",
            "public_url": self.receiver_url,
            "stop_timeout_s": PROCESS_STOP_TIMEOUT_S,
            **self.options.settings,
        }
        if kind == "operator" and self.api_key:
            settings |= {"acequia_url": self.web_url, "acequia_api_key": self.api_key}
        # Everybody learns where the others answer; a process takes its own port and no other's.
        if port is None:
            settings |= {PORT_SETTINGS[name]: self._parts[name][0].port for name in PORT_SETTINGS}
        elif kind in PORT_SETTINGS:
            settings[PORT_SETTINGS[kind]] = port
        return self.installation.environment(kind, **settings)

    def settings(self, kind: str, **changes: object) -> Settings:
        """The settings of such a process, for working beside it in this one."""
        return read_settings_of(self.environment(kind) | {name.upper(): str(value) for name, value in changes.items()})

    async def start(self) -> None:
        """Returns when events can be sent. Raises FolderProblem, or RuntimeError with the end of a log.

        When something fails, what was started is stopped again.
        """
        self.folder.take()
        try:
            if self.options.is_fresh:
                self.folder.clear()
            remove_run_file(self.path)
            await self._start_all()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stops everything within ten seconds: who sends and works, then the servers. May be called again."""
        self.is_ready = False
        if self._log_keeper is not None:
            self._log_keeper.cancel()
        await self.supervisor.stop(["sandbox", *read_procfile()])
        await self.supervisor.stop(SERVERS)
        remove_run_file(self.path)
        self.folder.release()

    async def kill(self, name: str, index: int = 0) -> int:
        """SIGKILL to a process or a server, which is then started again. Its process id."""
        return await self.supervisor.kill(name, index)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start_all(self) -> None:
        given = self.options.given
        self._log_keeper = asyncio.create_task(keep_logs_small(self.path / "logs"))
        self._make_parts()
        self._installation = Installation(
            folder=self.path,
            secrets=load_secrets(self.path) | given.secrets,
            database_urls=given.database_urls or {},
            redis_url=given.redis_url or "",
            given_keystore_url=given.keystore_url,
        )
        await run_together(self._start_queue(), self._start_storage(), self._start_processes(["sandbox"]))
        wake = [self._wake_sandbox()] if self.options.has_demo else []
        await run_together(self._prepare_people(), *wake)
        environment = self.environment("operator") | {"MIGRATION_DATABASE_URL": self.database_urls[OWNER]}
        write_private(self.path / "operator.env", "".join(f"{name}={text}\n" for name, text in environment.items()))
        self.is_ready = True
        self._write_run_file()

    async def _start_queue(self) -> None:
        """The queue, and behind it the receiver, which needs nothing else."""
        if self.options.given.redis_url is None:
            valkey = EmbeddedValkey(self.path, port=self._find_port("valkey"))
            await self.supervisor.start("valkey", valkey)
            self._installation = replace(self.installation, redis_url=valkey.url)
            self._tell(f"Valkey is ready ({self._age()})")
        self._has_queue.set()
        await self._start_processes(["receiver"])

    async def _start_storage(self) -> None:
        """The database with its roles and tables, and behind it whoever needs them."""
        admin_url = None
        if self.options.given.database_urls is None:
            postgres = EmbeddedPostgres(self.path, port=self._find_port("postgres"))
            await self.supervisor.start("postgres", postgres)
            admin_url = postgres.url()
            urls = make_database_urls(admin_url, self.installation.secrets)
            self._installation = replace(self.installation, database_urls=urls)
            self._tell(f"PostgreSQL is ready ({self._age()})")
        applied = await prepare_databases(self.installation, admin_url)
        self.is_new = bool(applied)
        self._tell(f"The schema is ready, {len(applied)} migrations applied ({self._age()})")
        await self._has_queue.wait()
        processes = [name for name in read_procfile() if name != "receiver"]
        demo = [self._load_demo()] if self.options.has_demo else []
        await run_together(self._start_processes(processes), self._prepare_platform(), *demo)

    async def _prepare_platform(self) -> None:
        self.api_key = await keep_api_key(self)
        self._tell(f"The API's key is ready ({self._age()})")

    async def _prepare_people(self) -> None:
        self.people = await keep_people(self)
        self._tell(f"The dashboard's people are there ({self._age()})")

    async def _load_demo(self) -> None:
        self.tenants = await load_demo_tenants(self)
        if self.options.has_history:
            await fill_trial(self)
        self._tell(f"{len(self.tenants)} demo tenants are there ({self._age()})")

    async def _wake_sandbox(self) -> None:
        """Its memory ends with its process: it is told again after every start."""
        await introduce_to_sandbox(self)
        if self.options.has_sources:
            await introduce_sources(self)
            self._tell(f"{describe_sources()} ({self._age()})")
        if self.options.has_traffic:
            await start_traffic(self)
            self._tell(f"The sandbox sends traffic ({self._age()})")

    async def _after_restart(self, name: str) -> None:
        if name == "sandbox" and self.is_ready and self.options.has_demo:
            await self._wake_sandbox()

    async def _start_processes(self, names: Sequence[str]) -> None:
        await run_together(*(self.supervisor.start(name, part) for name in names for part in self._parts[name]))
        self._tell(f"{' and '.join(names)} answer{'s' if len(names) == 1 else ''} ({self._age()})")

    def _make_parts(self) -> None:
        """Our processes with their ports, all different; started later, when what they need is there."""
        taken: set[int] = set()
        for name, command in read_procfile().items():
            self._parts[name] = [
                self._make_process(name, command, taken) for _ in range(self.options.counts.get(name, 1))
            ]
        # Another seed every time: a store that makes the same orders again would seem to have made none.
        seed = ("--seed", str(time.time_ns()))
        sandbox = [sys.executable, "-m", "scripts.sandbox", *seed, *self.options.sandbox_arguments]
        self._parts["sandbox"] = [self._make_process("sandbox", sandbox, taken)]

    def _make_process(self, name: str, command: Sequence[str], taken: set[int]) -> OurProcess:
        port = self._find_port(name, taken)
        taken.add(port)
        if name == "sandbox":
            return OurProcess(
                name,
                lambda port: [*command, "--port", str(port)],
                lambda _: find_inherited(),
                port=port,
                log_path=self.path / "logs" / f"{name}.log",
            )
        return OurProcess(
            name,
            lambda _: command,
            lambda port: self.environment(name, port),
            port=port,
            log_path=self.path / "logs" / f"{name}.log",
        )

    def _find_port(self, name: str, taken: set[int] | frozenset[int] = frozenset()) -> int:
        return find_free_port(None if self.options.uses_free_ports else USUAL_PORTS.get(name), taken)

    def _url(self, name: str) -> str:
        return f"http://{LOOPBACK}:{self._parts[name][0].port}"

    def _age(self) -> str:
        return f"{time.monotonic() - self.started_at:.1f} s"

    def _write_run_file(self) -> None:
        if self.is_ready:
            write_run_file(
                self.path,
                {
                    "receiver_url": self.receiver_url,
                    "web_url": self.web_url,
                    "dashboard_url": self.dashboard_url,
                    "sandbox_url": self.sandbox_url,
                    "api_key": self.api_key,
                    "redis_url": self.redis_url,
                    "database_urls": dict(self.database_urls),
                    "processes": self.processes,
                    "people": [
                        {"email": one.email, "role": one.role, "tenant_id": one.tenant_id} for one in self.people
                    ],
                    "tenants": self.tenants,
                },
            )

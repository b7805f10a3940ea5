"""`acequia doctor`: looks at everything that "Run it for real" asks for; each finding says what to do.

Every check is on its own: one that cannot run says so and stops no other.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import httpx
from redis.asyncio import Redis

from app.core.directory import GENERATION_KEY
from app.core.errors import AcequiaError
from app.core.redis import check_queue_server
from app.core.settings import Settings
from app.services.keyring import open_keyring
from app.services.setup import NOT_SET_UP
from db.api_keys import has_api_key
from db.integrations import list_all_integrations
from db.ledger import find_missing_partitions
from db.migrate import find_pending
from db.pool import Database
from db.server import read_server_settings
from db.tenants import list_tenants

CLOCK_SKEW_MAX_S = 1.0
PARTITION_DAYS_MIN = 2
_HEALTH_TIMEOUT_S = 3.0


class Finding(NamedTuple):
    """`problem`: None when fine; else what is wrong and what to do. `is_warning`: it works, and should be mended."""

    check: str
    problem: str | None
    is_warning: bool = False


VALKEY_FLOOR = (9, 0, 0)
REDIS_FLOOR = (8, 6, 3)
_NO_TOKEN = "doctor"  # noqa: S105 - no token: what is asked for is its refusal
_ON, _QUIET = ("on",), ("terse",)
# What a promise rests on: durability (P1, P2), and that no value gets into the server's log (P6).
_SERVER_SETTINGS: dict[str, tuple[tuple[str, ...], str]] = {
    "fsync": (_ON, "a crash loses committed rows"),
    "synchronous_commit": (("on", "remote_write", "remote_apply"), "a crash loses committed rows"),
    "full_page_writes": (_ON, "a crash can tear pages"),
    "log_parameter_max_length_on_error": (("0",), "an error would log the values of a row"),
    "log_min_error_statement": (("panic", "fatal", "log"), "an error would log its statement"),
    "log_error_verbosity": (_QUIET, "an error's detail may quote a value"),
}

Check = Callable[[], Awaitable[Finding]]


class Doctor:
    """The checks, in the order in which one would mend things."""

    def __init__(self, settings: Settings, database: Database, redis: Redis) -> None:
        self._settings = settings
        self._database = database
        self._redis = redis

    async def examine(self) -> list[Finding]:
        checks: list[Check] = [
            self._check_version, self._check_server_settings, self._check_migrations, self._check_partitions,
            self._check_queue_version, self._check_queue_server, self._check_memory, self._check_directory,
            self._check_keys, self._check_setup, self._check_clocks, self._check_public_url, self._check_replica,
            self._check_retention, self._check_integrations, self._check_receiver, self._check_web, self._check_worker,
            self._check_syncer,
        ]  # fmt: skip
        return [await self._run(check) for check in checks]

    async def _run(self, check: Check) -> Finding:
        try:
            return await check()
        except AcequiaError as error:
            return Finding(_name(check), str(error))
        except Exception as error:
            return Finding(_name(check), f"the check failed with {type(error).__name__}: is the server up?")

    async def _check_version(self) -> Finding:
        return Finding("postgres version", " ".join(self._database.warnings) or None, is_warning=True)

    async def _check_server_settings(self) -> Finding:
        found = await read_server_settings(self._database, [*_SERVER_SETTINGS])
        wrong = [
            f"{name} is {found[name]}: {consequence}; set it to {' or '.join(good)}."
            for name, (good, consequence) in _SERVER_SETTINGS.items()
            if name in found and found[name] not in good
        ]
        return Finding("postgres settings", " ".join(wrong) or None)

    async def _check_queue_version(self) -> Finding:
        info = await self._redis.info("server")
        if "valkey_version" in info:
            name, version, floor = "Valkey", str(info["valkey_version"]), VALKEY_FLOOR
        else:
            name, version, floor = "Redis", str(info.get("redis_version", "0")), REDIS_FLOOR
        numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
        problem = (
            None
            if numbers >= floor
            else f"{name} {version} has known holes: take {'.'.join(map(str, floor))} or newer."
        )
        return Finding("queue version", problem)

    async def _check_migrations(self) -> Finding:
        async with self._database.platform_tx("doctor") as connection:
            pending = await find_pending(connection)
        problem = f"{len(pending)} not applied ({pending[0]} …): run `acequia db migrate`." if pending else None
        return Finding("migrations", problem)

    async def _check_partitions(self) -> Finding:
        days = [datetime.now(UTC).date() + timedelta(days=ahead) for ahead in range(PARTITION_DAYS_MIN)]
        missing = await find_missing_partitions(self._database, days)
        problem = f"no partition for {missing[0]}: a worker makes them every hour; is one running?" if missing else None
        return Finding("ledger partitions", problem)

    async def _check_queue_server(self) -> Finding:
        return Finding("queue server", " ".join(await check_queue_server(self._redis, self._settings)) or None)

    async def _check_memory(self) -> Finding:
        info = await self._redis.info("memory")
        used, limit = int(info["used_memory"]), int(info.get("maxmemory", 0))
        if not limit:
            unlimited = (
                "maxmemory is not set: set it below the machine's, so that a full queue refuses and is not killed."
            )
            return Finding("queue memory", unlimited if self._settings.is_production else None, is_warning=True)
        share = used / limit
        problem = (
            f"{share:.0%} of maxmemory is used: add memory or see what waits (`acequia status`)."
            if share > 0.6
            else None
        )
        return Finding("queue memory", problem, is_warning=True)

    async def _check_directory(self) -> Finding:
        is_there = await self._redis.exists(GENERATION_KEY)
        problem = None if is_there else "not published, so receivers answer 503: a worker publishes it; is one running?"
        return Finding("endpoint directory", problem)

    async def _check_keys(self) -> Finding:
        keyring = await open_keyring(self._settings)
        try:
            problem = await keyring.find_problem()
            if problem is None:
                for tenant in await list_tenants(self._database):
                    await keyring.keys_of(tenant.tenant_id)
        finally:
            await keyring.close()
        return Finding("keystore and keys", problem)

    async def _check_setup(self) -> Finding:
        async with self._database.platform_tx("doctor") as connection:
            is_set_up = await has_api_key(connection, "platform", 0)
        return Finding("setup", None if is_set_up else NOT_SET_UP)

    async def _check_clocks(self) -> Finding:
        seconds, micros = await self._redis.time()
        skew_s = abs(seconds + micros / 1e6 - time.time())
        problem = None
        if skew_s > CLOCK_SKEW_MAX_S:
            problem = f"Redis's clock differs by {skew_s:.1f} s from this machine's: run a time service on both."
        return Finding("clocks", problem)

    async def _check_public_url(self) -> Finding:
        url = self._settings.public_url
        if url is None:
            problem = "PUBLIC_URL is not set: providers cannot be told where to call. Set the proxy's https address."
            return Finding("public address", problem, is_warning=not self._settings.is_production)
        if not url.startswith("https://") and self._settings.is_production:
            return Finding("public address", "PUBLIC_URL is not https: providers refuse to call it, and should.")
        return Finding("public address", await self._find_public_problem(url))

    async def _find_public_problem(self, url: str) -> str | None:
        """Our receiver answers an invented address with its own 401; health pages must not be reachable there."""
        async with httpx.AsyncClient(timeout=_HEALTH_TIMEOUT_S, trust_env=False) as client:
            try:
                answer = await client.post(f"{url.rstrip('/')}/webhooks/vtex/{_NO_TOKEN}", content=b"{}")
                health = await client.get(f"{url.rstrip('/')}/metrics")
            except httpx.HTTPError as error:
                return f"PUBLIC_URL cannot be reached ({type(error).__name__}): look at proxy, name and certificate."
        if answer.status_code != 401:
            status = answer.status_code
            return f"PUBLIC_URL answers {status} where a receiver answers 401: does the proxy pass /webhooks/ on?"
        if health.status_code == 200 and self._settings.is_production:
            return "PUBLIC_URL shows /metrics to everybody: let the proxy pass on nothing but /webhooks/."
        return None

    async def _check_replica(self) -> Finding:
        settings = self._settings
        if settings.redis_durability == "provider":
            return Finding(
                "durability", "REDIS_DURABILITY=provider is declared and cannot be proven here.", is_warning=True
            )
        info = await self._redis.info("replication")
        found = int(info.get("connected_slaves", 0))
        if found < settings.redis_replicas_confirmed:
            return Finding("durability", f"REDIS_REPLICAS_CONFIRMED is {settings.redis_replicas_confirmed} and {found} "
                           "replicas are connected: every call is answered 503.")  # fmt: skip
        problem = None
        if settings.is_production and not settings.redis_replicas_confirmed:
            problem = "an append is on one disk only: add a replica and set REDIS_REPLICAS_CONFIRMED=1."
        return Finding("durability", problem, is_warning=True)

    async def _check_retention(self) -> Finding:
        settings = self._settings
        problem = None
        if settings.ledger_days * 86_400 <= settings.event_wait_max_s:
            problem = "LEDGER_DAYS must be longer than EVENT_WAIT_MAX_S: an event could outlive its own ledger row."
        return Finding("retention", problem)

    async def _check_integrations(self) -> Finding:
        refused = [one for one in await list_all_integrations(self._database) if one.status == "credentials_refused"]
        problem = None
        if refused:
            names = ", ".join(f"{one.connector}/{one.account} of tenant {one.tenant_id}" for one in refused[:5])
            problem = f"credentials refused: {names}. Replace them; their events wait."
        return Finding("integrations", problem, is_warning=True)

    async def _check_receiver(self) -> Finding:
        return await self._ask("receiver", self._settings.receiver_host, self._settings.receiver_port)

    async def _check_web(self) -> Finding:
        return await self._ask("web", self._settings.web_host, self._settings.web_port)

    async def _check_worker(self) -> Finding:
        return await self._ask("worker", self._settings.worker_health_host, self._settings.worker_health_port)

    async def _check_syncer(self) -> Finding:
        return await self._ask("syncer", self._settings.syncer_health_host, self._settings.syncer_health_port)

    async def _ask(self, name: str, host: str, port: int) -> Finding:
        async with httpx.AsyncClient(timeout=_HEALTH_TIMEOUT_S, trust_env=False) as client:
            try:
                answer = await client.get(f"http://{host}:{port}/readyz")
            except httpx.HTTPError:
                return Finding(name, f"does not answer on {host}:{port}: start it, or correct {name.upper()}_PORT.")
        if answer.status_code == 200:
            return Finding(name, None)
        problems = [f"{check}: {problem}" for check, problem in answer.json()["checks"].items() if problem != "ok"]
        return Finding(name, "is not ready: " + " ".join(problems))


def _name(check: Check) -> str:
    return getattr(check, "__name__", "check").removeprefix("_check_").replace("_", " ")

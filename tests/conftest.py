"""What tests share: the real servers, embedded, one database per test, and who logs in how.

Servers start when the first test asks for them, once per session, with production's durability. Everything that a
suite may not need is imported inside its fixture.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import structlog

from app.core.settings import Settings

if TYPE_CHECKING:
    import asyncpg
    from redis.asyncio import Redis

    from app.services.keyring import Keyring
    from db.pool import Database
    from scripts.stack.installation import Installation
    from scripts.stack.postgres import EmbeddedPostgres
    from scripts.stack.valkey import EmbeddedValkey

# What CI tests is the change and not today's dice: it looks at the same examples every time. Locally each run tries new
# ones. No deadlines: a shared machine is not slow code.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")

# An exception that is logged is told with its places. The usual way writes the values of all frames too, pools and
# settings among them, which takes minutes and looks like a test that hangs.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)

# A setting exported in the shell that starts the tests must not change what they test.
for _name in Settings.model_fields:
    os.environ.pop(_name.upper(), None)
    os.environ.pop(f"{_name.upper()}_FILE", None)


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's servers keep their data, logs and passwords."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
async def postgres(server_folder: Path) -> AsyncIterator["EmbeddedPostgres"]:
    """The session's PostgreSQL 18, empty: `template_installation` has roles and tables."""
    from scripts.stack.postgres import EmbeddedPostgres

    server = EmbeddedPostgres(server_folder)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def valkey(server_folder: Path) -> AsyncIterator["EmbeddedValkey"]:
    """The session's Valkey 9. `redis` empties it for each test."""
    from scripts.stack.valkey import EmbeddedValkey

    server = EmbeddedValkey(server_folder)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def template_installation(postgres: "EmbeddedPostgres", server_folder: Path) -> "Installation":
    """Roles and two migrated databases that no test touches: `installation` copies them."""
    from scripts.stack.installation import Installation, load_secrets, make_database_urls, prepare_databases

    secrets = load_secrets(server_folder)
    template = Installation(server_folder, secrets, make_database_urls(postgres.url(), secrets), redis_url="")
    await prepare_databases(template, postgres.url())
    return template


@pytest.fixture
async def installation(
    postgres: "EmbeddedPostgres", template_installation: "Installation"
) -> AsyncIterator["Installation"]:
    """This test's own databases (URLs by role), secrets and keystore. No Redis: `make_settings` adds it."""
    from tests.databases import clone_databases

    async with clone_databases(postgres, template_installation) as clone:
        yield clone


@pytest.fixture
async def redis(valkey: "EmbeddedValkey") -> AsyncIterator["Redis"]:
    """A connection to the session's Valkey, emptied before the test."""
    from redis.asyncio import Redis

    client = Redis.from_url(valkey.url)
    await client.flushall()
    await client.script_flush()
    yield client
    await client.aclose()


# No test calls a real provider: one that needs one starts the sandbox.
NOBODY_THERE = dict.fromkeys(
    ("google_ads_url", "google_oauth_url", "facebook_url", "mercadolibre_url"), "http://127.0.0.1:1"
)


@pytest.fixture
def make_settings(installation: "Installation", valkey: "EmbeddedValkey") -> Callable[..., Settings]:
    """`make_settings("web", drain_loops=2)`: what a process of that kind (a worker if not said) reads at its start."""
    from dataclasses import replace

    from scripts.stack.installation import read_settings_of

    complete = replace(installation, redis_url=valkey.url)

    def make(kind: str = "worker", **changes: object) -> Settings:
        return read_settings_of(complete.environment(kind, **{**NOBODY_THERE, **changes}))

    return make


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    """The settings of a worker on this test's databases and the session's Valkey."""
    return make_settings()


@pytest.fixture
async def open_database(
    make_settings: Callable[..., Settings],
) -> AsyncIterator[Callable[..., Awaitable["Database"]]]:
    """`await open_database("web")`: this test's database as that process's role. Closed at the end."""
    from db.pool import Database

    async with AsyncExitStack() as stack:

        async def open_as(kind: str = "worker", **changes: Any) -> Database:
            database = await Database.open(make_settings(kind, **changes), application_name=f"test-{kind}")
            stack.push_async_callback(database.close)
            return database

        yield open_as


@pytest.fixture
async def database(open_database: Callable[..., Awaitable["Database"]]) -> "Database":
    """This test's database as a worker: only `tenant_tx` and `platform_tx` lead to rows."""
    return await open_database()


@pytest.fixture
async def superuser(installation: "Installation") -> AsyncIterator["asyncpg.Connection"]:
    """A connection past every wall, to arrange what no role may and to look at what is really stored."""
    import asyncpg

    connection = await asyncpg.connect(installation.database_urls["postgres"])
    yield connection
    await connection.close()


@pytest.fixture
async def keyring(installation: "Installation") -> AsyncIterator["Keyring"]:
    """A keyring over this test's keys database and the session's keystore file."""
    import asyncpg

    from app.core.keystore import FileKeystore
    from app.services.keyring import Keyring

    pool = await asyncpg.create_pool(installation.database_urls["acequia_keys"], min_size=0, max_size=4)
    yield Keyring(pool, FileKeystore.open(installation.keystore_url), ttl_s=300)
    await pool.close()

"""The one way to the database: a transaction that carries a tenant's token, or the platform's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import asyncpg

from app.core.errors import ConfigurationError
from app.core.settings import Settings
from db.queries import load_queries
from db.token import PLATFORM, TokenKey, mint_token, read_token_key

SERVER_VERSION_FLOOR = 180_007  # below it, known holes in row security and worse (security_reliability.md §1.8)
SQL = load_queries("sessions")


class Database:
    """A pool of connections of one process role. Nobody gets a connection without a transaction and a token."""

    def __init__(self, pool: asyncpg.Pool, key: TokenKey, token_ttl_s: int, warnings: tuple[str, ...] = ()) -> None:
        self._pool = pool
        self._key = key
        self._token_ttl_s = token_ttl_s
        self.warnings = warnings

    @classmethod
    async def open(cls, settings: Settings, *, application_name: str) -> Self:
        """Connects as the role of DATABASE_URL and refuses one that could get around row-level security.

        Raises ConfigurationError; asyncpg's and OS errors when the server cannot be reached. `warnings` of the result
        are sentences for the operator.
        """
        key = read_token_key(settings.get_url("tenant_token_key"))
        pool = await asyncpg.create_pool(
            settings.get_url("database_url"),
            min_size=1,
            max_size=settings.database_pool_max,
            command_timeout=settings.statement_timeout_s + 1,
            server_settings={"application_name": application_name, "jit": "off"},
        )
        try:
            database = cls(pool, key, settings.tenant_token_ttl_s, await _check_session(pool, settings))
            await database._check_token()
        except BaseException:
            pool.terminate()
            raise
        return database

    @asynccontextmanager
    async def tenant_tx(self, tenant_id: int, purpose: str) -> AsyncIterator[asyncpg.Connection]:
        """One transaction that sees and writes only this tenant's rows. `purpose`: one word, for the token."""
        async with self._transaction(mint_token(self._key, tenant_id, purpose, self._token_ttl_s)) as connection:
            yield connection

    @asynccontextmanager
    async def platform_tx(self, reason: str) -> AsyncIterator[asyncpg.Connection]:
        """One transaction for work on all tenants: it sees only the tables without personal data."""
        async with self._transaction(mint_token(self._key, PLATFORM, reason, self._token_ttl_s)) as connection:
            yield connection

    @asynccontextmanager
    async def platform_step(self, connection: asyncpg.Connection, tenant_id: int, reason: str) -> AsyncIterator[None]:
        """Statements on the platform's tables inside a transaction of a tenant's: what goes from one to the other goes
        whole or not at all. The tenant's rows are out of sight meanwhile."""
        await connection.fetchval(SQL["set_tenant_token"], mint_token(self._key, PLATFORM, reason, self._token_ttl_s))
        yield  # an error ends the transaction, and its token with it
        await connection.fetchval(SQL["set_tenant_token"], mint_token(self._key, tenant_id, reason, self._token_ttl_s))

    async def ping(self) -> None:
        """Returns when the server has answered a transaction of ours. Raises asyncpg's and OS errors."""
        async with self.platform_tx("ping") as connection:
            await connection.fetchval(SQL["is_platform"])

    async def close(self) -> None:
        await self._pool.close()

    def terminate(self) -> None:
        """Drops the connections without waiting for what runs on them."""
        self._pool.terminate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def _transaction(self, token: str) -> AsyncIterator[asyncpg.Connection]:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.fetchval(SQL["set_tenant_token"], token)
            yield connection

    async def _check_token(self) -> None:
        try:
            async with self.platform_tx("start") as connection:
                await connection.fetchval(SQL["is_platform"])
        except asyncpg.InsufficientPrivilegeError as error:
            raise ConfigurationError(
                f"The database refuses our tokens ({error}): install TENANT_TOKEN_KEY with `acequia db migrate`."
            ) from None
        except (asyncpg.InvalidSchemaNameError, asyncpg.UndefinedFunctionError):
            raise ConfigurationError("The database has no schema yet: run `acequia db migrate`.") from None


async def wait_in_line(connection: asyncpg.Connection, tenant_id: int) -> None:
    """Holds, until the transaction ends, the place of the one that tries again for this tenant. Call it first: those
    who try again then meet only first attempts, which never wait here, and not each other."""
    await connection.execute(SQL["wait_in_line"], tenant_id)


async def _check_session(pool: asyncpg.Pool, settings: Settings) -> tuple[str, ...]:
    row = await pool.fetchrow(SQL["find_session_dangers"])
    dangers = {
        "is a superuser": row["rolsuper"],
        "has BYPASSRLS": row["rolbypassrls"],
        "may create roles": row["rolcreaterole"],
        "owns relations": row["is_owner"],
        "is a member of another role": row["is_member"],
        "may create temporary objects": row["has_temp"],
        "may create objects in schema public": row["has_create"],
    }
    found = [danger for danger, is_present in dangers.items() if is_present]
    if found:
        raise ConfigurationError(
            f"DATABASE_URL's role {row['rolname']} {', '.join(found)}:"
            " give this process its own role (`acequia db roles`)."
        )
    if row["server_version_num"] >= SERVER_VERSION_FLOOR:
        return ()
    version, floor = (
        f"{number // 10_000}.{number % 10_000}" for number in (row["server_version_num"], SERVER_VERSION_FLOOR)
    )
    sentence = f"PostgreSQL {version} is older than {floor}, which closes known holes: upgrade it"
    if settings.is_production:
        raise ConfigurationError(f"{sentence}; production refuses to start.")
    return (f"{sentence} before real data goes in.",)

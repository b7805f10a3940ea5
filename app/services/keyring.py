"""The keyring: a tenant's data keys, made, loaded, rotated and destroyed.

Wrapped keys live in the keys database, what unwraps them in the keystore; opened keys live in this process's memory
for KEYS_CACHE_TTL_S at most, so that a destroyed key stops working everywhere within that time.
"""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError

from app.core.errors import KeyDestroyedError, KeystoreUnavailableError
from app.core.inline import derive_public_key, make_inline_key
from app.core.keystore import FileKeystore, Keystore
from app.core.sealing import TenantKeys
from app.core.settings import Settings
from db import keys as db_keys
from db.keys import DataKeyRow, KeyPurpose

KEY_BYTES = 32
CACHED_TENANTS_MAX = 10_000
REWRAPS_PER_TURN = 500
_PURPOSES: tuple[KeyPurpose, ...] = ("seal", "index", "hash", "inline")
_SURROUNDINGS = (PostgresError, InterfaceError, InternalClientError, OSError, TimeoutError)


class Keyring:
    """Every method raises KeystoreUnavailableError when the keys database or the keystore cannot be asked now."""

    def __init__(self, pool: asyncpg.Pool, keystore: Keystore, *, ttl_s: float) -> None:
        self._pool = pool
        self._keystore = keystore
        self._ttl_s = ttl_s
        self._cache: OrderedDict[int, tuple[float, TenantKeys]] = OrderedDict()
        self._loading: dict[int, asyncio.Task[TenantKeys]] = {}

    async def keys_of(self, tenant_id: int) -> TenantKeys:
        """A tenant's opened keys. Creates nothing.

        Raises KeyDestroyedError when they were destroyed on purpose, KeystoreUnavailableError when they are not there
        (yet) or cannot be loaded now.
        """
        cached = self._cache.get(tenant_id)
        if cached is not None and time.monotonic() < cached[0]:
            return cached[1]
        # A thousand events of one tenant after a start ask once. The shield: one caller's end is not the others'.
        loading = self._loading.get(tenant_id)
        if loading is None:
            loading = self._loading[tenant_id] = asyncio.create_task(self._load(tenant_id))
            loading.add_done_callback(lambda task: self._end_loading(tenant_id, task))
        return await asyncio.shield(loading)

    async def create_tenant_keys(self, tenant_id: int) -> TenantKeys:
        """Makes a tenant's keys if it has none; the keys it has otherwise."""
        rows = [self._make_row(tenant_id, purpose, 1) for purpose in _PURPOSES]
        async with self._transaction() as connection:
            await db_keys.lock_data_keys(connection, tenant_id)
            if not await db_keys.list_data_keys(connection, tenant_id):
                for row in rows:
                    await db_keys.insert_data_key(connection, tenant_id, row)
        self.forget(tenant_id)
        return await self.keys_of(tenant_id)

    async def rotate(self, tenant_id: int, purpose: KeyPurpose) -> TenantKeys:
        """A new version for what is sealed from now on; older blobs still open.

        Other processes go on with the older version until their cache ends, which is harmless. After `inline` the
        tenant's inline endpoints must be sealed and published anew (app/services/endpoints.py).
        """
        if purpose == "hash":
            raise ValueError("The hash key is never rotated: every stored row would look changed.")
        async with self._transaction() as connection:
            await db_keys.lock_data_keys(connection, tenant_id)
            newest = await db_keys.retire_data_keys(connection, tenant_id, purpose)
            await db_keys.insert_data_key(connection, tenant_id, self._make_row(tenant_id, purpose, newest + 1))
        self.forget(tenant_id)
        return await self.keys_of(tenant_id)

    async def destroy(self, tenant_id: int) -> None:
        """Makes everything sealed for this tenant unreadable, for ever. In other processes within KEYS_CACHE_TTL_S."""
        async with self._transaction() as connection:
            await db_keys.lock_data_keys(connection, tenant_id)
            await db_keys.destroy_data_keys(connection, tenant_id)
        self.forget(tenant_id)

    async def rewrap(self) -> int:
        """Wraps with the keystore's newest key what older ones wrap; how many. Touches no data."""
        done = 0
        kek_id, _ = self._keystore.wrap(secrets.token_bytes(KEY_BYTES), b"probe")
        while True:
            async with self._transaction() as connection:
                found = await db_keys.list_foreign_wrappings(connection, kek_id, REWRAPS_PER_TURN)
                for old in found:
                    binding = _bind(old.tenant_id, old.purpose, old.version)
                    key = self._keystore.unwrap(old.kek_id, old.wrapped, binding)
                    await db_keys.rewrap_data_key(connection, old, *self._keystore.wrap(key, binding))
            done += len(found)
            if len(found) < REWRAPS_PER_TURN:
                return done

    async def find_problem(self) -> str | None:
        """For /readyz: what is wrong with the keys database, None when nothing is."""
        try:
            async with self._transaction() as connection:
                await db_keys.ping_keys(connection)
        except KeystoreUnavailableError as error:
            return str(error)
        return None

    def forget(self, tenant_id: int) -> None:
        """The next call loads this tenant's keys again."""
        self._cache.pop(tenant_id, None)
        self._loading.pop(tenant_id, None)

    async def close(self) -> None:
        self._cache.clear()
        await self._pool.close()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """Whatever the database or the way to it does wrong becomes KeystoreUnavailableError."""
        try:
            async with db_keys.keys_tx(self._pool) as connection:
                yield connection
        except _SURROUNDINGS as error:
            raise KeystoreUnavailableError(f"The keys database does not answer ({type(error).__name__}).") from None

    async def _load(self, tenant_id: int) -> TenantKeys:
        async with self._transaction() as connection:
            rows = await db_keys.list_data_keys(connection, tenant_id)
        keys = self._open(tenant_id, rows)
        if self._loading.get(tenant_id) is not asyncio.current_task():
            return keys  # forgotten meanwhile: these may be the keys of before
        self._cache[tenant_id] = (time.monotonic() + self._ttl_s, keys)
        self._cache.move_to_end(tenant_id)
        while len(self._cache) > CACHED_TENANTS_MAX:
            self._cache.popitem(last=False)
        return keys

    def _open(self, tenant_id: int, rows: list[DataKeyRow]) -> TenantKeys:
        if not rows:
            raise KeystoreUnavailableError(f"Tenant {tenant_id} has no keys yet: create them.")
        if all(row.state == "destroyed" for row in rows):
            raise KeyDestroyedError(f"The keys of tenant {tenant_id} were destroyed.")
        opened: dict[KeyPurpose, dict[int, bytes]] = {purpose: {} for purpose in _PURPOSES}
        for row in rows:
            if row.wrapped is not None:
                binding = _bind(tenant_id, row.purpose, row.version)
                opened[row.purpose][row.version] = self._keystore.unwrap(row.kek_id, row.wrapped, binding)
        missing = [purpose for purpose in _PURPOSES if not opened[purpose]]
        if missing:
            raise KeystoreUnavailableError(f"Tenant {tenant_id} has no key for {', '.join(missing)}.")
        destroyed = (row.version for row in rows if row.purpose == "seal" and row.state == "destroyed")
        return TenantKeys(
            tenant_id,
            seal_keys=opened["seal"],
            index_keys=opened["index"],
            hash_key=opened["hash"][1],
            inline_keys=opened["inline"],
            destroyed_seal_versions=frozenset(destroyed),
        )

    def _make_row(self, tenant_id: int, purpose: KeyPurpose, version: int) -> DataKeyRow:
        key = make_inline_key() if purpose == "inline" else secrets.token_bytes(KEY_BYTES)
        kek_id, wrapped = self._keystore.wrap(key, _bind(tenant_id, purpose, version))
        public_key = derive_public_key(key) if purpose == "inline" else None
        return DataKeyRow(purpose, version, kek_id, wrapped, public_key, "active")

    def _end_loading(self, tenant_id: int, task: "asyncio.Task[TenantKeys]") -> None:
        if self._loading.get(tenant_id) is task:
            del self._loading[tenant_id]
        if not task.cancelled():
            task.exception()  # asked for, so that nobody is warned of one that every caller has seen


async def open_keyring(settings: Settings) -> Keyring:
    """A keyring over KEYS_DATABASE_URL and KEYSTORE_URL. Raises ConfigurationError; asyncpg's and OS errors."""
    keystore = FileKeystore.open(settings.get_url("keystore_url"))
    pool = await asyncpg.create_pool(
        settings.get_url("keys_database_url"), min_size=0, max_size=4, command_timeout=5, server_settings={"jit": "off"}
    )
    return Keyring(pool, keystore, ttl_s=settings.keys_cache_ttl_s)


def _bind(tenant_id: int, purpose: KeyPurpose, version: int) -> bytes:
    return f"data-key.v1|{tenant_id}|{purpose}|{version}".encode()

"""Where tokens are kept that a provider changes at every refresh: sealed in Postgres, one process refreshes at a time.

The lease outlives two calls. A commit is tried again while it lasts, since tokens that were answered and are not
committed are lost. After a crash somebody else takes the lease over and tries the same refresh token: if the provider
had used it up, it says invalid_grant. Such an authorisation is remembered as dead, and nobody calls for it again until
somebody enters credentials: whoever asks gets CredentialsRefusedError at once.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID, uuid4

import orjson
from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError

from app.connectors.listing import Access
from app.connectors.vault import OpenVault, Tokens, Vault
from app.core.errors import ConfigurationError, CredentialsRefusedError, ProviderUnavailableError
from app.core.logging import get_logger
from app.core.sealing import TenantKeys
from app.core.settings import Settings
from app.services.keyring import Keyring
from db.integration_tokens import (
    HeldTokens,
    TokenPlace,
    commit_tokens,
    find_tokens,
    release_lease,
    take_lease,
)
from db.pool import Database

TOKENS_PURPOSE = "integration_tokens.v1"
_DEAD = frozenset({"invalid_grant", "invalid_operator_user_id", "unreadable"})
_POLL_S = 0.2
_SURROUNDINGS = (PostgresError, InterfaceError, InternalClientError, OSError, TimeoutError)

log = get_logger()


def make_open_vault(database: Database, keyring: Keyring, settings: Settings) -> OpenVault:
    """What connectors find an integration's vault with. Raises ConfigurationError for a lease that would end before
    two calls with their waits: somebody else would use the refresh token once more, and it is good once."""
    calls_s = 2 * (settings.provider_call_timeout_s + settings.batch_budget_wait_s)
    if settings.token_lease_s <= calls_s:
        raise ConfigurationError(
            f"TOKEN_LEASE_S must be longer than twice PROVIDER_CALL_TIMEOUT_S and BATCH_BUDGET_WAIT_S together, "
            f"{calls_s:g} s here."
        )

    def open_vault(access: Access, origin: str) -> Vault:
        return TokenVault(database, keyring, settings, access.tenant_id, access.integration_id, origin)

    return open_vault


class TokenVault:
    """`Vault` for one authorisation of one integration. Made for each use: it remembers only its own lease.

    `origin`: that of the Application, which says what is dead after a refusal.
    """

    def __init__(  # noqa: PLR0917 - where, with what, for whom
        self, database: Database, keyring: Keyring, settings: Settings, tenant_id: int, integration_id: int, origin: str
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._lease_s = settings.token_lease_s
        self._wait_s = settings.token_wait_s
        self._place = TokenPlace(tenant_id, integration_id)
        self._origin = origin
        self._lease: tuple[UUID, TenantKeys, float] | None = None

    async def read(self) -> Tokens | None:
        """What is committed; None before the first refresh. Raises SealingError, KeystoreUnavailableError."""
        held = await self._find()
        if held.sealed is None:
            return None
        keys = await self._keyring.keys_of(self._place.tenant_id)
        return _decode(keys.open(TOKENS_PURPOSE, str(self._place.integration_id), held.sealed))

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """The lease. Raises ProviderUnavailableError while somebody else has it for too long, CredentialsRefusedError
        for an authorisation that is known to be dead."""
        # First: after the provider's answer there must be nothing left that could be missing.
        keys = await self._keyring.keys_of(self._place.tenant_id)
        holder = await self._take()
        self._lease = (holder, keys, time.monotonic() + self._lease_s)
        refused_origin = None
        try:
            yield
        except CredentialsRefusedError as error:
            # A 401 of something on the way there, with no word of the provider's, may pass.
            refused_origin = self._origin if error.told in _DEAD else None
            raise
        finally:
            if self._lease is not None:
                self._lease = None
                await self._release(holder, refused_origin)

    async def commit(self, tokens: Tokens) -> None:
        """Durable when it returns. Ends the lease. Raises ProviderUnavailableError when somebody else took it over:
        what they found is what counts."""
        if self._lease is None:
            raise RuntimeError("tokens are committed only under the lease")
        holder, keys, ends_at = self._lease
        sealed = keys.seal(TOKENS_PURPOSE, str(self._place.integration_id), _encode(tokens))
        while True:
            try:
                async with self._database.tenant_tx(self._place.tenant_id, "commit_tokens") as connection:
                    is_mine = await commit_tokens(connection, self._place, holder, sealed, keys.seal_version)
                break
            except _SURROUNDINGS as error:
                if time.monotonic() >= ends_at:
                    raise
                log.warning("tokens.commit_repeated", error=type(error).__name__, **self._place._asdict())
            await asyncio.sleep(_POLL_S)
        self._lease = None
        if not is_mine:
            log.error("tokens.commit_too_late", **self._place._asdict())
            raise ProviderUnavailableError("somebody else refreshes these tokens now")

    async def _take(self) -> UUID:
        holder, ends_at = uuid4(), time.monotonic() + self._wait_s
        while True:
            async with self._database.tenant_tx(self._place.tenant_id, "take_lease") as connection:
                if await take_lease(connection, self._place, holder, self._lease_s, self._origin):
                    return holder
                held = await find_tokens(connection, self._place)
            if held.refused_origin == self._origin:
                raise CredentialsRefusedError(
                    "this authorisation is dead; connect it again", status=401, told="invalid_grant"
                )
            if time.monotonic() >= ends_at:
                raise ProviderUnavailableError("somebody else has been refreshing these tokens too long")
            await asyncio.sleep(_POLL_S * random.uniform(0.5, 1.5))  # noqa: S311 - only so that not all come at once

    async def _release(self, holder: UUID, refused_origin: str | None) -> None:
        """What cannot be given back ends by itself."""
        try:
            async with self._database.tenant_tx(self._place.tenant_id, "release_lease") as connection:
                await release_lease(connection, self._place, holder, refused_origin)
        except _SURROUNDINGS as error:
            log.warning("tokens.lease_left", error=type(error).__name__, **self._place._asdict())

    async def _find(self) -> HeldTokens:
        async with self._database.tenant_tx(self._place.tenant_id, "find_tokens") as connection:
            return await find_tokens(connection, self._place)


def _encode(tokens: Tokens) -> bytes:
    return orjson.dumps(tokens._asdict())


def _decode(content: bytes) -> Tokens:
    told = orjson.loads(content)
    return Tokens(**{**told, "ends_at": datetime.fromisoformat(told["ends_at"])})

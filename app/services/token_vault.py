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
from app.services.token_shelves import IntegrationShelf, Shelf
from db.integration_tokens import TokenPlace
from db.pool import Database

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
        place = TokenPlace(access.tenant_id, access.integration_id)
        return TokenVault(IntegrationShelf(database, keyring, place), settings, origin)

    return open_vault


class TokenVault:
    """`Vault` for one authorisation on its shelf. Made for each use: it remembers only its own lease.

    `origin`: that of the Application, which says what is dead after a refusal.
    """

    def __init__(self, shelf: Shelf, settings: Settings, origin: str) -> None:
        self.shelf = shelf
        self._lease_s = settings.token_lease_s
        self._wait_s = settings.token_wait_s
        self._origin = origin
        self._lease: tuple[UUID, TenantKeys, float] | None = None

    @property
    def lease_holder(self) -> UUID | None:
        """Under which name the lease is held; None: it is not."""
        return self._lease[0] if self._lease is not None else None

    async def read(self) -> Tokens | None:
        """What is committed; None before the first refresh. Raises SealingError, KeystoreUnavailableError."""
        held = await self.shelf.find(self._origin)
        if held.sealed is None:
            return None
        keys = await self.shelf.get_keys()
        return _decode(keys.open(self.shelf.purpose, self.shelf.name, held.sealed))

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """The lease. Raises ProviderUnavailableError while somebody else has it for too long, CredentialsRefusedError
        for an authorisation that is known to be dead."""
        # First: after the provider's answer there must be nothing left that could be missing.
        keys = await self.shelf.get_keys()
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
        sealed = seal_tokens(keys, self.shelf, tokens)
        while True:
            try:
                is_mine = await self.shelf.commit(holder, sealed, keys.seal_version)
                break
            except _SURROUNDINGS as error:
                if time.monotonic() >= ends_at:
                    raise
                log.warning("tokens.commit_repeated", error=type(error).__name__, **self.shelf.described)
            await asyncio.sleep(_POLL_S)
        self._lease = None
        if not is_mine:
            log.error("tokens.commit_too_late", **self.shelf.described)
            raise ProviderUnavailableError("somebody else refreshes these tokens now")

    async def _take(self) -> UUID:
        holder, ends_at = uuid4(), time.monotonic() + self._wait_s
        while True:
            if await self.shelf.take(holder, self._lease_s, self._origin):
                return holder
            if (await self.shelf.find(self._origin)).is_dead:
                raise CredentialsRefusedError(
                    "this authorisation is dead; connect it again", status=401, told="invalid_grant"
                )
            if time.monotonic() >= ends_at:
                raise ProviderUnavailableError("somebody else has been refreshing these tokens too long")
            await asyncio.sleep(_POLL_S * random.uniform(0.5, 1.5))  # noqa: S311 - only so that not all come at once

    async def _release(self, holder: UUID, refused_origin: str | None) -> None:
        """What cannot be given back ends by itself."""
        try:
            await self.shelf.release(holder, refused_origin)
        except _SURROUNDINGS as error:
            log.warning("tokens.lease_left", error=type(error).__name__, **self.shelf.described)


def seal_tokens(keys: TenantKeys, shelf: Shelf, tokens: Tokens) -> bytes:
    """The blob that lies on that shelf, and opens nowhere else."""
    return keys.seal(shelf.purpose, shelf.name, orjson.dumps(tokens._asdict()))


def _decode(content: bytes) -> Tokens:
    told = orjson.loads(content)
    return Tokens(**{**told, "ends_at": datetime.fromisoformat(told["ends_at"])})

"""Tokens that a check of entered credentials brings forth, from the refresh until an integration has them.

A refresh token that is good once is used up by the check, often before there is a tenant to keep what came of it for.
So that is kept by the credentials themselves, sealed with the platform's keys: a second check of the same ones finds it
and uses nothing up, and so does a creation that comes after a failed one. In the transaction that makes an integration
of them, or gives them to one, they move to its own place. Other credentials, a mistyped secret among them, find
nothing: what is kept would say that they are good.
"""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Self

import asyncpg
import orjson

from app.connectors.listing import Access
from app.connectors.vault import Tokens, Vault
from app.core.errors import ConflictError, CredentialsRefusedError, ProviderUnavailableError
from app.core.sealing import TenantKeys
from app.services.office import Office
from app.services.token_shelves import EnteredShelf, IntegrationShelf
from app.services.token_vault import TokenVault, seal_tokens
from db.entered_tokens import move_entered
from db.integration_tokens import TokenPlace, forgive_refusal, put_tokens

TAKEN_MEANWHILE = (
    "These credentials were given to another integration meanwhile, and are good for one: authorise again."
)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
# In the transaction of the tenant that has the integration from then on, with what its rows are sealed with.
Move = Callable[[asyncpg.Connection, TokenPlace, TenantKeys], Coroutine[Any, Any, None]]


class EnteredTokens:
    """Of one check. `open` is what the connector is given to open vaults with."""

    def __init__(self, office: Office, own: TokenVault | None = None, own_origin: str | None = None, *,
                 is_doubted: bool = False) -> None:  # fmt: skip
        self._office = office
        self._own = own
        self._own_origin = own_origin
        self._is_doubted = is_doubted
        self._vault: TokenVault | None = None

    @classmethod
    async def of_integration(cls, office: Office, place: TokenPlace, *, is_doubted: bool) -> Self:
        """For credentials that are to take the place of an integration's. If they are of the authorisation that it has,
        its own tokens are used: the refresh token that was entered was used up long ago. `is_doubted`: they differ from
        what is held, so only a refresh shows whether they are right. What was called dead is tried once more."""
        own = TokenVault(IntegrationShelf(office.database, office.keyring, place), office.settings, "")
        held = await own.read()
        async with office.database.tenant_tx(place.tenant_id, "forgive_refusal") as connection:
            await forgive_refusal(connection, place)
        return cls(office, own, held.origin if held is not None else None, is_doubted=is_doubted)

    def open(self, access: Access, origin: str) -> Vault:
        """As `OpenVault`."""
        if self._own is not None and origin == self._own_origin:
            own = TokenVault(self._own.shelf, self._office.settings, origin)
            return DoubtedVault(own) if self._is_doubted else own
        entry = _name_entry(origin, access)
        shelf = EnteredShelf(self._office.database, self._office.get_platform_keys, entry)
        self._vault = TokenVault(shelf, self._office.settings, origin)
        return self._vault

    @asynccontextmanager
    async def moving(self) -> AsyncIterator[Move]:
        """What moves them; it does nothing where there are none. Nobody refreshes them meanwhile. Raises
        ProviderUnavailableError when somebody does so for too long, ConflictError when another integration has them."""
        vault = self._vault
        if vault is None or await vault.read() is None:
            yield _move_nothing
            return
        async with AsyncExitStack() as lease:
            try:
                await lease.enter_async_context(vault.hold())
            except CredentialsRefusedError:
                raise ConflictError(TAKEN_MEANWHILE) from None
            tokens = await vault.read()

            async def move(connection: asyncpg.Connection, place: TokenPlace, keys: TenantKeys) -> None:
                assert tokens is not None, "only who moves them takes them away, and one at a time"
                await self._move(connection, place, keys, vault, tokens)

            yield move

    async def _move(
        self, connection: asyncpg.Connection, place: TokenPlace, keys: TenantKeys, vault: TokenVault, tokens: Tokens
    ) -> None:
        shelf = IntegrationShelf(self._office.database, self._office.keyring, place)
        await put_tokens(connection, place, seal_tokens(keys, shelf, tokens), keys.seal_version)
        async with self._office.database.platform_step(connection, place.tenant_id, "move_tokens"):
            holder = vault.lease_holder
            if holder is None or not await move_entered(connection, vault.shelf.name, holder):
                raise ProviderUnavailableError("somebody else refreshes these tokens now: try again")


class DoubtedVault:
    """Tokens that were refreshed with another secret than the one entered now: they are renewed at once, as only that
    shows whether it is right. A wrong one uses nothing up."""

    def __init__(self, vault: TokenVault) -> None:
        self._vault = vault
        self._is_renewed = False

    async def read(self) -> Tokens | None:
        tokens = await self._vault.read()
        return tokens if tokens is None or self._is_renewed else tokens._replace(ends_at=_LONG_AGO)

    def hold(self) -> AbstractAsyncContextManager[None]:
        return self._vault.hold()

    async def commit(self, tokens: Tokens) -> None:
        await self._vault.commit(tokens)
        self._is_renewed = True


async def _move_nothing(connection: asyncpg.Connection, place: TokenPlace, keys: TenantKeys) -> None:
    del connection, place, keys


def _name_entry(origin: str, access: Access) -> str:
    """Which credentials, without telling them."""
    return sha256(orjson.dumps([origin, sorted(access.credentials.items())])).hexdigest()[:32]

"""Where tokens lie: an integration's own row, or that of credentials which no integration has yet.

Each method is one short transaction. What a vault does with them is the same for both.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol
from uuid import UUID

from app.core.sealing import TenantKeys
from app.services.keyring import Keyring
from db import entered_tokens, integration_tokens
from db.integration_tokens import TokenPlace
from db.pool import Database

TOKENS_PURPOSE = "integration_tokens.v1"
ENTERED_PURPOSE = "entered_tokens.v1"


class Held(NamedTuple):
    """`sealed`: None before the first refresh. `is_dead`: the authorisation is not to be tried again."""

    sealed: bytes | None
    is_dead: bool


class Shelf(Protocol):
    """`purpose` and `name` bind what is sealed to this place; `described`: the place, for logs."""

    purpose: str

    @property
    def name(self) -> str: ...

    @property
    def described(self) -> Mapping[str, object]: ...

    async def get_keys(self) -> TenantKeys:
        """What it is sealed with. Raises KeystoreUnavailableError."""

    async def find(self, origin: str) -> Held:
        """What is committed, and what is known of that authorisation."""

    async def take(self, holder: UUID, lease_s: float, origin: str) -> bool:
        """The lease; False while somebody else has it, and for an authorisation that is dead."""

    async def commit(self, holder: UUID, sealed: bytes, key_version: int) -> bool:
        """False for whoever does not hold the lease any more."""

    async def release(self, holder: UUID, refused_origin: str | None) -> None:
        """`refused_origin`: the authorisation that turned out to be dead."""


class IntegrationShelf:
    """An integration's own."""

    purpose = TOKENS_PURPOSE

    def __init__(self, database: Database, keyring: Keyring, place: TokenPlace) -> None:
        self._database = database
        self._keyring = keyring
        self.place = place

    @property
    def name(self) -> str:
        return str(self.place.integration_id)

    @property
    def described(self) -> Mapping[str, object]:
        return self.place._asdict()

    async def get_keys(self) -> TenantKeys:
        return await self._keyring.keys_of(self.place.tenant_id)

    async def find(self, origin: str) -> Held:
        async with self._database.tenant_tx(self.place.tenant_id, "find_tokens") as connection:
            held = await integration_tokens.find_tokens(connection, self.place)
        return Held(held.sealed, is_dead=held.refused_origin is not None and held.refused_origin == origin)

    async def take(self, holder: UUID, lease_s: float, origin: str) -> bool:
        async with self._database.tenant_tx(self.place.tenant_id, "take_lease") as connection:
            return await integration_tokens.take_lease(connection, self.place, holder, lease_s, origin)

    async def commit(self, holder: UUID, sealed: bytes, key_version: int) -> bool:
        async with self._database.tenant_tx(self.place.tenant_id, "commit_tokens") as connection:
            return await integration_tokens.commit_tokens(connection, self.place, holder, sealed, key_version)

    async def release(self, holder: UUID, refused_origin: str | None) -> None:
        async with self._database.tenant_tx(self.place.tenant_id, "release_lease") as connection:
            await integration_tokens.release_lease(connection, self.place, holder, refused_origin)


class EnteredShelf:
    """That of credentials which somebody has entered. A dead authorisation is not remembered: whoever enters it again
    wants it to be tried. One that an integration has is dead for everybody else."""

    purpose = ENTERED_PURPOSE

    def __init__(self, database: Database, get_keys: Callable[[], Awaitable[TenantKeys]], entry: str) -> None:
        self._database = database
        self._get_keys = get_keys
        self.name = entry

    @property
    def described(self) -> Mapping[str, object]:
        return {"entry": self.name}

    async def get_keys(self) -> TenantKeys:
        return await self._get_keys()

    async def find(self, origin: str) -> Held:
        del origin
        async with self._database.platform_tx("find_entered") as connection:
            held = await entered_tokens.find_entered(connection, self.name)
        return Held(held.sealed, held.is_moved)

    async def take(self, holder: UUID, lease_s: float, origin: str) -> bool:
        del origin
        async with self._database.platform_tx("take_entered_lease") as connection:
            return await entered_tokens.take_entered_lease(connection, self.name, holder, lease_s)

    async def commit(self, holder: UUID, sealed: bytes, key_version: int) -> bool:
        async with self._database.platform_tx("commit_entered") as connection:
            return await entered_tokens.commit_entered(connection, self.name, holder, sealed, key_version)

    async def release(self, holder: UUID, refused_origin: str | None) -> None:
        del refused_origin
        async with self._database.platform_tx("release_entered") as connection:
            await entered_tokens.release_entered(connection, self.name, holder)

"""What use cases need: settings, pools and clients, built once by whoever composes a process."""

from dataclasses import dataclass
from typing import NamedTuple

from redis.asyncio import Redis

from app.core.queue import Queue
from app.core.rates import RateLimiter
from app.core.sealing import TenantKeys
from app.core.settings import Settings
from app.services.keyring import Keyring
from db.api_keys import KeyScope
from db.pool import Database

PLATFORM_KEYS_ID = 0  # of the platform itself in the keys database; no tenant has it


@dataclass(frozen=True, slots=True)
class Office:
    """`cache`: the Redis that may be lost (rates, sessions, counts). `queue`: the durable one."""

    settings: Settings
    database: Database
    keyring: Keyring
    queue: Queue
    cache: Redis
    limiter: RateLimiter

    async def get_platform_keys(self) -> TenantKeys:
        """What seals the addresses and names of people. Raises KeystoreUnavailableError before `acequia setup`."""
        return await self.keyring.keys_of(PLATFORM_KEYS_ID)


class Place(NamedTuple):
    """Where keys and roles hold. `scope_id`: 0 for the platform, else the organization's or the tenant's id."""

    scope: KeyScope
    scope_id: int

    @property
    def audited_tenant_id(self) -> int | None:
        """Whose audit log tells of it; None: the platform's."""
        return self.scope_id if self.scope == "tenant" else None


PLATFORM = Place("platform", 0)

"""What use cases need: settings, pools and clients, built once by whoever composes a process."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import NamedTuple

from redis.asyncio import Redis

from app.connectors.tools import Tools
from app.connectors.vtex.client import VtexClient
from app.core.limits import make_asked_budget
from app.core.outbound import Outbound
from app.core.own_address import OwnAddress
from app.core.queue import Queue, QueueLimits
from app.core.rates import RateLimiter
from app.core.redis import connect_redis
from app.core.sealing import TenantKeys
from app.core.settings import Settings
from app.services.hooks import ProviderHooks
from app.services.keyring import Keyring, open_keyring
from app.services.tenant_lifecycle import TenantOffice
from app.services.token_vault import make_open_vault
from db.api_keys import KeyScope
from db.pool import Database

REDIS_TIMEOUT_S = 2.0
CACHE_TIMEOUT_S = 1.0
PLATFORM_KEYS_ID = 0  # of the platform itself in the keys database; no tenant has it


@dataclass(frozen=True, slots=True)
class Office:
    """`cache`: the Redis that may be lost (rates, sessions, counts). `queue`: the durable one. `tools`: for what
    people ask of providers, with a budget apart from live work's; `vtex`: the same for VTEX's hooks. `own`: calls to
    our own public addresses."""

    settings: Settings
    database: Database
    keyring: Keyring
    queue: Queue
    cache: Redis
    limiter: RateLimiter
    tools: Tools
    vtex: VtexClient
    own: OwnAddress

    @property
    def hooks(self) -> ProviderHooks:
        """What tells providers to call us, or not to."""
        return ProviderHooks(
            settings=self.settings, database=self.database, keyring=self.keyring, redis=self.queue.redis, vtex=self.vtex
        )

    @property
    def tenant_office(self) -> TenantOffice:
        """What it takes to change a tenant's status."""
        return TenantOffice(self.database, self.queue.redis, self.settings, self.hooks)

    async def get_platform_keys(self) -> TenantKeys:
        """What seals the addresses and names of people. Raises KeystoreUnavailableError before `acequia setup`."""
        return await self.keyring.keys_of(PLATFORM_KEYS_ID)


async def open_office(settings: Settings, resources: AsyncExitStack, *, application_name: str) -> Office:
    """Pools and clients, closed by `resources`. Raises ConfigurationError; asyncpg's and OS errors."""
    database = await Database.open(settings, application_name=application_name)
    resources.push_async_callback(database.close)
    keyring = await open_keyring(settings)
    resources.push_async_callback(keyring.close)
    redis_url = settings.get_url("redis_url")
    redis = connect_redis(redis_url, socket_timeout_s=REDIS_TIMEOUT_S)
    resources.push_async_callback(redis.aclose)
    cache_url = settings.cache_redis_url.get_secret_value() if settings.cache_redis_url else redis_url
    cache = connect_redis(cache_url, socket_timeout_s=CACHE_TIMEOUT_S)
    resources.push_async_callback(cache.aclose)
    queue = Queue(redis, group=settings.worker_group, limits=QueueLimits.from_settings(settings))
    resources.push_async_callback(queue.close)
    outbound = Outbound(settings, make_asked_budget(cache, settings))
    resources.push_async_callback(outbound.aclose)
    tools = Tools(outbound, settings, make_open_vault(database, keyring, settings), "live")
    vtex = VtexClient(outbound, url_template=settings.vtex_url_template)
    own = OwnAddress()
    resources.push_async_callback(own.aclose)
    return Office(settings, database, keyring, queue, cache, RateLimiter(cache), tools, vtex, own)


class Place(NamedTuple):
    """Where keys and roles hold. `scope_id`: 0 for the platform, else the organization's or the tenant's id."""

    scope: KeyScope
    scope_id: int

    @property
    def audited_tenant_id(self) -> int | None:
        """Whose audit log tells of it; None: the platform's."""
        return self.scope_id if self.scope == "tenant" else None


PLATFORM = Place("platform", 0)

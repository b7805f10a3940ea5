"""Whether providers call us: hooks registered, looked at and removed, with what became of it written down.

A provider that fails stops nobody: `register` says so in the state. The two methods of the tenant's lifecycle raise
instead, and leave the state as it was, so that the worker tries again.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.connectors.vtex.client import VtexClient
from app.connectors.vtex.hook import HOOK_PATH_PREFIX
from app.core.directory import ENDPOINTS_KEY, decode_entry
from app.core.errors import ProviderError, QueueUnavailableError
from app.core.settings import Settings
from app.core.tokens import hash_token
from app.services import vtex_hooks
from app.services.audit import Actor
from app.services.endpoints import list_active_endpoints
from app.services.hook_states import write_hook_state
from app.services.integrations import open_credentials
from app.services.keyring import Keyring
from app.services.vtex_hooks import HookState, OurAddress, Target
from db import integrations as db_integrations
from db.hook_watches import Place
from db.integrations import Integration
from db.pool import Database
from db.tenants import find_tenant

NO_HOOK = HookState("none")
_SET_IT = "real time is off. Set it to the https address under which VTEX reaches the receiver."
NO_PUBLIC_URL = f"PUBLIC_URL is not set: {_SET_IT}"
NO_HTTPS = f"PUBLIC_URL is not https: {_SET_IT}"
NOT_SERVED = "The tenant is not active: the hook is set when it is again."
NO_CREDENTIALS = "There are no credentials to set the hook with: enter them."
NO_ADDRESS = "The integration has no address for orders: resume it to have one made."
SYSTEM = Actor("system", "hooks")

_Set = Callable[[Target, OurAddress, vtex_hooks.IsOthers], Awaitable[HookState]]


class ProviderHooks:
    """One per process. `redis`: the queue's, which holds the endpoint directory."""

    def __init__(
        self, *, settings: Settings, database: Database, keyring: Keyring, redis: Redis, vtex: VtexClient
    ) -> None:
        self._settings = settings
        self._database = database
        self._keyring = keyring
        self._redis = redis
        self._vtex = vtex

    async def register(
        self, tenant_id: int, integration_id: int, *, replaces_foreign: bool = False, actor: Actor = SYSTEM
    ) -> HookState:
        """Sets the provider's hook and writes down what became of it. Raises no ProviderError."""
        asked_at = datetime.now(UTC)
        try:
            return await self._register(tenant_id, integration_id, replaces_foreign=replaces_foreign, actor=actor)
        except ProviderError as error:
            state = vtex_hooks.explain_error(error, "this account")
        except QueueUnavailableError:
            state = HookState("failed", "Redis did not answer, so the hook was not set: resume the integration.")
        await self._write(tenant_id, integration_id, state, actor, asked_at)
        return state

    async def remove(
        self, tenant_id: int, integration_id: int, *, credentials: Mapping[str, str] | None = None
    ) -> HookState:
        """Takes our hook away at the provider, with `credentials` in place of the stored ones; writes nothing down.

        Raises ProviderError, QueueUnavailableError.
        """
        found = await self.find_target(tenant_id, integration_id, credentials)
        if isinstance(found, HookState):
            return found
        return await vtex_hooks.remove(self._vtex, *found, self._is_others(tenant_id, integration_id))

    async def keep(self, tenant_id: int, integration_id: int) -> HookState:
        """Sets the hook again where it is gone or an older one of ours, and writes down what became of it.

        Raises ProviderError, QueueUnavailableError when it could not be looked at; the state stays as it was then.
        """

        async def keep(target: Target, address: OurAddress, is_others: vtex_hooks.IsOthers) -> HookState:
            return await vtex_hooks.keep(self._vtex, target, address, is_others)

        return await self._set(tenant_id, integration_id, keep, actor=SYSTEM)

    async def check_hook(self, tenant_id: int, integration_id: int) -> HookState:
        """Looks what stands there and writes it down; sets nothing, least of all over somebody else's.

        Raises ProviderError, QueueUnavailableError; the state stays as it was then.
        """
        asked_at = datetime.now(UTC)
        found = await self.find_target(tenant_id, integration_id)
        if isinstance(found, HookState):
            state = found
        else:
            state = await vtex_hooks.check(self._vtex, *found, self._is_others(tenant_id, integration_id))
        await self._write(tenant_id, integration_id, state, SYSTEM, asked_at)
        return state

    async def remove_hooks(self, tenant_id: int) -> None:
        """For a tenant that is not served any more: its registered hooks go. Raises ProviderError."""
        for integration in await self._list(tenant_id, "registered"):
            asked_at = datetime.now(UTC)
            state = await self.remove(tenant_id, integration.integration_id)
            await self._write(tenant_id, integration.integration_id, state, SYSTEM, asked_at)

    async def register_hooks(self, tenant_id: int) -> None:
        """For a tenant that is served again: the hooks that were removed are set, each one that can be. Raises the
        first ProviderError."""
        failed: list[ProviderError] = []
        for integration in await self._list(tenant_id, "removed"):
            try:
                await self._register(tenant_id, integration.integration_id, replaces_foreign=False, actor=SYSTEM)
            except ProviderError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    async def _register(
        self, tenant_id: int, integration_id: int, *, replaces_foreign: bool, actor: Actor
    ) -> HookState:
        async def register(target: Target, address: OurAddress, is_others: vtex_hooks.IsOthers) -> HookState:
            return await vtex_hooks.register(self._vtex, target, address, is_others, replaces_foreign=replaces_foreign)

        return await self._set(tenant_id, integration_id, register, actor=actor)

    async def _set(self, tenant_id: int, integration_id: int, do: _Set, *, actor: Actor) -> HookState:
        asked_at = datetime.now(UTC)
        found = await self.find_target(tenant_id, integration_id)
        if not isinstance(found, HookState) and not await self._is_served(tenant_id):
            found = HookState("removed", NOT_SERVED)
        if isinstance(found, HookState):
            await self._write(tenant_id, integration_id, found, actor, asked_at)
            return found
        is_others = self._is_others(tenant_id, integration_id)
        state = await do(*found, is_others)
        if not await self._write(tenant_id, integration_id, state, actor, asked_at):
            # Deleted while we spoke with the provider: nobody would take its calls.
            await vtex_hooks.remove(self._vtex, *found, is_others)
        return state

    async def find_target(
        self, tenant_id: int, integration_id: int, credentials: Mapping[str, str] | None = None
    ) -> tuple[Target, OurAddress] | HookState:
        """What it takes to ask VTEX; or why nothing is to be asked."""
        async with self._database.tenant_tx(tenant_id, "hooks") as connection:
            integration = await db_integrations.find_integration(connection, tenant_id, integration_id)
        if integration is None or integration.status == "deleted" or integration.connector != "vtex":
            return NO_HOOK
        public_url, problem = find_public_url(self._settings)
        if public_url is None:
            return HookState("off", problem)
        keys = await self._keyring.keys_of(tenant_id)
        endpoints = await list_active_endpoints(self._database, self._settings, keys, integration_id)
        hook = next((one for one in endpoints if one.kind == "order_hook"), None)
        if hook is None:
            return HookState("failed", NO_ADDRESS)
        if credentials is None and integration.sealed_credentials is None:
            return HookState("failed", NO_CREDENTIALS)
        if credentials is None:
            account, sealed = integration.account, integration.sealed_credentials or b""
            credentials = open_credentials(keys, integration.connector, account, sealed)
        headers = {hook.header_name or "": hook.secret or ""}
        target = Target(integration.account, integration.environment, credentials)
        return target, OurAddress(public_url, public_url + hook.path, headers)

    async def _is_served(self, tenant_id: int) -> bool:
        async with self._database.tenant_tx(tenant_id, "hooks") as connection:
            tenant = await find_tenant(connection, tenant_id)
        return tenant is not None and tenant.status == "active"

    async def _list(self, tenant_id: int, hook_status: str) -> list[Integration]:
        async with self._database.tenant_tx(tenant_id, "hooks") as connection:
            rows = await db_integrations.list_integrations(connection, tenant_id)
        return [row for row in rows if row.status != "deleted" and row.hook_status == hook_status]

    def _is_others(self, tenant_id: int, integration_id: int) -> vtex_hooks.IsOthers:
        async def is_others(url: str) -> bool:
            token = urlsplit(url).path.rpartition(HOOK_PATH_PREFIX)[2]
            try:
                asked = self._redis.hget(ENDPOINTS_KEY, hash_token(token).hex())
                held = await cast("Awaitable[bytes | None]", asked)
            except (RedisError, OSError) as error:
                raise QueueUnavailableError(f"The directory cannot be read ({type(error).__name__}).") from None
            if held is None:
                return False
            entry = decode_entry(held)
            return (entry.tenant_id, entry.integration_id) != (tenant_id, integration_id)

        return is_others

    async def _write(
        self, tenant_id: int, integration_id: int, state: HookState, actor: Actor, asked_at: datetime
    ) -> bool:
        """False when the integration is not there any more."""
        place, next_look_s = Place(tenant_id, integration_id), self._settings.hook_check_interval_s
        async with self._database.tenant_tx(tenant_id, "hook_state") as connection:
            return await write_hook_state(connection, place, state, actor, asked_at=asked_at, next_look_s=next_look_s)


def find_public_url(settings: Settings) -> tuple[str | None, str | None]:
    """What our addresses begin with, without a slash at the end; or None and what to set."""
    url = (settings.public_url or "").rstrip("/")
    if not url:
        return None, NO_PUBLIC_URL
    if settings.is_production and not url.startswith("https://"):
        return None, NO_HTTPS
    return url, None

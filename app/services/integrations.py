"""Integrations as drains see them: account, opened credentials, and whether they may be used now."""

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import orjson

from app.connectors.listing import Access
from app.connectors.registry import list_connectors
from app.core.errors import OTHER_ACCOUNT, CredentialsRefusedError, IntegrationGoneError
from app.core.logging import get_logger
from app.core.sealing import TenantKeys
from app.services.keyring import Keyring
from db.integrations import Integration as Row
from db.integrations import find_integration, set_integration_status
from db.pool import Database

CREDENTIALS_PURPOSE = "credentials.v1"
CACHE_TTL_S = 5.0
# A refused credential is tried again this often: a provider's own mistake must not need a person to be mended.
PROBE_INTERVAL_S = 60.0
CACHED_MAX = 50_000

log = get_logger()


class LiveIntegration(NamedTuple):
    """What a call to the provider needs. `credentials`: the connector's declared fields, opened; those of
    `revision`."""

    tenant_id: int
    integration_id: int
    connector: str
    account: str
    environment: str
    credentials: Mapping[str, str]
    status: str
    revision: int = 1
    config: Mapping[str, str] = MappingProxyType({})

    @property
    def access(self) -> Access:
        """What a connector is given."""
        return Access(
            self.account, self.environment, self.credentials, self.config, self.tenant_id, self.integration_id
        )


def seal_credentials(keys: TenantKeys, connector: str, account: str, credentials: Mapping[str, str]) -> bytes:
    """The blob for `tenant_integrations.sealed_credentials`."""
    return keys.seal(CREDENTIALS_PURPOSE, f"{connector}|{account}", orjson.dumps(dict(credentials)))


def open_credentials(keys: TenantKeys, connector: str, account: str, sealed: bytes) -> dict[str, str]:
    """Raises SealingError."""
    opened: dict[str, str] = orjson.loads(keys.open(CREDENTIALS_PURPOSE, f"{connector}|{account}", sealed))
    return opened


class LiveIntegrations:
    """A cache of a few seconds: a change of credentials or status reaches every drain within CACHE_TTL_S."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._cache: dict[tuple[int, int], tuple[float, LiveIntegration]] = {}
        self._probed_at: dict[tuple[int, int], float] = {}

    async def get(self, tenant_id: int, integration_id: int) -> LiveIntegration:
        """Raises CredentialsRefusedError while the integration is paused or its credentials are refused,
        IntegrationGoneError when there is none. While they are refused, one caller a minute gets it all the same, as a
        probe."""
        key = (tenant_id, integration_id)
        cached = self._cache.get(key)
        if cached is None or time.monotonic() >= cached[0]:
            cached = (time.monotonic() + CACHE_TTL_S, await self._load(tenant_id, integration_id))
            if len(self._cache) >= CACHED_MAX:
                self._cache.clear()
            self._cache[key] = cached
        integration = cached[1]
        if integration.status == "active" or (integration.status == "credentials_refused" and self._may_probe(key)):
            return integration
        raise CredentialsRefusedError(f"integration {integration_id} is {integration.status}", status=401)

    async def note_refused(self, integration: LiveIntegration, error: CredentialsRefusedError | None = None) -> None:
        """The provider said 401: the integration waits for good credentials, unless it has others by now. For whoever
        calls a provider: drains, syncs, the watchdog. `error`: what it said."""
        key = (integration.tenant_id, integration.integration_id)
        self._probed_at[key] = time.monotonic()
        reason = explain_refusal(error.told if error is not None else "")
        if integration.status == "active" and await self._set_status(integration, "credentials_refused", reason):
            log.error("integration.credentials_refused", tenant_id=integration.tenant_id,
                      integration_id=integration.integration_id, connector=integration.connector, reason=reason,
                      todo="replace the credentials; its events wait meanwhile")  # fmt: skip

    async def note_accepted(self, integration: LiveIntegration) -> None:
        """A call succeeded: refused credentials are good again."""
        if integration.status == "credentials_refused" and await self._set_status(integration, "active"):
            log.info("integration.credentials_accepted", tenant_id=integration.tenant_id,
                     integration_id=integration.integration_id)  # fmt: skip

    def forget(self, tenant_id: int, integration_id: int) -> None:
        """The next caller is told how it is now."""
        self._cache.pop((tenant_id, integration_id), None)

    def _may_probe(self, key: tuple[int, int]) -> bool:
        now = time.monotonic()
        if now - self._probed_at.get(key, now - PROBE_INTERVAL_S) < PROBE_INTERVAL_S:
            return False
        self._probed_at[key] = now
        return True

    async def _set_status(self, integration: LiveIntegration, status: str, reason: str | None = None) -> bool:
        tenant_id, integration_id = integration.tenant_id, integration.integration_id
        is_refused = status == "credentials_refused"
        async with self._database.tenant_tx(tenant_id, "integration_status") as connection:
            is_changed = await set_integration_status(
                connection,
                tenant_id,
                integration_id,
                "credentials_refused" if is_refused else "active",
                reason=reason,
                seen_in=["active"] if is_refused else ["credentials_refused"],
                revision=integration.revision,
            )
        self.forget(tenant_id, integration_id)
        return is_changed

    async def _load(self, tenant_id: int, integration_id: int) -> LiveIntegration:
        async with self._database.tenant_tx(tenant_id, "integration") as connection:
            row = await find_integration(connection, tenant_id, integration_id)
        if row is None or row.status == "deleted":
            raise IntegrationGoneError
        credentials: dict[str, str] = {}
        if row.sealed_credentials is not None:
            keys = await self._keyring.keys_of(tenant_id)
            credentials = open_credentials(keys, row.connector, row.account, row.sealed_credentials)
        return LiveIntegration(
            tenant_id,
            integration_id,
            row.connector,
            row.account,
            row.environment,
            credentials,
            row.status,
            row.revision,
            write_config(row),
        )


def explain_refusal(told: str) -> str:
    """In a person's words. `told`: the provider's own word, where it said one: then no authorisation is left."""
    if told == OTHER_ACCOUNT:
        return "the credentials are another account's than this integration's: enter those of its own"
    if told:
        return f"reconnect needed ({told}): authorise Acequia again at the provider, and enter the new credentials"
    return "the provider answered 401"


def write_config(row: Row) -> dict[str, str]:
    """The declared configuration: what is kept in columns of its own stands in it too."""
    connector = list_connectors().get(row.connector)
    account = {} if connector is None or row.account.find("/") >= 0 else {connector.account_field: row.account}
    return {**{name: str(value) for name, value in row.config.items()}, **account, "environment": row.environment}

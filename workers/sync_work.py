"""What a step needs to know of the stream that it works on."""

from typing import NamedTuple

from app.connectors.listing import Access, StreamReader
from app.connectors.tools import ReportReader
from app.core.errors import CredentialsRefusedError, MappingError
from app.core.sealing import TenantKeys
from app.services.integrations import LiveIntegration
from app.services.live_tenants import LiveTenant
from db.held_states import StreamPlace
from db.sync_claims import SyncClaim
from db.tenants import find_tenant
from workers.sync_context import SyncContext

RETENTION_DAYS = 2_555  # of a tenant whose settings do not say
KEEPS_WAITING = frozenset({"suspended", "expired"})


class SyncWork(NamedTuple):
    """A claim with everything that is needed to carry it out."""

    claim: SyncClaim
    integration: LiveIntegration
    reader: StreamReader
    access: Access
    keys: TenantKeys
    tenant: LiveTenant
    place: StreamPlace
    retention_days: int


class ReportWork(NamedTuple):
    """The same of a report: nothing of it is sealed, and no limit is on it."""

    claim: SyncClaim
    integration: LiveIntegration
    reader: ReportReader
    access: Access
    retention_days: int


class NotNowError(Exception):
    """Nothing can be done for this stream at the moment; it waits, and nothing of it failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NeverError(Exception):
    """Nothing can ever be done for this stream: it ends."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def open_work(context: SyncContext, claim: SyncClaim) -> SyncWork | ReportWork:
    """Raises NotNowError for a tenant or an integration that is paused, NeverError for one that is gone, and what the
    keyring raises."""
    tenant_id = claim.tenant_id
    async with context.database.tenant_tx(tenant_id, "sync") as connection:
        tenant = await find_tenant(connection, tenant_id)
    if tenant is None or tenant.status not in {"active", *KEEPS_WAITING}:
        raise NeverError("tenant_gone")
    if tenant.status != "active":
        raise NotNowError(f"tenant_{tenant.status}")
    try:
        integration = await context.integrations.get(tenant_id, claim.integration_id)
    except CredentialsRefusedError:
        raise NotNowError("integration_waits") from None
    except MappingError:
        raise NeverError("integration_gone") from None
    retention_days = int(tenant.settings.get("data_retention_days", RETENTION_DAYS))
    if claim.stream == "ad_spend":
        report = context.report_readers.get(integration.connector, {}).get(claim.stream)
        if report is None:
            raise NeverError("stream_unknown")
        return ReportWork(claim, integration, report, integration.access, retention_days)
    reader = context.readers.get(integration.connector, {}).get(claim.stream)
    if reader is None:
        raise NeverError("stream_unknown")
    return SyncWork(
        claim,
        integration,
        reader,
        integration.access,
        await context.keyring.keys_of(tenant_id),
        await context.tenants.get(tenant_id),
        StreamPlace(tenant_id, claim.stream, integration.connector, integration.account),
        retention_days,
    )


def name_run(claim: SyncClaim) -> dict[str, object]:
    """What a log line says of whose run it is."""
    return {"tenant_id": claim.tenant_id, "run_id": claim.run_id, "stream": claim.stream}

"""From an event to what it tells: fetch what a hint points at, open what an inline document carries."""

from datetime import UTC, datetime

from app.connectors.brand import mapping as brand
from app.connectors.vtex import mapping as vtex
from app.connectors.vtex.client import VtexClient
from app.core.errors import MappingError
from app.core.sealing import TenantKeys, inline_info
from app.services.apply import Observation
from app.services.integrations import LiveIntegration
from schemas.events import Event
from schemas.ids import read_uuid7_ms
from schemas.records import CustomerRecord, OrderRecord


class Observer:
    """Knows which connector answers for which source."""

    def __init__(self, vtex_client: VtexClient) -> None:
        self._vtex = vtex_client

    async def fetch(self, integration: LiveIntegration, event: Event, observed_at: datetime) -> Observation:
        """One GET. `observed_at`: the queue server's time before the request leaves. Raises what the client raises,
        and MappingError for a document that cannot become a record."""
        if event.source != "vtex":
            raise MappingError("source", f"no connector fetches from {event.source!r}")
        place = (event.account, integration.environment, integration.credentials)
        record: OrderRecord | CustomerRecord
        if event.kind == "order":
            record = vtex.map_order(await self._vtex.fetch_order(*place, event.object_id))
        else:
            record = vtex.map_customer(
                await self._vtex.fetch_customer(*place, event.object_id, profile_id=event.profile_id)
            )
        return Observation(event.source, event.account, record, vtex.MAPPER_VERSION, observed_at)

    def get_last_answer_at(self, account: str) -> float | None:
        """When this account last answered anything (monotonic seconds), None if never."""
        return self._vtex.get_last_answer_at(account)


def open_inline(keys: TenantKeys, event: Event) -> Observation:
    """The observation of an inline document. Raises SealingError or MappingError."""
    info = inline_info(keys.tenant_id, event.source, event.kind, event.object_id, event.event_id)
    record = brand.map_inline(keys.open_inline(event.sealed or b"", info))
    observed_at = event.signed_at or datetime.fromtimestamp(read_uuid7_ms(event.event_id) / 1000, UTC)
    return Observation(event.source, event.account, record, brand.MAPPER_VERSION, observed_at)

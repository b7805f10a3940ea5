"""From an event to what it tells: fetch what a hint points at, open what an inline document carries."""

from collections.abc import Mapping
from datetime import UTC, datetime

from app.connectors.brand import mapping as brand
from app.connectors.registry import list_connectors
from app.connectors.tools import LiveReader, Tools
from app.core.errors import MappingError
from app.core.sealing import TenantKeys, inline_info
from app.services.apply import Observation
from app.services.integrations import LiveIntegration
from schemas.events import Event
from schemas.ids import read_uuid7_ms


class Observer:
    """`readers`: by connector, which is an event's source."""

    def __init__(self, readers: Mapping[str, LiveReader]) -> None:
        self._readers = readers

    async def fetch(self, integration: LiveIntegration, event: Event, observed_at: datetime) -> Observation:
        """`observed_at`: the queue server's time before the request leaves. Raises what the connector's client raises,
        and MappingError for a document that cannot become a record."""
        reader = self._readers.get(event.source)
        if reader is None:
            raise MappingError("source", f"no connector fetches from {event.source!r}")
        told = await reader.read(integration.access, event, observed_at)
        return Observation(
            event.source, event.account, told.record, reader.mapper_version, observed_at, is_whole=told.is_whole
        )

    def get_last_answer_at(self, source: str, account: str) -> float | None:
        """When this account last answered anything (monotonic seconds), None if never."""
        reader = self._readers.get(source)
        return None if reader is None else reader.get_last_answer_at(account)


def make_observer(tools: Tools) -> Observer:
    """With every connector whose events are fetched."""
    connectors = list_connectors().items()
    return Observer({name: one.make_live_reader(tools) for name, one in connectors if one.make_live_reader is not None})


def open_inline(keys: TenantKeys, event: Event) -> Observation:
    """The observation of an inline document. Raises SealingError or MappingError."""
    info = inline_info(keys.tenant_id, event.source, event.kind, event.object_id, event.event_id)
    record = brand.map_inline(keys.open_inline(event.sealed or b"", info))
    observed_at = event.signed_at or datetime.fromtimestamp(read_uuid7_ms(event.event_id) / 1000, UTC)
    return Observation(event.source, event.account, record, brand.MAPPER_VERSION, observed_at)

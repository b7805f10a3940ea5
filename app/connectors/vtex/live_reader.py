"""What VTEX's orders and customers are fetched with when an event tells of them."""

from datetime import datetime

from app.connectors.listing import Access
from app.connectors.tools import Reading, Tools
from app.connectors.vtex.client import VtexClient
from app.connectors.vtex.mapping import MAPPER_VERSION, map_customer, map_order
from schemas.events import Event


class VtexLiveReader:
    """A LiveReader: one GET an event. The account is the event's own: an integration may take several accounts'."""

    mapper_version = MAPPER_VERSION

    def __init__(self, tools: Tools) -> None:
        self._client = VtexClient(tools.outbound, url_template=tools.settings.vtex_url_template)

    async def read(self, access: Access, event: Event, read_at: datetime) -> Reading:
        del read_at  # each read is a GET of its own
        place = (event.account, access.environment, access.credentials)
        if event.kind == "order":
            return Reading(map_order(await self._client.fetch_order(*place, event.object_id)))
        document = await self._client.fetch_customer(*place, event.object_id, profile_id=event.profile_id)
        return Reading(map_customer(document))

    def get_last_answer_at(self, account: str) -> float | None:
        return self._client.get_last_answer_at(account)

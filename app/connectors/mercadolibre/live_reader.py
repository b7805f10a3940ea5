"""What MercadoLibre's orders are fetched with when a notification points at one, or at its shipment or payment.

A change of an order makes several notifications, under different pointers. Which order a shipment or a payment is of
never changes, so it is remembered; and an order that was asked for after an event was taken from the queue serves that
event too. Nobody signs notifications: what a pointer leads to must be a sale of this seller's, and what is not there
may never have been.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from app.connectors.listing import Access
from app.connectors.mercadolibre.client import MercadoLibreClient, Seller
from app.connectors.mercadolibre.mapping import MAPPER_VERSION, map_order
from app.connectors.mercadolibre.order import is_whole
from app.connectors.mercadolibre.sellers import make_find_seller
from app.connectors.mercadolibre.tokens import PROVIDER
from app.connectors.mercadolibre.webhook import PAYMENT_PREFIX, SHIPMENT_PREFIX
from app.connectors.reading import JsonObject
from app.connectors.tools import Reading, Tools
from app.core.errors import (
    ObjectFailedError,
    ObjectNotFoundError,
    ObjectNotOursError,
    PointerInDoubtError,
    ProviderRefusedError,
)
from app.core.lru import Lru
from schemas.events import Event

ORDERS_KEPT = 500  # read lately, in memory
POINTERS_KEPT = 50_000
_NOT_OURS = frozenset({"not_owned_order", "caller.id.invalid"})


@dataclass(slots=True)
class _Slot:
    """An order's last reading, and when the event was taken from the queue that it was made for."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    read_at: datetime | None = None
    reading: Reading | None = None


class MercadoLibreLiveReader:
    """A LiveReader."""

    mapper_version = MAPPER_VERSION

    def __init__(self, tools: Tools) -> None:
        self._outbound = tools.outbound
        self._client = MercadoLibreClient(tools.outbound, base_url=tools.settings.mercadolibre_url)
        self._find_seller = make_find_seller(tools)
        self._slots: Lru[tuple[int, int, str], _Slot] = Lru(ORDERS_KEPT)
        self._order_of: Lru[tuple[int, int, str], str] = Lru(POINTERS_KEPT)
        self._counted_by: Lru[str, str] = Lru()

    async def read(self, access: Access, event: Event, read_at: datetime) -> Reading:
        seller = self._find_seller(access)
        self._counted_by.put(access.account, seller.application.counted_by)
        try:
            order_id = await self._find_order_id(access, seller, event.object_id)
            return await self._read_once(access, seller, order_id, read_at)
        except ProviderRefusedError as error:
            if error.told in _NOT_OURS:
                raise ObjectNotOursError(str(error), status=error.status, told=error.told) from None
            raise
        except ObjectNotFoundError as error:
            raise PointerInDoubtError(str(error), status=error.status, told=error.told) from None

    def get_last_answer_at(self, account: str) -> float | None:
        counted_by = self._counted_by.get(account)
        return None if counted_by is None else self._outbound.get_last_answer_at(PROVIDER, counted_by)

    async def _find_order_id(self, access: Access, seller: Seller, pointer: str) -> str:
        if pointer.isdecimal():
            return pointer
        place = (access.tenant_id, access.integration_id, pointer)
        known = self._order_of.get(place)
        return known or self._order_of.put(place, await self._client.find_order_id(seller, pointer))

    async def _read_once(self, access: Access, seller: Seller, order_id: str, read_at: datetime) -> Reading:
        place = (access.tenant_id, access.integration_id, order_id)
        slot = self._slots.get(place) or self._slots.put(place, _Slot())
        async with slot.lock:
            if slot.reading is None or slot.read_at is None or slot.read_at < read_at:
                document = await self._client.fetch_order(seller, order_id)
                self._check_seller(access, document)
                self._remember(access, order_id, document)
                slot.reading, slot.read_at = Reading(map_order(document), is_whole(document)), read_at
            return slot.reading

    def _check_seller(self, access: Access, document: object) -> None:
        """Who sells may buy as well, and may read what was bought: that is nobody's sale here."""
        seller_id = JsonObject(document).get_object("seller").find_text("id", chars_max=20)
        if seller_id is None:
            raise ObjectFailedError(f"{PROVIDER} get_order: the answer does not say whose sale it is", status=206)
        if seller_id != access.account:
            raise ObjectNotOursError(f"{PROVIDER} get_order: it is another seller's", status=200)

    def _remember(self, access: Access, order_id: str, document: object) -> None:
        order, place = JsonObject(document), (access.tenant_id, access.integration_id)
        shipment_id = order.get_object("shipping").find_text("id", chars_max=20)
        payment_ids = [one.find_text("id", chars_max=20) for one in order.get_objects("payments")]
        pointers = [f"{SHIPMENT_PREFIX}{shipment_id}"] if shipment_id else []
        for pointer in (*pointers, *(f"{PAYMENT_PREFIX}{one}" for one in payment_ids if one)):
            self._order_of.put((*place, pointer), order_id)

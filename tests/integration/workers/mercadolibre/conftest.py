"""acme and globex sell at MercadoLibre too: a seller each at the sandbox, with an application of its own."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from app.services.integrations import seal_credentials
from app.services.stored_records import find_stored_order
from db import integrations
from schemas.events import Event
from schemas.ids import make_uuid7
from schemas.records import OrderRecord
from tests.integration.sandbox.test_mercadolibre import ORDER, ORDER_ID, WHOLE, Meli
from tests.integration.workers.works import ACME, GLOBEX, Works
from workers.context import DrainContext

MELI = 3  # the integration


@dataclass
class Shop:
    """The works, and each tenant's seller."""

    works: Works
    sellers: Mapping[int, Meli]

    @property
    def meli(self) -> Meli:
        """acme's."""
        return self.sellers[ACME]

    @property
    def addresses(self) -> dict[str, object]:
        return {"mercadolibre_url": f"{self.works.sandbox.url}/mercadolibre", "mercadolibre_index_lag_s": 0}

    def hint(self, object_id: str = ORDER_ID, tenant_id: int = ACME) -> Event:
        """As the receiver makes it of a notification."""
        account = self.sellers[tenant_id].user_id
        return Event(make_uuid7(), "mercadolibre", account, MELI, "hint", "order", "upsert", object_id)

    @asynccontextmanager
    async def worker(self, **settings: object) -> AsyncIterator[DrainContext]:
        async with self.works.worker(**{**self.addresses, **settings}) as context:
            yield context

    async def find_order(self, order_id: str = ORDER_ID, tenant_id: int = ACME) -> OrderRecord | None:
        keys = await self.works.keys_of(tenant_id)
        account = self.sellers[tenant_id].user_id
        return await find_stored_order(self.works.database, keys, "mercadolibre", account, order_id)

    async def get_order(self, order_id: str = ORDER_ID, tenant_id: int = ACME) -> OrderRecord:
        found = await self.find_order(order_id, tenant_id)
        assert found is not None
        return found

    async def find_integration(self, tenant_id: int = ACME) -> integrations.Integration:
        async with self.works.office.tenant_tx(tenant_id, "test") as connection:
            found = await integrations.find_integration(connection, tenant_id, MELI)
        assert found is not None
        return found

    async def count(self, *routes: str) -> dict[str, int]:
        """Calls to the sandbox so far, of whoever."""
        return {route: await self.meli.count(route) for route in routes}


async def connect(works: Works, tenant_id: int, meli: Meli, **config: str) -> None:
    application = meli.application
    credentials = {"client_secret": application.client_secret, "refresh_token": application.seed}
    keys = await works.keys_of(tenant_id)
    async with works.office.tenant_tx(tenant_id, "test") as connection:
        await integrations.insert_integration(
            connection, tenant_id, MELI, connector="mercadolibre", account=meli.user_id,
            config={"client_id": application.client_id, "site_id": "MLA", **config},
            sealed_credentials=seal_credentials(keys, "mercadolibre", meli.user_id, credentials),
        )  # fmt: skip


def make_order(meli: Meli, order_id: str = ORDER_ID, **changes: Any) -> dict[str, Any]:
    """An order of this seller: the whole fixture, with changes at its top level."""
    return {**ORDER, "id": int(order_id), "seller": {"id": int(meli.user_id)}, **changes}


async def stock(meli: Meli, *orders: dict[str, Any], **fields: Any) -> None:
    """The seller has these orders, each with the fixture's shipment under a shipment id of its own."""
    shipments = {}
    for order in orders:
        shipment_id = (order.get("shipping") or {}).get("id")
        if shipment_id is not None:
            shipments[str(shipment_id)] = {**WHOLE["shipment"], "id": shipment_id, "order_id": order["id"]}
    await meli.put(orders={str(order["id"]): order for order in orders}, **{"shipments": shipments, **fields})


@pytest.fixture
async def shop(works: Works) -> AsyncIterator[Shop]:
    """Each seller has the same one order, whole; billing-info may be read."""
    session = works.sandbox.session
    shop = Shop(works, {tenant_id: Meli(works.sandbox.url, session) for tenant_id in (ACME, GLOBEX)})
    for tenant_id, meli in shop.sellers.items():
        await stock(meli, make_order(meli))
        await connect(works, tenant_id, meli, read_billing_info="yes")
    yield shop
    await asyncio.gather(*(meli.outbound.aclose() for meli in shop.sellers.values()))

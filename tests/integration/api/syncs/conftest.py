"""acme and globex with a VTEX integration each, a client of acme's operator, and a syncer played by hand."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from db.integrations import insert_integration
from tests.integration.api.conftest import ACME, GLOBEX, Cast, read
from tests.integration.syncs.conftest import listable
from tests.integration.syncs.driving import HandSyncer

__all__ = ["RUNS", "SYNC", "ask", "client", "listable", "shop", "syncer"]

SYNC, RUNS = f"/tenant-integrations/{ACME}/sync", f"/tenants/{ACME}/sync-runs"


@pytest.fixture
async def shop(cast: Cast, listable: None) -> Cast:
    del listable
    for tenant_id, name in ((ACME, "acme"), (GLOBEX, "globex")):
        async with cast.office.database.tenant_tx(tenant_id, "test") as connection:
            await insert_integration(
                connection, tenant_id, 1, connector="vtex", account=name, sealed_credentials=b"sealed"
            )
            await insert_integration(connection, tenant_id, 2, connector="brand", account=name)
    return cast


@pytest.fixture
async def client(shop: Cast) -> AsyncIterator[httpx.AsyncClient]:
    async with shop.client(ACME, "operator") as opened:
        yield opened


@pytest.fixture
async def syncer(open_database: Callable[..., Any]) -> HandSyncer:
    return HandSyncer(await open_database("syncer"))


async def ask(client: httpx.AsyncClient, **body: Any) -> list[dict[str, Any]]:
    """A sync, one line per integration."""
    lines: list[dict[str, Any]] = read(await client.post(SYNC, json={"integration_types": ["vtex"], **body}), 202)[
        "data"
    ]
    return lines

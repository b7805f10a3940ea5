"""Pages of integrations and syncs with VTEX played by the sandbox, as the API's tests have it; and real syncers."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from html import unescape
from typing import Any

import httpx
import pytest

from app.core.settings import Settings
from tests.integration.api.conftest import ACME, cast, read
from tests.integration.api.integrations.conftest import (
    PATH,
    TOKEN,
    Shop,
    office,
    receiver,
    sandbox,
    sandbox_process,
    shop,
)
from tests.integration.dashboard.conftest import Browse, people
from tests.integration.dashboard.conftest import browse as browse_any
from tests.integration.workers.syncs.conftest import QUICK_SYNCS
from workers.syncer import build_sync_context
from workers.syncs import SyncLoops

__all__ = [
    "ACME", "TOKEN", "Browse", "Shop", "Syncing", "browse_any", "cast", "connect", "office", "people", "read_text",
    "receiver", "sandbox", "sandbox_process", "shop",
]  # fmt: skip

INTEGRATIONS = f"/tenants/{ACME}/integrations"
ONE = f"{INTEGRATIONS}/int_{ACME}_1"
SYNCS = f"/tenants/{ACME}/syncs"
Syncing = Callable[..., AbstractAsyncContextManager[None]]


async def connect(shop: Shop, **fields: Any) -> None:
    """Acme's store, connected over the API."""
    async with shop.cast.client(ACME) as client:
        await shop.create(client, **fields)


async def connect_brand(shop: Shop) -> None:
    """Acme's own systems, connected over the API."""
    async with shop.cast.client(ACME) as client:
        read(await client.post(PATH, json={"tenant_id": ACME, "type": "brand", "account": "erp"}), 201)


def read_text(answer: httpx.Response, status: int = 200) -> str:
    """What a page says, without its marks."""
    assert answer.status_code == status, answer.text[-3000:]
    content = answer.text.partition("<main")[2] or answer.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", content)).split())


@pytest.fixture
def browse(browse_any: Browse) -> Browse:
    """Browsers whose people read English, until they choose otherwise: acme's own language is Spanish."""

    async def open_browser(*args: Any, **kwargs: Any) -> httpx.AsyncClient:
        browser = await browse_any(*args, **kwargs)
        browser.cookies.set("acequia_view", "language=en")
        return browser

    return open_browser


@pytest.fixture
def syncing(make_settings: Callable[..., Settings], sandbox_process: str) -> Syncing:
    """`async with syncing():` a syncer works until the block ends."""

    @asynccontextmanager
    async def work(**settings: object) -> AsyncIterator[None]:
        complete = {**QUICK_SYNCS, "vtex_url_template": f"{sandbox_process}/{{account}}", **settings}
        async with AsyncExitStack() as resources:
            context = await build_sync_context(make_settings("syncer", **complete), resources)
            loops = asyncio.create_task(SyncLoops(context).run())
            try:
                yield
            finally:
                context.stopping.set()
                await asyncio.wait_for(loops, 10)

    return work

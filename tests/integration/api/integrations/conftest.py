"""The API with VTEX played by the sandbox, and a receiver that takes every call.

The sandbox's accounts are fresh for each test; an app key is acme's, globex's or nobody's as the test says.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from app.core.settings import Settings
from app.services.office import Office, open_office
from tests.integration.api.conftest import ACME, Cast, read
from tests.integration.sandbox.conftest import receiver, sandbox, sandbox_process
from tests.integration.sandbox.remote import Receiver, Sandbox

__all__ = ["Shop", "receiver", "sandbox", "sandbox_process"]

PATH = "/tenant-integrations"
APP_KEY, TOKEN = "vtexappkey-acme-ABCDEF", "tok-s3cretcanary"
FOREIGN = {"url": "https://rival.example/hook?key=rivalcanary", "headers": {"X-Rival": "rivalcanary"}}


class Shop:
    """One VTEX account of the sandbox, as acme connects it."""

    def __init__(self, cast: Cast, sandbox: Sandbox, receiver: Receiver) -> None:
        self.cast, self.sandbox, self.receiver = cast, sandbox, receiver
        self.account = sandbox.acme

    @property
    def form(self) -> dict[str, Any]:
        """The document's flat form."""
        return {
            "tenant_id": ACME, "integration_type": "vtex", "account_name": self.account,
            "environment": "vtexcommercestable", "app_key": APP_KEY, "app_token": TOKEN, "auto_sync": True,
            "sync_frequency": "daily",
        }  # fmt: skip

    async def create(self, client: httpx.AsyncClient, **changes: Any) -> Any:
        return read(await client.post(PATH, json={**self.form, **changes}), 201)["data"]

    async def put_key(self, app_key: str = APP_KEY, token: str = TOKEN, **fields: Any) -> None:
        await self.sandbox.put_account(self.account, **{"app_key": app_key, "app_token": token, **fields})

    async def find_hook(self, app_key: str = APP_KEY) -> str | None:
        """The address that VTEX calls for this key."""
        accounts = await self.sandbox.control("GET", "accounts")
        hook: str | None = accounts[self.account]["hooks"].get(app_key)
        return hook

    async def find_secret(self) -> str:
        """The secret that VTEX sends with an order's notification now."""
        self.receiver.calls.clear()
        await self.sandbox.change("order")
        calls = [call for call in self.receiver.calls if call.path.startswith("/webhooks/vtex/")]
        return calls[-1].headers["X-Acequia-Secret"]


def find_urls(sandbox: str) -> dict[str, str]:
    """The settings with which every provider is the sandbox."""
    return {
        "vtex_url_template": f"{sandbox}/{{account}}", "google_ads_url": f"{sandbox}/google",
        "google_oauth_url": f"{sandbox}/google/token", "facebook_url": f"{sandbox}/facebook",
        "mercadolibre_url": f"{sandbox}/mercadolibre",
    }  # fmt: skip


@pytest.fixture
async def office(
    make_settings: Callable[..., Settings], redis: Redis, sandbox_process: str, receiver: Receiver
) -> AsyncIterator[Office]:
    """The web process's pools, with the sandbox for every provider."""
    del redis
    settings = make_settings(
        "web", api_rate_caller_per_s=10_000, api_rate_business_per_s=10_000, public_url=receiver.url,
        **find_urls(sandbox_process), api_provider_calls_per_minute=60_000,
        endpoint_cache_ttl_ms=50,
    )  # fmt: skip
    async with AsyncExitStack() as resources:
        yield await open_office(settings, resources, application_name="test web")


@pytest.fixture
async def shop(cast: Cast, sandbox: Sandbox, receiver: Receiver) -> Shop:
    shop = Shop(cast, sandbox, receiver)
    await shop.put_key()
    receiver.calls.clear()
    return shop

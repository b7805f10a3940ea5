"""Accounts of MercadoLibre, Google Ads and Facebook Ads in the sandbox, as acme enters them."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
import pytest

from tests.integration.api.conftest import ACME, read
from tests.integration.api.integrations.conftest import PATH, Shop
from tests.integration.sandbox.test_facebook_ads import Facebook
from tests.integration.sandbox.test_google_ads import Google
from tests.integration.sandbox.test_mercadolibre import Meli


class Accounts(NamedTuple):
    """One of each, for one test."""

    meli: Meli
    google: Google
    facebook: Facebook

    def fill(self, name: str, **changes: str | None) -> dict[str, str]:
        """The declared fields, rightly filled in but for `changes`."""
        application, google, facebook = self.meli.application, self.google.access, self.facebook.access
        forms: dict[str, dict[str, str | None]] = {
            "mercadolibre": {
                "client_id": application.client_id, "client_secret": application.client_secret, "site_id": "MLA",
                "refresh_token": application.seed,
            },
            "google_ads": {
                "customer_id": google.customer_id, "client_id": google.client_id, "client_secret": google.client_secret,
                "refresh_token": google.refresh_token,
            },
            "facebook_ads": {
                "ad_account_id": facebook.account, "app_id": facebook.app_id, "access_token": facebook.access_token,
                "app_secret": facebook.app_secret,
            },
        }  # fmt: skip
        return {field: value for field, value in (forms[name] | changes).items() if value is not None}


class Entering:
    """acme's administrator at the API. No answer holds what was entered."""

    def __init__(self, shop: Shop, accounts: Accounts) -> None:
        self.cast, self.accounts = shop.cast, accounts

    async def validate(self, name: str, **changes: str | None) -> Any:
        async with self.cast.client(ACME, "operator") as client:
            body = {"config": self.accounts.fill(name, **changes)}
            found = read(await client.post(f"{PATH}/validate/{name}", json=body))["data"]
        assert "canary" not in str(found)
        return found

    async def look(self, name: str, **changes: str | None) -> list[tuple[str, str | None]]:
        """Codes and fields of what a validation finds."""
        found = await self.validate(name, **changes)
        assert found["valid"] == bool(found["streams"])
        return [(one["code"], one["field"]) for one in found["findings"]]

    async def create(self, name: str, status: int = 201, *, tenant_id: int = ACME, **changes: Any) -> Any:
        own: dict[str, Any] = {
            one: changes.pop(one) for one in ("name", "credentials_expire_at", "auto_sync") if one in changes
        }
        config = self.accounts.fill(name, **changes)
        body: dict[str, Any] = {"tenant_id": tenant_id, "type": name, "config": config, **own}
        async with self.cast.client(tenant_id) as client:
            answer = read(await client.post(PATH, json=body), status)
        assert "canary" not in str(answer)
        return answer["data"] if status < 300 else answer

    async def change(self, integration: str, status: int = 200, **config: Any) -> Any:
        async with self.cast.client(ACME) as client:
            answer = read(await client.put(f"{PATH}/{integration}", json={"config": config}), status)
        return answer["data"] if status < 300 else answer

    async def list(self, tenant_id: int = ACME) -> Any:
        async with self.cast.client(tenant_id) as client:
            return read(await client.get(PATH, params={"tenant_id": tenant_id}))["data"]

    async def post(self, integration: str, verb: str) -> Any:
        async with self.cast.client(ACME) as client:
            return read(await client.post(f"{PATH}/{integration}/{verb}"))["data"]


@pytest.fixture
async def accounts(sandbox_process: str) -> AsyncIterator[Accounts]:
    async with aiohttp.ClientSession() as session:
        made = Accounts(
            Meli(sandbox_process, session), Google(sandbox_process, session), Facebook(sandbox_process, session)
        )
        for one in made:
            await one.put()
        yield made
        for one in made:
            await one.outbound.aclose()


@pytest.fixture
def entering(shop: Shop, accounts: Accounts) -> Entering:
    return Entering(shop, accounts)

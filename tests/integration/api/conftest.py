"""The API as a client meets it: the web process's app over real servers, called through HTTP's own forms.

Cast: tenants acme (56) and globex (57), each with a key of every role, and a platform admin.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from app.api.app import build_api
from app.core.settings import Settings
from app.services.api_keys import issue_key
from app.services.api_usage import ApiUsage
from app.services.audit import Actor
from app.services.office import PLATFORM_KEYS_ID, Office, Place, open_office
from app.services.permissions import ROLE_PERMISSIONS, Role
from app.services.setup import set_up_platform
from db.tenants import insert_organization, insert_tenant

ACME, GLOBEX = 56, 57
ORGANIZATIONS = {ACME: 1, GLOBEX: 2}
CLI = Actor("cli", "test")
TENANT_ROLES = tuple(role for role in ROLE_PERMISSIONS if role != "platform_admin")


class Cast:
    """`keys[56, "admin"]` is a key of acme's admin; `keys[0, "platform_admin"]` the platform's."""

    def __init__(self, office: Office, usage: ApiUsage, keys: dict[tuple[int, Role], str]) -> None:
        self.office = office
        self.usage = usage
        self.keys = keys
        self._app = build_api(office, usage)

    def under(self, **settings: object) -> "Cast":
        """The same with other settings."""
        changed = replace(self.office, settings=self.office.settings.model_copy(update=settings))
        return Cast(changed, self.usage, self.keys)

    def client(
        self, tenant_id: int | None = None, role: Role = "admin", at: str = "127.0.0.1", **headers: str
    ) -> httpx.AsyncClient:
        """A client with that key, at that network address; without a tenant id, without a key."""
        key = {} if tenant_id is None else {"Authorization": f"Bearer {self.keys[tenant_id, role]}"}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self._app, client=(at, 50_000)),
            base_url="http://acequia.test/api/v2",
            headers={**key, **headers},
        )


@pytest.fixture
async def office(make_settings: Callable[..., Settings], redis: Redis) -> AsyncIterator[Office]:
    """The web process's pools over this test's databases and the session's Valkey, emptied."""
    del redis
    async with AsyncExitStack() as resources:
        yield await open_office(
            # Nobody answers there: no test calls a real provider. Those that need one start the sandbox.
            make_settings("web", api_rate_caller_per_s=10_000, api_rate_business_per_s=10_000,
                          vtex_url_template="http://127.0.0.1:1/{account}"),
            resources, application_name="test web",
        )  # fmt: skip


@pytest.fixture
async def cast(office: Office) -> Cast:
    """Two brands that have nothing to do with each other, and the platform."""
    first = await set_up_platform(office, actor=CLI)
    assert first is not None
    keys: dict[tuple[int, Role], str] = {(PLATFORM_KEYS_ID, "platform_admin"): first.api_key}
    for tenant_id, name in ((ACME, "acme"), (GLOBEX, "globex")):
        await insert_organization(office.database, ORGANIZATIONS[tenant_id], f"{name} group")
        await insert_tenant(
            office.database, tenant_id, organization_id=ORGANIZATIONS[tenant_id], name=name, slug=name,
            type="business", plan="standard",
        )  # fmt: skip
        await office.keyring.create_tenant_keys(tenant_id)
        for role in TENANT_ROLES:
            issued = await issue_key(office, Place("tenant", tenant_id), name=role, role=role, actor=CLI)
            keys[tenant_id, role] = issued.api_key
    return Cast(office, ApiUsage(office), keys)


def read(answer: httpx.Response, status: int = 200) -> Any:
    """The decoded body of an answer that must have this status."""
    assert answer.status_code == status, answer.text
    return answer.json()

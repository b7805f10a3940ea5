"""The demo's brand with all four integrations: MercadoLibre, Google Ads and Facebook Ads beside its VTEX.

They are made through the API, as a brand makes them, so the first syncs begin by themselves. What exists is kept: a
later start only tells the sandbox who is there, with the credentials and tokens that are held.
"""

from contextlib import AsyncExitStack
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import httpx

from app.connectors.listing import Access
from app.services.endpoints import list_active_endpoints
from app.services.integrations import open_credentials
from app.services.office import Office, open_office
from app.services.token_vault import make_open_vault
from db import integrations as db_integrations
from db.tenants import find_tenant
from scripts.stack.demo_volumes import find_meli_orders
from scripts.stack.source_accounts import CONNECTORS, find_account, make_fields, tell_account, tell_callback

if TYPE_CHECKING:
    from scripts.stack.stack import Stack

TENANT = 56
FREQUENCY = "*/10 * * * *"  # ad spend changes all day: somebody who looks at the demo need not wait for an hour
NOTIFICATION = "meli_notification"
CALL_TIMEOUT_S = 30.0
_LABELS = {"mercadolibre": "MercadoLibre", "google_ads": "Google Ads", "facebook_ads": "Facebook Ads"}


class HeldSource(NamedTuple):
    """`fields`: as they were entered, but with the refresh token that counts now. None: somebody deleted it."""

    integration_id: int
    fields: dict[str, str] | None


async def introduce_sources(stack: "Stack") -> None:
    """Makes what is missing of the three integrations, and tells the sandbox of all."""
    async with (
        AsyncExitStack() as resources,
        httpx.AsyncClient(base_url=stack.sandbox_url, timeout=CALL_TIMEOUT_S, trust_env=False) as sandbox,
    ):
        office = await open_office(stack.settings("operator"), resources, application_name="acequia demo")
        since = await find_creation(office)
        for connector in CONNECTORS:
            held = await find_source(office, connector)
            if held is None:
                fields = make_fields(connector, TENANT)
                await tell(sandbox, stack, connector, fields, since)
                await connect(stack, connector, fields)
            elif held.fields is not None:
                await tell(sandbox, stack, connector, held.fields, since)
        url = await find_notification_url(office, stack.receiver_url)
        if url is not None:
            await tell_callback(sandbox, TENANT, url)


def describe_sources() -> str:
    """For whoever started the demo."""
    names = [f"{_LABELS[connector]} {find_account(connector, TENANT)}" for connector in CONNECTORS]
    return f"tenant {TENANT} has all four: VTEX chelseaio, {', '.join(names)}"


async def tell(
    sandbox: httpx.AsyncClient, stack: "Stack", connector: str, fields: dict[str, str], since: datetime
) -> None:
    orders = find_meli_orders(stack.options.scale)
    await tell_account(sandbox, connector, TENANT, fields, since=since, orders=orders)


async def connect(stack: "Stack", connector: str, fields: dict[str, str]) -> None:
    """As a brand does it. Raises RuntimeError with what the API says, which is no secret."""
    body = {"tenant_id": TENANT, "integration_type": connector, "config": {**fields, "sync_frequency": FREQUENCY}}
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    async with httpx.AsyncClient(base_url=stack.web_url, timeout=CALL_TIMEOUT_S, trust_env=False) as api:
        answer = await api.post("/api/v2/tenant-integrations", json=body, headers=headers)
    if answer.status_code != 201:
        raise RuntimeError(f"{connector} was not connected: {answer.status_code} {answer.text[:300]}")


async def find_source(office: Office, connector: str) -> HeldSource | None:
    """The brand's integration of this type; None when there never was one."""
    async with office.database.tenant_tx(TENANT, "demo") as connection:
        rows = await db_integrations.list_integrations(connection, TENANT)
        found = [row for row in rows if row.connector == connector]
        alive = [row.integration_id for row in found if row.status != "deleted"]
        row = await db_integrations.find_integration(connection, TENANT, alive[0]) if alive else None
    if row is None or row.sealed_credentials is None:
        return HeldSource(found[0].integration_id, None) if found else None
    keys = await office.keyring.keys_of(TENANT)
    credentials = open_credentials(keys, connector, row.account, row.sealed_credentials)
    fields = {name: str(value) for name, value in {**row.config, **credentials}.items()}
    if connector == "mercadolibre":
        fields["refresh_token"] = await find_refresh_token(office, row.integration_id) or fields["refresh_token"]
    return HeldSource(row.integration_id, fields)


async def find_refresh_token(office: Office, integration_id: int) -> str | None:
    """MercadoLibre's changes at every use; None before the first."""
    access = Access("", "", {}, tenant_id=TENANT, integration_id=integration_id)
    tokens = await make_open_vault(office.database, office.keyring, office.settings)(access, "").read()
    return tokens.refresh_token if tokens is not None else None


async def find_notification_url(office: Office, receiver_url: str) -> str | None:
    held = await find_source(office, "mercadolibre")
    if held is None or held.fields is None:
        return None
    keys = await office.keyring.keys_of(TENANT)
    for endpoint in await list_active_endpoints(office.database, office.settings, keys, held.integration_id):
        if endpoint.kind == NOTIFICATION:
            return receiver_url + endpoint.path
    return None


async def find_creation(office: Office) -> datetime:
    async with office.database.tenant_tx(TENANT, "demo") as connection:
        tenant = await find_tenant(connection, TENANT)
    assert tenant is not None, "the demo's tenants are made first"
    return tenant.created_at

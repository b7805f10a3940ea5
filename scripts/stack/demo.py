"""The demo: five tenants with keys, integrations and endpoints, and a sandbox that plays VTEX for them.

What exists is kept: a second start finds its tenants, secrets and rows again and only tells the sandbox, whose memory
is its own, who is there.
"""

import asyncio
import secrets
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import httpx

from app.core.directory import EndpointKind
from app.core.redis import connect_redis
from app.core.settings import Settings
from app.services.endpoints import create_endpoint, publish_directory, reveal_endpoint
from app.services.first_syncs import request_first_sync
from app.services.hooks import ProviderHooks
from app.services.integrations import open_credentials, seal_credentials
from app.services.keyring import Keyring, open_keyring
from app.services.office import open_office
from app.services.vtex_hooks import HookState
from db import endpoints as db_endpoints
from db import integrations as db_integrations
from db import tenants as db_tenants
from db.pool import Database
from scripts.stack.demo_tenants import BRANDS, ENVIRONMENT, ORGANIZATIONS, PLANS, TRIAL_DAYS, DemoBrand
from scripts.stack.demo_volumes import find_stock
from scripts.stack.runfile import DemoEndpoint, DemoTenant

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from scripts.stack.stack import Stack

VTEX, BRAND = 1, 2  # the integration ids of every demo tenant
DEMO_RATE_PER_S = 5
CALL_TIMEOUT_S = 10.0
HOOK_TRIES = 4
STOCKING_TIMEOUT_S = 120.0


class Office(NamedTuple):
    """What it takes to set up a tenant."""

    database: Database
    keyring: Keyring
    redis: "Redis"
    settings: Settings


async def load_demo_tenants(stack: "Stack") -> list[DemoTenant]:
    """Makes what is missing of the five tenants and publishes the endpoint directory. Their endpoints with secrets."""
    settings = stack.settings("operator")
    redis = connect_redis(settings.get_url("redis_url"), socket_timeout_s=5.0)
    keyring = await open_keyring(settings)
    try:
        async with await Database.open(settings, application_name="acequia demo") as database:
            known = {tenant.tenant_id for tenant in await db_tenants.list_tenants(database)}
            for organization_id, name in ORGANIZATIONS.items():
                await db_tenants.insert_organization(database, organization_id, name)
            for brand in BRANDS:
                if brand.tenant_id not in known:
                    await insert_brand(database, brand)
            office = Office(database, keyring, redis, settings)
            tenants = [await load_brand(office, brand, stack.receiver_url) for brand in BRANDS]
            await publish_directory(database, redis, settings)
            return tenants
    finally:
        await redis.aclose()
        await keyring.close()


async def insert_brand(database: Database, brand: DemoBrand) -> None:
    await db_tenants.insert_tenant(
        database,
        brand.tenant_id,
        organization_id=brand.organization_id,
        name=brand.name,
        slug=brand.slug,
        type=brand.type,
        plan=PLANS[brand.type],
        settings=brand.settings,
        priority=brand.priority,
        trial_ends_at=datetime.now(UTC) + timedelta(days=TRIAL_DAYS) if brand.type == "trial" else None,
    )


async def load_brand(office: Office, brand: DemoBrand, receiver_url: str) -> DemoTenant:
    """One tenant's keys, its two integrations and its three endpoints: what is missing of them is made."""
    database, keyring, redis, settings = office
    keys = await keyring.create_tenant_keys(brand.tenant_id)
    async with database.tenant_tx(brand.tenant_id, "demo") as connection:
        rows = await db_integrations.list_integrations(connection, brand.tenant_id)
        known = {row.integration_id for row in rows}
        if VTEX not in known:
            await db_integrations.insert_integration(
                connection,
                brand.tenant_id,
                VTEX,
                connector="vtex",
                account=brand.account,
                environment=ENVIRONMENT,
                sealed_credentials=seal_credentials(keys, "vtex", brand.account, make_credentials(brand)),
            )
        if BRAND not in known:
            await db_integrations.insert_integration(
                connection, brand.tenant_id, BRAND, connector="brand", account=brand.slug
            )
        endpoints = await db_endpoints.list_endpoints(connection, brand.tenant_id)
    found = {row.kind: row.endpoint_id for row in endpoints if row.status == "active"}
    issued = [
        await reveal_endpoint(database, settings, keys, found[kind])
        if kind in found
        else await create_endpoint(
            database, redis, settings, keys, integration_id=integration_id, kind=kind, accounts=[account]
        )
        for kind, integration_id, account in list_endpoint_kinds(brand)
    ]
    return DemoTenant(
        tenant_id=brand.tenant_id,
        name=brand.name,
        endpoints=[
            DemoEndpoint(
                kind=endpoint.kind,
                url=receiver_url + endpoint.path,
                header_name=endpoint.header_name,
                secret=endpoint.secret,
            )
            for endpoint in issued
        ],
    )


def list_endpoint_kinds(brand: DemoBrand) -> list[tuple[EndpointKind, int, str]]:
    """Kind, integration and the account whose calls it takes."""
    return [
        ("order_hook", VTEX, brand.account),
        ("customer_trigger", VTEX, brand.account),
        ("inline", BRAND, brand.slug),
    ]


def make_credentials(brand: DemoBrand) -> dict[str, str]:
    """An app key as VTEX names them, and its token."""
    return {
        "app_key": f"vtexappkey-{brand.account}-{secrets.token_hex(3).upper()}",
        "app_token": secrets.token_urlsafe(48),
    }


async def introduce_to_sandbox(stack: "Stack") -> None:
    """Tells the sandbox of the accounts, and sets each order hook as resuming an integration does."""
    credentials = await read_credentials(stack)
    created_at = await read_creation_times(stack)
    tenants = {tenant["tenant_id"]: tenant for tenant in stack.tenants}
    accounts = {}
    for brand in BRANDS:
        if brand.tenant_id not in credentials:
            continue  # somebody deleted its integration
        endpoints = {endpoint["kind"]: endpoint for endpoint in tenants[brand.tenant_id]["endpoints"]}
        inline = endpoints["inline"]
        accounts[brand.account] = {
            **find_stock(brand.tenant_id, stack.options.scale, created_at[brand.tenant_id]),
            **credentials[brand.tenant_id],
            "trigger_url": endpoints["customer_trigger"]["url"],
            "inline": {"url": inline["url"], "secret": inline["secret"]},
        }
    async with httpx.AsyncClient(base_url=stack.sandbox_url, timeout=STOCKING_TIMEOUT_S) as client:
        check(await client.put("/_sandbox/accounts", json=accounts))
    async with AsyncExitStack() as resources:
        office = await open_office(stack.settings("operator"), resources, application_name="acequia demo")
        states = await asyncio.gather(*(set_hook(office.hooks, tenant_id) for tenant_id in credentials))
        if stack.options.scale:
            await start_first_syncs(office.database, credentials)
    for state in states:
        if state.status == "failed":
            raise RuntimeError(f"The sandbox's hook was not set: {state.note}")


async def set_hook(hooks: ProviderHooks, tenant_id: int) -> HookState:
    """As often as it takes: one of the sandbox's answers in a thousand never comes, as in life."""
    state = await hooks.register(tenant_id, VTEX)
    for _ in range(HOOK_TRIES - 1):
        if state.status != "failed":
            break
        state = await hooks.register(tenant_id, VTEX)
    return state


async def start_first_syncs(database: Database, tenant_ids: Iterable[int]) -> None:
    """What the stores have held from before is fetched, as when an integration is made; once."""
    for tenant_id in tenant_ids:
        async with database.tenant_tx(tenant_id, "demo") as connection:
            integration = await db_integrations.find_integration(connection, tenant_id, VTEX)
            if integration is not None:
                await request_first_sync(connection, integration, "cli:demo")


async def start_traffic(stack: "Stack", rate_per_s: float = DEMO_RATE_PER_S) -> None:
    """Orders, customers and signed documents, with duplicates and late ones among them, until the sandbox stops."""
    mix = {"orders": 0.6, "customers": 0.25, "inline_customers": 0.15}
    async with httpx.AsyncClient(base_url=stack.sandbox_url, timeout=CALL_TIMEOUT_S) as client:
        check(await client.post("/_sandbox/demo", json={"rate": rate_per_s, "mix": mix}))


async def read_creation_times(stack: "Stack") -> dict[int, datetime]:
    """Of every tenant."""
    async with await Database.open(stack.settings("operator"), application_name="acequia demo") as database:
        return {tenant.tenant_id: tenant.created_at for tenant in await db_tenants.list_tenants(database)}


async def read_credentials(stack: "Stack") -> dict[int, dict[str, str]]:
    """Tenant → VTEX credentials, opened with the tenant's key: what the sandbox must accept. Without those whose
    integration was deleted."""
    settings = stack.settings("operator")
    keyring = await open_keyring(settings)
    try:
        async with await Database.open(settings, application_name="acequia demo") as database:
            found = {}
            for brand in BRANDS:
                keys = await keyring.keys_of(brand.tenant_id)
                async with database.tenant_tx(brand.tenant_id, "demo") as connection:
                    row = await db_integrations.find_integration(connection, brand.tenant_id, VTEX)
                if row is None or row.sealed_credentials is None:
                    continue
                found[brand.tenant_id] = open_credentials(keys, "vtex", brand.account, row.sealed_credentials)
            return found
    finally:
        await keyring.close()


def check(answer: httpx.Response) -> None:
    """Raises RuntimeError when the sandbox refuses; its answers hold no secret."""
    if answer.status_code >= 400:
        raise RuntimeError(f"The sandbox answered {answer.status_code}: {answer.text[:300]}")

"""The addresses that an integration's provider calls: made, shown to be copied, with what must be done by hand.

VTEX's Master Data has no interface for setting a trigger: somebody types it in, and these are the words for it.
"""

from typing import cast

import asyncpg

from app.connectors.contract import Connector
from app.connectors.registry import get_connector
from app.core.directory import EndpointKind
from app.services.audit import Actor, write_audit
from app.services.directory import publish_directory
from app.services.endpoints import IssuedEndpoint, add_endpoint, list_active_endpoints
from app.services.hooks import NO_PUBLIC_URL, find_public_url
from app.services.ids import IntegrationId
from app.services.office import Office
from db.endpoints import list_endpoints
from db.integrations import Integration as Row
from db.integrations import lock_integration
from schemas.integrations import ProviderAddress

# Placeholders as Master Data fills them in: no blank inside the braces. No e-mail: it is not needed to find a customer.
TRIGGER_BODY = (
    '{"id": "{!id}", "userId": "{!userId}", "updatedIn": "{!updatedIn}", '
    '"lastInteractionIn": "{!lastInteractionIn}", "accountName": "{!accountName}", "dataEntityId": "{!dataEntityId}"}'
)


async def ensure_endpoints(office: Office, row: Row) -> None:
    """Makes the addresses that the connector declares and the integration lacks. Raises KeystoreUnavailableError,
    QueueUnavailableError."""
    keys = await office.keyring.keys_of(row.tenant_id)
    async with office.database.tenant_tx(row.tenant_id, "ensure_endpoints") as connection:
        if not await _list_missing(connection, row):
            return
        # Of two who do this at once, the second one waits and finds nothing missing.
        await lock_integration(connection, row.tenant_id, row.integration_id)
        for kind in await _list_missing(connection, row):
            await add_endpoint(
                connection, office.settings, keys, integration_id=row.integration_id, kind=kind, accounts=row.accounts
            )
    await publish_directory(office.database, office.queue.redis, office.settings)


async def _list_missing(connection: asyncpg.Connection, row: Row) -> list[EndpointKind]:
    there = {
        endpoint.kind
        for endpoint in await list_endpoints(connection, row.tenant_id)
        if endpoint.integration_id == row.integration_id and endpoint.status == "active"
    }
    declared = (cast("EndpointKind", one.kind) for one in get_connector(row.connector).endpoints)
    return [kind for kind in declared if kind not in there]


async def reveal_addresses(office: Office, row: Row, *, actor: Actor) -> list[ProviderAddress]:
    """To somebody who asked for them; it is audited."""
    async with office.database.tenant_tx(row.tenant_id, "reveal_addresses") as connection:
        await write_audit(
            connection, row.tenant_id, actor, "integration.addresses_shown", "integration",
            str(IntegrationId(row.tenant_id, row.integration_id)),
        )  # fmt: skip
    return await list_addresses(office, row)


async def list_addresses(office: Office, row: Row) -> list[ProviderAddress]:
    keys = await office.keyring.keys_of(row.tenant_id)
    endpoints = await list_active_endpoints(office.database, office.settings, keys, row.integration_id)
    public_url, problem = find_public_url(office.settings)
    connector = get_connector(row.connector)
    return [_show(connector, row, endpoint, public_url, problem) for endpoint in endpoints]


def _show(
    connector: Connector, row: Row, endpoint: IssuedEndpoint, public_url: str | None, problem: str | None
) -> ProviderAddress:
    declared = {one.kind: one for one in connector.endpoints}
    url = None if public_url is None else public_url + endpoint.path
    return ProviderAddress(
        kind=endpoint.kind,
        label=declared[endpoint.kind].label if endpoint.kind in declared else endpoint.kind,
        url=url,
        header_name=endpoint.header_name,
        # The hook's is set by us and is nobody else's to know; documents are signed on the other side.
        secret=endpoint.secret if endpoint.kind == "inline" else None,
        accounts=list(endpoint.accounts),
        steps=[problem or NO_PUBLIC_URL] if url is None else _write_steps(row, endpoint.kind, url),
    )


def _write_steps(row: Row, kind: EndpointKind, url: str) -> list[str]:
    if kind == "order_hook":
        return ["Nothing to do: the hook is set by the app key. This address is for looking, not for pasting."]
    if kind == "inline":
        return [
            "Send each order and customer as a JSON document to this address, with POST.",
            "Sign it as Standard Webhooks says (webhook-id, webhook-timestamp, webhook-signature) with this secret.",
        ]
    leave_blank = "e-mail for error notification, e-mail in test mode, source e-mail and source display name"
    return [
        f"Open https://{row.account}.ds.vtexcrm.com.br (Master Data v1), then Trigger, and add a trigger.",
        "Make three: for a record that is created, one that is changed, one that is deleted. Run as soon as possible.",
        "Data entity: Clients (CL). Status: Active; with Test it sends nothing.",
        f"Leave blank: {leave_blank}. With any of them filled in, the trigger fails without a word.",
        "If positive: Send an HTTP request. Method: POST. Leave the other action empty.",
        f"URL of the first two: {url}",
        f"URL of the one for deletions: {url}?action=deleted",
        f"Content, as JSON: {TRIGGER_BODY}",
        "Save, then change any customer: an event appears within a minute.",
        "A trigger is never sent again: what one missed is repaired by the scheduled sync.",
    ]

"""Integrations made and deleted. What the provider is asked happens between transactions, never inside one.

1. the fields are checked against the connector's declaration; 2. credentials are put to the test at the provider, which
may tell whose account it is, and wrong ones are stored nowhere; 3. row, tokens that the test brought forth, audit and
the request of its first sync in one transaction; 4. addresses made and published, since the provider calls one before
it takes it; 5. the hook. What fails from there on is said in the answer, and mended by resuming.
"""

from collections.abc import Mapping
from datetime import datetime

import asyncpg
from asyncpg.exceptions import UniqueViolationError

from app.connectors.contract import Connector
from app.connectors.tools import Checked
from app.core.errors import ConflictError, InvalidInputError, NotFoundError, ProviderError, QueueUnavailableError
from app.services import integration_reads
from app.services.audit import Actor, write_audit
from app.services.directory import publish_directory
from app.services.entered_tokens import EnteredTokens
from app.services.first_syncs import request_first_sync
from app.services.ids import IntegrationId
from app.services.integration_addresses import ensure_endpoints, list_addresses
from app.services.integration_checks import Examined, examine, refuse_useless, tell_problem
from app.services.integration_forms import (
    CheckedForm,
    check_accounts,
    check_form,
    find_type,
    get_connector,
)
from app.services.integration_reads import NO_INTEGRATION, get_row
from app.services.integration_views import list_notes
from app.services.integrations import seal_credentials
from app.services.office import Office
from app.services.vtex_hooks import HookState
from db import endpoints as db_endpoints
from db import integrations as db_integrations
from db.integration_tokens import TokenPlace, forget_tokens
from db.integrations import NewIntegrationRow, find_integration
from db.sync_runs import cancel_run, list_active_streams
from schemas.integrations import ChangedIntegration, IssuedIntegration, NewIntegration

TAKEN = "This tenant has an integration of this type and account already: change that one."
UNNAMED = "Whose account it is was not told, so nothing was stored."
_NAME_CHARACTERS_MAX = 120


async def create_integration(
    office: Office, tenant_id: int, wanted: NewIntegration, *, actor: Actor
) -> tuple[IssuedIntegration, int]:
    """The integration with its addresses, and its revision. Raises InvalidInputError, ConflictError,
    KeystoreUnavailableError, QueueUnavailableError."""
    connector = get_connector(find_type(wanted))
    form = check_form(connector, wanted)
    check_accounts(connector, form.account, wanted.accepted_accounts)
    await _refuse_taken(office, tenant_id, connector.name, form.account)
    examined = await examine(office, connector, form, wanted, EnteredTokens(office))
    refuse_useless(connector, examined.checked, wanted)
    form = await _name_account(office, tenant_id, connector, form, wanted, examined.checked)
    integration_id = await _insert(office, tenant_id, connector, form, wanted, examined, actor)
    row = await get_row(office, tenant_id, integration_id)
    await ensure_endpoints(office, row)
    state = await office.hooks.register(
        tenant_id, integration_id, replaces_foreign=wanted.replace_foreign_hook, actor=actor
    )
    shown, revision = await integration_reads.get_integration(office, tenant_id, integration_id)
    addresses = await list_addresses(office, row)
    notes = list_notes(state)
    return IssuedIntegration(
        **shown.model_dump(), findings=examined.findings, notes=notes, addresses=addresses
    ), revision


async def delete_integration(
    office: Office, tenant_id: int, integration_id: int, *, actor: Actor
) -> ChangedIntegration:
    """Removes our hook at the provider, ends its addresses and forgets its credentials. A provider that fails stops
    nothing: the answer says what is left to do there. Raises NotFoundError."""
    shown, _ = await integration_reads.get_integration(office, tenant_id, integration_id)
    state, notes = await _take_hook_away(office, tenant_id, integration_id)
    async with office.database.tenant_tx(tenant_id, "delete_integration") as connection:
        if not await db_integrations.delete_integration(
            connection, tenant_id, integration_id, state.status, state.note
        ):
            raise NotFoundError(NO_INTEGRATION)
        for endpoint in await db_endpoints.list_endpoints(connection, tenant_id):
            if endpoint.integration_id == integration_id and endpoint.status == "active":
                await db_endpoints.revoke_endpoint(connection, tenant_id, endpoint.endpoint_id)
        await forget_tokens(connection, TokenPlace(tenant_id, integration_id))
        active = await list_active_streams(connection, tenant_id, integration_id)
        for run_id in sorted({one.run_id for one in active}):
            await cancel_run(connection, tenant_id, run_id)
        await write_audit(connection, tenant_id, actor, "integration.deleted", "integration", shown.id)
    await publish_directory(office.database, office.queue.redis)
    hook = shown.hook.model_copy(update={"status": state.status, "note": state.note})
    told = shown.model_copy(update={"status": "deleted", "hook": hook})
    return ChangedIntegration(**told.model_dump(), notes=notes)


async def _refuse_taken(office: Office, tenant_id: int, connector: str, account: str) -> None:
    """Before anybody is called. The index says so again when the row is written."""
    async with office.database.tenant_tx(tenant_id, "create_integration") as connection:
        rows = await db_integrations.list_integrations(connection, tenant_id)
    if any((row.connector, row.account) == (connector, account) and row.status != "deleted" for row in rows):
        raise ConflictError(TAKEN)


async def _name_account(  # noqa: PLR0917 - what was sent, and what was found
    office: Office, tenant_id: int, connector: Connector, form: CheckedForm, wanted: NewIntegration, checked: Checked
) -> CheckedForm:
    """The form with the account as the provider calls it. Raises InvalidInputError when nobody knows it yet: nothing is
    stored under a stand-in."""
    if form.is_account_known:
        return form
    if checked.account is None:
        raise InvalidInputError(
            *(
                tell_problem(connector, wanted, found, connector.account_field)._replace(
                    detail=f"{found.message} {UNNAMED}"
                )
                for found in checked.findings
            )
        )
    await _refuse_taken(office, tenant_id, connector.name, checked.account)
    return form._replace(account=checked.account, is_account_known=True)


async def _insert(  # noqa: PLR0917 - whose, what, by whom
    office: Office, tenant_id: int, connector: Connector, form: CheckedForm, wanted: NewIntegration,
    examined: Examined, actor: Actor,
) -> int:  # fmt: skip
    accounts = check_accounts(connector, form.account, wanted.accepted_accounts)
    keys = await office.keyring.keys_of(tenant_id)
    sealed = seal_credentials(keys, connector.name, form.account, form.credentials) if form.credentials else None
    name = wanted.name or f"{connector.label} {form.account}"[:_NAME_CHARACTERS_MAX]
    row = NewIntegrationRow(
        connector.name, form.account, form.environment, form.config, sealed, name, accounts, wanted.auto_sync,
        form.sync_frequency, choose_expiry(examined.checked, wanted.credentials_expire_at),
    )  # fmt: skip
    try:
        async with (
            examined.tokens.moving() as move,
            office.database.tenant_tx(tenant_id, "create_integration") as connection,
        ):
            integration_id, count = await db_integrations.lock_new_integration(connection, tenant_id)
            if count >= office.settings.integrations_per_tenant_max:
                raise ConflictError(f"This tenant has {count} integrations, which is as many as a tenant may have.")
            await db_integrations.add_integration(connection, tenant_id, integration_id, row)
            await move(connection, TokenPlace(tenant_id, integration_id), keys)
            await audit_integration(
                connection, tenant_id, integration_id, actor, "integration.created", {"type": connector.name}
            )
            made = await find_integration(connection, tenant_id, integration_id)
            if made is not None:
                await request_first_sync(connection, made, actor.requester)
    except UniqueViolationError:
        raise ConflictError(TAKEN) from None
    return integration_id


def choose_expiry(checked: Checked, said: datetime | None) -> datetime | None:
    """Until when the credentials are valid: what the provider tells, or else what somebody said."""
    return checked.ends_at if checked.is_end_known else said


async def _take_hook_away(office: Office, tenant_id: int, integration_id: int) -> tuple[HookState, list[str]]:
    try:
        state = await office.hooks.remove(tenant_id, integration_id)
    except (ProviderError, QueueUnavailableError):
        note = "The hook could not be removed at the provider, which will be refused from now on: remove it there."
        return HookState("failed", note), [note]
    return state, list_notes(state) if state.status in {"off", "failed"} else []


async def audit_integration(  # noqa: PLR0917 - as write_audit
    connection: asyncpg.Connection, tenant_id: int, integration_id: int, actor: Actor, action: str,
    details: Mapping[str, object],
) -> None:  # fmt: skip
    object_id = str(IntegrationId(tenant_id, integration_id))
    await write_audit(connection, tenant_id, actor, action, "integration", object_id, details)

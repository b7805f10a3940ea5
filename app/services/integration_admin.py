"""Integrations made, changed and deleted. What the provider is asked happens between transactions, never inside one.

1. the fields are checked against the connector's declaration; 2. credentials are put to the test at the provider, and
wrong ones are stored nowhere; 3. row and audit in one transaction; 4. addresses made and published, since the provider
calls one before it takes it; 5. the hook. What fails from there on is said in the answer, and mended by resuming.
"""

from collections.abc import Mapping, Sequence

import asyncpg
from asyncpg.exceptions import UniqueViolationError

from app.connectors.contract import Connector
from app.connectors.registry import get_connector as get_declared
from app.core.errors import ConflictError, NotFoundError, PreconditionFailedError, ProviderError, QueueUnavailableError
from app.services import integration_reads
from app.services.audit import Actor, write_audit
from app.services.directory import publish_directory
from app.services.ids import IntegrationId
from app.services.integration_addresses import ensure_endpoints, list_addresses
from app.services.integration_checks import ask_vtex, check_available, refuse_useless, show_findings
from app.services.integration_forms import (
    CheckedForm,
    check_accounts,
    check_form,
    check_same_account,
    collect_values,
    find_type,
    get_connector,
)
from app.services.integration_reads import NO_INTEGRATION, get_row
from app.services.integrations import open_credentials, seal_credentials
from app.services.office import Office
from app.services.vtex_hooks import HookState
from db import endpoints as db_endpoints
from db import integrations as db_integrations
from db.integrations import Integration as Row
from db.integrations import NewIntegrationRow
from schemas.integrations import ChangedIntegration, Finding, IntegrationChange, IssuedIntegration, NewIntegration

STALE = "The integration was changed meanwhile: read it again, then change it."
TAKEN = "This tenant has an integration of this type and account already: change that one."
_NAME_CHARACTERS_MAX = 120


async def create_integration(
    office: Office, tenant_id: int, wanted: NewIntegration, *, actor: Actor
) -> tuple[IssuedIntegration, int]:
    """The integration with its addresses, and its revision. Raises InvalidInputError, ConflictError,
    NotAvailableError; KeystoreUnavailableError, QueueUnavailableError."""
    connector = get_connector(find_type(wanted))
    form = check_form(connector, wanted)
    accounts = check_accounts(connector, form.account, wanted.accepted_accounts)
    check_available(connector)
    await _refuse_taken(office, tenant_id, connector.name, form.account)
    findings = await _check_credentials(office, connector, form, wanted)
    integration_id = await _insert(office, tenant_id, connector, form, wanted, accounts, actor)
    row = await get_row(office, tenant_id, integration_id)
    await ensure_endpoints(office, row)
    state = await office.hooks.register(
        tenant_id, integration_id, replaces_foreign=wanted.replace_foreign_hook, actor=actor
    )
    shown, revision = await integration_reads.get_integration(office, tenant_id, integration_id)
    addresses = await list_addresses(office, row)
    notes = list_notes(state)
    return IssuedIntegration(**shown.model_dump(), findings=findings, notes=notes, addresses=addresses), revision


async def change_integration(
    office: Office,
    tenant_id: int,
    integration_id: int,
    change: IntegrationChange,
    *,
    actor: Actor,
    revision: int | None,
) -> tuple[ChangedIntegration, int]:
    """What is not named stays. Raises NotFoundError, InvalidInputError, ConflictError for another account, and
    PreconditionFailedError when `revision` is not the present one."""
    row = await get_row(office, tenant_id, integration_id)
    if revision is not None and revision != row.revision:
        raise PreconditionFailedError(STALE)
    connector = get_declared(row.connector)
    held = await _open(office, row)
    form = check_form(_find_needed(connector, change, held), change, _list_held(connector, row, held))
    check_same_account(form, row.account)
    further = row.accepted_accounts if change.accepted_accounts is None else change.accepted_accounts
    accounts = check_accounts(connector, row.account, further)
    findings: list[Finding] = []
    is_new_key = dict(form.credentials) != held
    if form.credentials and (is_new_key or form.environment != row.environment):
        findings = await _check_credentials(office, connector, form, change)
    await _update(office, row, form, change, accounts, actor, is_new_key=is_new_key)
    notes: list[str] = []
    if is_new_key or change.replace_foreign_hook:
        await ensure_endpoints(office, row)
        state = await office.hooks.register(
            tenant_id, integration_id, replaces_foreign=change.replace_foreign_hook, actor=actor
        )
        notes = list_notes(state)
    if held and held.get("app_key") != form.credentials.get("app_key"):
        notes += await _leave_old_key(office, row, held)
    shown, now = await integration_reads.get_integration(office, tenant_id, integration_id)
    return ChangedIntegration(**shown.model_dump(), findings=findings, notes=notes), now


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
        await write_audit(connection, tenant_id, actor, "integration.deleted", "integration", shown.id)
    await publish_directory(office.database, office.queue.redis)
    hook = shown.hook.model_copy(update={"status": state.status, "note": state.note})
    told = shown.model_copy(update={"status": "deleted", "hook": hook})
    return ChangedIntegration(**told.model_dump(), notes=notes)


def list_notes(state: HookState) -> list[str]:
    """What somebody must know of the hook, when not all is well."""
    return [] if state.status in {"registered", "none"} or state.note is None else [state.note]


async def _check_credentials(
    office: Office, connector: Connector, form: CheckedForm, body: NewIntegration | IntegrationChange
) -> list[Finding]:
    if connector.name != "vtex":
        return []
    found = await ask_vtex(office, form)
    refuse_useless(found, body)
    return show_findings(found)


async def _refuse_taken(office: Office, tenant_id: int, connector: str, account: str) -> None:
    """Before anybody is called. The index says so again when the row is written."""
    async with office.database.tenant_tx(tenant_id, "create_integration") as connection:
        rows = await db_integrations.list_integrations(connection, tenant_id)
    if any((row.connector, row.account) == (connector, account) and row.status != "deleted" for row in rows):
        raise ConflictError(TAKEN)


async def _insert(  # noqa: PLR0917 - whose, what, by whom
    office: Office, tenant_id: int, connector: Connector, form: CheckedForm, wanted: NewIntegration,
    accounts: Sequence[str], actor: Actor,
) -> int:  # fmt: skip
    keys = await office.keyring.keys_of(tenant_id)
    sealed = seal_credentials(keys, connector.name, form.account, form.credentials) if form.credentials else None
    name = wanted.name or f"{connector.label} {form.account}"[:_NAME_CHARACTERS_MAX]
    row = NewIntegrationRow(
        connector.name, form.account, form.environment, form.config, sealed, name, accounts, wanted.auto_sync,
        form.sync_frequency,
    )  # fmt: skip
    try:
        async with office.database.tenant_tx(tenant_id, "create_integration") as connection:
            integration_id, count = await db_integrations.lock_new_integration(connection, tenant_id)
            if count >= office.settings.integrations_per_tenant_max:
                raise ConflictError(f"This tenant has {count} integrations, which is as many as a tenant may have.")
            await db_integrations.add_integration(connection, tenant_id, integration_id, row)
            await _audit(connection, tenant_id, integration_id, actor, "integration.created", {"type": connector.name})
    except UniqueViolationError:
        raise ConflictError(TAKEN) from None
    return integration_id


async def _update(  # noqa: PLR0917 - what it was, what it becomes, by whom
    office: Office, row: Row, form: CheckedForm, change: IntegrationChange, accounts: Sequence[str], actor: Actor,
    *, is_new_key: bool,
) -> None:  # fmt: skip
    keys = await office.keyring.keys_of(row.tenant_id)
    changed = row._replace(
        environment=form.environment,
        config=form.config,
        sealed_credentials=seal_credentials(keys, row.connector, row.account, form.credentials)
        if is_new_key
        else row.sealed_credentials,
        name=change.name or row.name,
        accepted_accounts=accounts,
        auto_sync=row.auto_sync if change.auto_sync is None else change.auto_sync,
        sync_frequency=form.sync_frequency,
    )
    names = (change.model_fields_set & set(IntegrationChange.model_fields)) - {"config"}
    fields = sorted(names | set(collect_values(get_declared(row.connector), change)))
    async with office.database.tenant_tx(row.tenant_id, "change_integration") as connection:
        if await db_integrations.change_integration(connection, changed, has_new_credentials=is_new_key) is None:
            raise PreconditionFailedError(STALE)
        for endpoint in await db_endpoints.list_endpoints(connection, row.tenant_id):
            if endpoint.integration_id == row.integration_id and endpoint.accounts != accounts:
                await db_endpoints.set_accounts(connection, row.tenant_id, endpoint.endpoint_id, accounts)
        await _audit(connection, row.tenant_id, row.integration_id, actor, "integration.changed", {"fields": fields})
    if list(row.accounts) != list(accounts):
        await publish_directory(office.database, office.queue.redis)


async def _open(office: Office, row: Row) -> dict[str, str]:
    if row.sealed_credentials is None:
        return {}
    keys = await office.keyring.keys_of(row.tenant_id)
    return open_credentials(keys, row.connector, row.account, row.sealed_credentials)


def _find_needed(connector: Connector, change: IntegrationChange, held: Mapping[str, str]) -> Connector:
    """One that has no credentials needs none for a change that is about something else."""
    names = {field.name for field in connector.credentials}
    is_about_them = not names.isdisjoint(collect_values(connector, change))
    return connector if held or is_about_them else connector._replace(credentials=())


def _list_held(connector: Connector, row: Row, credentials: Mapping[str, str]) -> dict[str, str]:
    """The values there are, by the names of the declaration."""
    columns = {
        connector.account_field: row.account, "environment": row.environment, "sync_frequency": row.sync_frequency,
    }  # fmt: skip
    declared = {field.name for field in (*connector.config, *connector.credentials)}
    held = {**columns, **row.config, **credentials}
    return {name: str(value) for name, value in held.items() if name in declared and value not in {"", None}}


async def _leave_old_key(office: Office, row: Row, credentials: Mapping[str, str]) -> list[str]:
    """The key before may still hold our hook: every event would come twice."""
    try:
        await office.hooks.remove(row.tenant_id, row.integration_id, credentials=credentials)
    except (ProviderError, QueueUnavailableError):
        return ["The hook under the app key before could not be removed: deactivate that key at VTEX."]
    return []


async def _take_hook_away(office: Office, tenant_id: int, integration_id: int) -> tuple[HookState, list[str]]:
    try:
        state = await office.hooks.remove(tenant_id, integration_id)
    except (ProviderError, QueueUnavailableError):
        note = "The hook could not be removed at the provider, which will be refused from now on: remove it there."
        return HookState("failed", note), [note]
    return state, list_notes(state) if state.status in {"off", "failed"} else []


async def _audit(  # noqa: PLR0917 - as write_audit
    connection: asyncpg.Connection, tenant_id: int, integration_id: int, actor: Actor, action: str,
    details: Mapping[str, object],
) -> None:  # fmt: skip
    object_id = str(IntegrationId(tenant_id, integration_id))
    await write_audit(connection, tenant_id, actor, action, "integration", object_id, details)

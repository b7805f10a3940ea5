"""Integrations changed in part. New credentials are put to the test before they take the place of the old ones."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from app.connectors.contract import Connector
from app.connectors.registry import get_connector
from app.connectors.tools import Checked
from app.core.errors import ConflictError, PreconditionFailedError, ProviderError, QueueUnavailableError
from app.services import integration_reads
from app.services.audit import Actor
from app.services.directory import publish_directory
from app.services.entered_tokens import EnteredTokens
from app.services.first_syncs import request_first_sync
from app.services.integration_addresses import ensure_endpoints
from app.services.integration_admin import audit_integration, choose_expiry
from app.services.integration_checks import Examined, examine, refuse_useless
from app.services.integration_forms import (
    ANOTHER_ACCOUNT,
    CheckedForm,
    check_accounts,
    check_form,
    check_same_account,
    collect_values,
)
from app.services.integration_reads import get_row
from app.services.integration_views import list_notes
from app.services.integrations import open_credentials, seal_credentials
from app.services.office import Office
from db import endpoints as db_endpoints
from db import integrations as db_integrations
from db.integration_tokens import TokenPlace, forgive_refusal
from db.integrations import Integration as Row
from schemas.integrations import ChangedIntegration, Finding, IntegrationChange

STALE = "The integration was changed meanwhile: read it again, then change it."
TRIES_MAX = 10  # of a change that others' changes overtake


class _Written(NamedTuple):
    """What a change came from, and what was found. `held`: the credentials before it."""

    row: Row
    held: Mapping[str, str]
    form: CheckedForm
    findings: Sequence[Finding]
    is_new_key: bool


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
    PreconditionFailedError when `revision` is not the present one. Without one the last change wins."""
    tries_left = TRIES_MAX if revision is None else 1
    while True:
        row = await get_row(office, tenant_id, integration_id)
        if revision is not None and revision != row.revision:
            raise PreconditionFailedError(STALE)
        tries_left -= 1
        try:
            written = await _write(office, row, change, actor)
            break
        except PreconditionFailedError:  # somebody else was there first: read again what they left
            if tries_left == 0:
                raise
    notes: list[str] = []
    if written.is_new_key or change.replace_foreign_hook:
        await ensure_endpoints(office, written.row)
        state = await office.hooks.register(
            tenant_id, integration_id, replaces_foreign=change.replace_foreign_hook, actor=actor
        )
        notes = list_notes(state)
    if written.held and written.held.get("app_key") != written.form.credentials.get("app_key"):
        notes += await _leave_old_key(office, written.row, written.held)
    shown, now = await integration_reads.get_integration(office, tenant_id, integration_id)
    return ChangedIntegration(**shown.model_dump(), findings=written.findings, notes=notes), now


async def _write(office: Office, row: Row, change: IntegrationChange, actor: Actor) -> _Written:
    """Raises PreconditionFailedError when the row is not the present one any more."""
    connector = get_connector(row.connector)
    held = await _open(office, row)
    form = check_form(_find_needed(connector, change, held), change, _list_held(connector, row, held))
    check_same_account(form, row.account)
    further = row.accepted_accounts if change.accepted_accounts is None else change.accepted_accounts
    accounts = check_accounts(connector, row.account, further)
    is_new_key = dict(form.credentials) != held or (
        row.status == "credentials_refused" and _is_about_credentials(connector, change)
    )
    examined = Examined(Checked([]), EnteredTokens(office))
    if form.credentials and (is_new_key or form.environment != row.environment or form.config != row.config):
        examined = await _examine(office, connector, row, form, change, is_doubted=dict(form.credentials) != held)
    await _update(office, row, form, change, accounts, actor, examined=examined, is_new_key=is_new_key)
    return _Written(row, held, form, examined.findings, is_new_key)


async def _examine(
    office: Office, connector: Connector, row: Row, form: CheckedForm, change: IntegrationChange, *, is_doubted: bool
) -> Examined:
    """Raises InvalidInputError for what is of no use, ConflictError for credentials of another account."""
    place = TokenPlace(row.tenant_id, row.integration_id)
    tokens = await EnteredTokens.of_integration(office, place, is_doubted=is_doubted)
    examined = await examine(office, connector, form, change, tokens)
    if examined.checked.account not in {None, row.account}:
        raise ConflictError(ANOTHER_ACCOUNT)
    refuse_useless(connector, examined.checked, change)
    return examined


async def _update(  # noqa: PLR0917 - what it was, what it becomes, by whom
    office: Office, row: Row, form: CheckedForm, change: IntegrationChange, accounts: Sequence[str], actor: Actor,
    *, examined: Examined, is_new_key: bool,
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
        credentials_expire_at=choose_expiry(examined.checked, _find_expiry(row, change, is_new_key=is_new_key)),
    )
    names = (change.model_fields_set & set(IntegrationChange.model_fields)) - {"config"}
    fields = sorted(names | set(collect_values(get_connector(row.connector), change)))
    place = TokenPlace(row.tenant_id, row.integration_id)
    async with (
        examined.tokens.moving() as move,
        office.database.tenant_tx(row.tenant_id, "change_integration") as connection,
    ):
        if await db_integrations.change_integration(connection, changed, has_new_credentials=is_new_key) is None:
            raise PreconditionFailedError(STALE)
        if is_new_key:
            await forgive_refusal(connection, place)
        await move(connection, place, keys)
        for endpoint in await db_endpoints.list_endpoints(connection, row.tenant_id):
            if endpoint.integration_id == row.integration_id and endpoint.accounts != accounts:
                await db_endpoints.set_accounts(connection, row.tenant_id, endpoint.endpoint_id, accounts)
        await audit_integration(
            connection, row.tenant_id, row.integration_id, actor, "integration.changed", {"fields": fields}
        )
        if is_new_key or (changed.auto_sync and not row.auto_sync):
            now = await db_integrations.find_integration(connection, row.tenant_id, row.integration_id)
            if now is not None:
                await request_first_sync(connection, now, actor.requester)
    if list(row.accounts) != list(accounts):
        await publish_directory(office.database, office.queue.redis)


def _find_expiry(row: Row, change: IntegrationChange, *, is_new_key: bool) -> datetime | None:
    """What was known of the credentials before says nothing of new ones."""
    is_told = "credentials_expire_at" in change.model_fields_set
    return change.credentials_expire_at if is_told or is_new_key else row.credentials_expire_at


async def _open(office: Office, row: Row) -> dict[str, str]:
    if row.sealed_credentials is None:
        return {}
    keys = await office.keyring.keys_of(row.tenant_id)
    return open_credentials(keys, row.connector, row.account, row.sealed_credentials)


def _find_needed(connector: Connector, change: IntegrationChange, held: Mapping[str, str]) -> Connector:
    """One that has no credentials needs none for a change that is about something else."""
    is_needed = held or _is_about_credentials(connector, change)
    return connector if is_needed else connector._replace(credentials=())


def _is_about_credentials(connector: Connector, change: IntegrationChange) -> bool:
    """Also when they are the ones that are held: whoever sends them again wants them to be tried."""
    return not {field.name for field in connector.credentials}.isdisjoint(collect_values(connector, change))


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

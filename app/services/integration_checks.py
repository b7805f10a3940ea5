"""Credentials put to the test at the provider, and which of the findings stand in the way of storing them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.connectors.contract import Connector
from app.connectors.listing import Access
from app.connectors.registry import list_connectors
from app.connectors.tools import Checked, Found
from app.core.errors import (
    ConflictError,
    FieldProblem,
    InvalidInputError,
    MappingError,
    NotAvailableError,
    NotFoundError,
)
from app.services.audit import Actor, write_audit
from app.services.entered_tokens import EnteredTokens
from app.services.ids import IntegrationId
from app.services.integration_forms import CheckedForm, check_form, find_given_name, point
from app.services.integration_reads import get_row
from app.services.integrations import open_credentials, write_config
from app.services.office import Office
from db.integrations import Integration as Row
from db.integrations import set_integration_status
from schemas.integrations import FieldsBody, Finding, IntegrationFields, Validation


class Examined(NamedTuple):
    """What a check found, and the tokens that it may have brought forth."""

    checked: Checked
    tokens: EnteredTokens

    @property
    def findings(self) -> list[Finding]:
        return show_findings(self.checked.findings)


async def validate_fields(office: Office, name: str, body: IntegrationFields) -> Validation:
    """Really calls the provider; makes no integration. Raises NotFoundError, InvalidInputError, NotAvailableError."""
    connector = list_connectors().get(name)
    if connector is None:
        raise NotFoundError(f"There is no such type of integration; there are: {', '.join(list_connectors())}.")
    form = check_form(connector, body)
    if connector.check is None:
        raise NotAvailableError(f"{connector.label}: there are no credentials to validate.")
    examined = await examine(office, connector, form, body, EnteredTokens(office))
    return _show(name, examined.checked)


async def validate_integration(office: Office, tenant_id: int, integration_id: int, *, actor: Actor) -> Validation:
    """The credentials that are held, tried now. If the provider takes again what it refused, the integration goes on.
    Raises NotFoundError, ConflictError where there is nothing to try."""
    row = await get_row(office, tenant_id, integration_id)
    connector = list_connectors().get(row.connector)
    if connector is None or connector.check is None or row.sealed_credentials is None:
        raise ConflictError("This integration has no credentials to validate.")
    keys = await office.keyring.keys_of(tenant_id)
    credentials = open_credentials(keys, row.connector, row.account, row.sealed_credentials)
    access = Access(row.account, row.environment, credentials, write_config(row), tenant_id, integration_id)
    try:
        checked = await connector.check(office.tools, access)
    except MappingError as error:
        raise ConflictError(f"Nothing can be asked with what is held: {error.field} {error.problem}.") from None
    if row.status == "credentials_refused" and checked.is_taken:
        await _resume(office, row, actor)
    return _show(row.connector, checked)


async def _resume(office: Office, row: Row, actor: Actor) -> None:
    """Unless somebody entered others meanwhile."""
    async with office.database.tenant_tx(row.tenant_id, "integration_status") as connection:
        if await set_integration_status(
            connection, row.tenant_id, row.integration_id, "active", seen_in=["credentials_refused"],
            revision=row.revision,
        ):  # fmt: skip
            object_id = str(IntegrationId(row.tenant_id, row.integration_id))
            await write_audit(connection, row.tenant_id, actor, "integration.resumed", "integration", object_id)


async def examine(
    office: Office, connector: Connector, form: CheckedForm, body: FieldsBody, tokens: EnteredTokens
) -> Examined:
    """What these credentials can do; nothing where there is nobody to ask. Raises InvalidInputError."""
    if connector.check is None:
        return Examined(Checked([]), tokens)
    config: Mapping[str, str] = {**form.config, "environment": form.environment}
    if form.is_account_known:
        config = {**config, connector.account_field: form.account}
    access = Access(form.account, form.environment, form.credentials, config)
    try:
        checked = await connector.check(office.tools._replace(open_vault=tokens.open), access)
    except MappingError as error:
        pointer = point(body, find_given_name(connector, body, error.field))
        raise InvalidInputError(FieldProblem(pointer, error.problem)) from None
    return Examined(checked, tokens)


def refuse_useless(connector: Connector, checked: Checked, body: FieldsBody) -> None:
    """Raises InvalidInputError for credentials that no later try could make good: each error is one of its problems."""
    if checked.is_refused:
        errors = [found for found in checked.findings if found.severity == "error"]
        in_fields = [found for found in errors if found.field is not None]
        raise InvalidInputError(*(tell_problem(connector, body, found, found.field) for found in in_fields or errors))


def tell_problem(connector: Connector, body: FieldsBody, found: Found, field: str | None) -> FieldProblem:
    """A finding as what is wrong with a field; without one, with all of them."""
    pointer = point(body, find_given_name(connector, body, field)) if field is not None else ""
    return FieldProblem(pointer, found.message, found.code, found.permission or found.about)


def _show(name: str, checked: Checked) -> Validation:
    return Validation(
        type=name, valid=checked.is_valid, findings=show_findings(checked.findings), streams=list(checked.streams)
    )


def show_findings(findings: Sequence[Found]) -> list[Finding]:
    return [Finding(**found._asdict()) for found in findings]

"""Credentials put to the test at the provider, and which of the findings stand in the way of storing them."""

from collections.abc import Mapping

from app.connectors.contract import Connector
from app.connectors.registry import list_connectors
from app.connectors.vtex.validation import Validation as VtexValidation
from app.connectors.vtex.validation import validate
from app.core.errors import (
    ConflictError,
    FieldProblem,
    InvalidInputError,
    MappingError,
    NotAvailableError,
    NotFoundError,
)
from app.services.audit import Actor, write_audit
from app.services.ids import IntegrationId
from app.services.integration_forms import CheckedForm, check_form, point
from app.services.integration_reads import get_row
from app.services.integrations import open_credentials
from app.services.office import Office
from db.integrations import Integration as Row
from db.integrations import set_integration_status
from schemas.integrations import FieldsBody, Finding, IntegrationFields, Validation

# After these nobody knows that the credentials are good (again).
_BLOCKING: frozenset[str] = frozenset(
    {"wrong_credentials", "wrong_account", "provider_unavailable", "provider_throttled"}
)
# What no later try of the same credentials could mend: nothing is stored with these.
FIELDS_OF_FINDINGS: Mapping[str, str] = {"wrong_credentials": "app_token", "wrong_account": "account_name"}


async def validate_fields(office: Office, name: str, body: IntegrationFields) -> Validation:
    """Really calls the provider and stores nothing. Raises NotFoundError, InvalidInputError, NotAvailableError."""
    connector = list_connectors().get(name)
    if connector is None:
        raise NotFoundError(f"There is no such type of integration; there are: {', '.join(list_connectors())}.")
    form = check_form(connector, body)
    check_available(connector)
    if connector.name != "vtex":
        raise NotAvailableError(f"{connector.label}: there are no credentials to validate.")
    found = await ask_vtex(office, form)
    return _show(name, found)


async def validate_integration(office: Office, tenant_id: int, integration_id: int, *, actor: Actor) -> Validation:
    """The credentials that are held, tried now. If the provider takes again what it refused, the integration goes on.
    Raises NotFoundError, ConflictError where there is nothing to try."""
    row = await get_row(office, tenant_id, integration_id)
    if row.connector != "vtex" or row.sealed_credentials is None:
        raise ConflictError("This integration has no credentials to validate.")
    keys = await office.keyring.keys_of(tenant_id)
    credentials = open_credentials(keys, row.connector, row.account, row.sealed_credentials)
    found = await validate(office.vtex, row.account, row.environment, credentials)
    if row.status == "credentials_refused" and not _BLOCKING.intersection(one.code for one in found.findings):
        await _resume(office, row, actor)
    return _show(row.connector, found)


async def _resume(office: Office, row: Row, actor: Actor) -> None:
    """Unless somebody entered others meanwhile."""
    async with office.database.tenant_tx(row.tenant_id, "integration_status") as connection:
        if await set_integration_status(
            connection, row.tenant_id, row.integration_id, "active", seen_in=["credentials_refused"],
            revision=row.revision,
        ):  # fmt: skip
            object_id = str(IntegrationId(row.tenant_id, row.integration_id))
            await write_audit(connection, row.tenant_id, actor, "integration.resumed", "integration", object_id)


def check_available(connector: Connector) -> None:
    """Raises NotAvailableError for a connector whose fields are declared and that calls nobody yet."""
    if not connector.is_available:
        raise NotAvailableError(f"{connector.label} is not available yet. Its fields are right; nothing was stored.")


async def check_credentials(office: Office, connector: Connector, form: CheckedForm, body: FieldsBody) -> list[Finding]:
    """What the provider says of them. Raises InvalidInputError for credentials that are of no use."""
    if connector.name != "vtex":
        return []
    found = await ask_vtex(office, form)
    refuse_useless(found, body)
    return show_findings(found)


async def ask_vtex(office: Office, form: CheckedForm) -> VtexValidation:
    """What these credentials can do. Raises InvalidInputError."""
    try:
        return await validate(office.vtex, form.account, form.environment, form.credentials)
    except MappingError as error:
        raise InvalidInputError(FieldProblem(f"/{error.field}", error.problem)) from None


def refuse_useless(found: VtexValidation, body: FieldsBody) -> None:
    """Raises InvalidInputError for credentials that are wrong, or that may read no orders: each finding is one of its
    errors. A provider that is down, and a permission that is only useful, stand in nobody's way."""
    blocking = [
        finding
        for finding in found.findings
        if finding.code in FIELDS_OF_FINDINGS
        or (finding.code == "missing_permission" and "orders" not in found.streams)
    ]
    if blocking:
        raise InvalidInputError(
            *(
                FieldProblem(
                    point(body, FIELDS_OF_FINDINGS.get(one.code, "app_key")), one.message, one.code, one.permission
                )
                for one in blocking
            )
        )


def _show(name: str, found: VtexValidation) -> Validation:
    return Validation(type=name, valid=found.is_valid, findings=show_findings(found), streams=list(found.streams))


def show_findings(found: VtexValidation) -> list[Finding]:
    return [Finding(**finding._asdict()) for finding in found.findings]

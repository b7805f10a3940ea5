"""Objects put into the queue by hand: the same pointers that webhooks leave, each followed by its event id."""

from app.connectors.reading import check_identifier
from app.connectors.registry import list_connectors
from app.core.errors import ConflictError, FieldProblem, InvalidInputError, MappingError, NotFoundError, QueueFullError
from app.core.queue_records import AheadClass, AppendBatch, NewEntry, make_confirm
from app.core.sealing import TenantKeys
from app.services.audit import Actor, write_audit
from app.services.event_ids import make_own_event_id
from app.services.ids import IntegrationId
from app.services.office import Office
from db.integrations import Integration, find_integration
from db.tenants import Tenant
from schemas.events import Event, EventKind, encode_event
from schemas.ledger import NewPointers, Pointer
from schemas.records import RecordStream

FULL_RETRY_S = 30.0
KINDS: dict[RecordStream, EventKind] = {"orders": "order", "customers": "customer"}
_AHEAD: dict[str, AheadClass] = {"high": "high", "normal": "normal", "low": "low"}


async def enqueue_pointers(
    office: Office, tenant: Tenant, integration_id: int, pointers: NewPointers, *, actor: Actor
) -> list[Pointer]:
    """Appends one event per object, durably, and says under which ids. Repeated ids are one object.

    Raises NotFoundError, ConflictError when nothing is fetched for this tenant or integration now, InvalidInputError,
    QueueFullError, DurabilityError, QueueUnavailableError, KeystoreUnavailableError.
    """
    external_ids = _check_external_ids(pointers.external_ids)
    if tenant.status != "active":
        raise ConflictError(f"The tenant is {tenant.status}: nothing is fetched for it until it is active again.")
    async with office.database.tenant_tx(tenant.tenant_id, "enqueue") as connection:
        integration = await find_integration(connection, tenant.tenant_id, integration_id)
        if integration is None:
            raise NotFoundError("There is no such integration, or none that you may see.")
        _check_fetchable(integration, pointers.stream)
        account = _choose_account(integration, pointers.account)
        # Before the append, which no transaction holds: what is done is told, if need be of an append that failed.
        name, told = str(IntegrationId(tenant.tenant_id, integration_id)), pointers.stream
        details = {"stream": told, "objects": len(external_ids), "priority": pointers.priority}
        await write_audit(connection, tenant.tenant_id, actor, "objects.enqueued", "integration", name, details)
    keys = await office.keyring.keys_of(tenant.tenant_id)
    events = [_make_event(keys, integration, account, pointers.stream, one) for one in external_ids]
    ahead = _AHEAD.get(pointers.priority or tenant.priority, "normal")
    batch = AppendBatch(tenant.tenant_id, ahead, [NewEntry(event.event_id, encode_event(event)) for event in events])
    if await office.queue.append([batch], confirm=make_confirm(office.settings)) == ["full"]:
        raise QueueFullError("As many events of this tenant wait as may: try again later.", FULL_RETRY_S)
    return [Pointer.model_validate({"external_id": event.object_id, "event_id": event.event_id}) for event in events]


def _check_external_ids(external_ids: list[str]) -> list[str]:
    problems = []
    for place, external_id in enumerate(external_ids):
        try:
            check_identifier(external_id, str(place))
        except MappingError as error:
            problems.append(FieldProblem(f"/external_ids/{place}", error.problem))
    if problems:
        raise InvalidInputError(*problems)
    return list(dict.fromkeys(external_ids))


def _check_fetchable(integration: Integration, stream: RecordStream) -> None:
    """A connector whose calls carry documents has nothing to be fetched from."""
    if integration.status in {"paused", "deleted"}:
        raise ConflictError(f"The integration is {integration.status}: nothing is fetched for it.")
    connector = list_connectors().get(integration.connector)
    if connector is None or stream not in {endpoint.stream for endpoint in connector.endpoints}:
        raise InvalidInputError(FieldProblem("/stream", f"is nothing that {integration.connector} lets us fetch"))


def _choose_account(integration: Integration, wanted: str | None) -> str:
    if wanted is not None and wanted not in integration.accounts:
        raise InvalidInputError(FieldProblem("/account", "is none that the integration accepts"))
    return wanted or integration.account


def _make_event(
    keys: TenantKeys, integration: Integration, account: str, stream: RecordStream, external_id: str
) -> Event:
    return Event(
        make_own_event_id(keys), integration.connector, account, integration.integration_id, "hint", KINDS[stream],
        "upsert", external_id,
    )  # fmt: skip

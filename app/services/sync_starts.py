"""Syncs asked for by hand: one line per integration, which says what will happen."""

from datetime import UTC, datetime

from app.connectors.registry import list_connectors
from app.core.errors import ConflictError, FieldProblem, InvalidInputError, NotFoundError
from app.services.audit import Actor, write_audit
from app.services.ids import IntegrationId, read_integration_id
from app.services.integration_reads import NO_INTEGRATION
from app.services.office import Office
from app.services.sync_requests import Requested, SyncRequest, list_syncable_streams, request_sync
from db.integrations import Integration, list_integrations
from db.tenants import Tenant
from schemas.syncs import SyncLine, SyncWanted


async def start_syncs(office: Office, tenant: Tenant, wanted: SyncWanted, *, actor: Actor) -> list[SyncLine]:
    """Asks for a sync of each integration meant, in one transaction, audited. Raises InvalidInputError for a type that
    there is none of, a stream that one of them does not list and days of anything but a repair; NotFoundError for
    another tenant's integration; ConflictError when as many runs wait as may."""
    _check(wanted)
    request = SyncRequest(
        wanted.sync_type, "manual", actor.requester, wanted.priority,
        None if wanted.streams is None else tuple(dict.fromkeys(wanted.streams)), wanted.since, wanted.until,
    )  # fmt: skip
    async with office.database.tenant_tx(tenant.tenant_id, "start_syncs") as connection:
        rows = [row for row in await list_integrations(connection, tenant.tenant_id) if row.status != "deleted"]
        lines = []
        for name, row in _choose(tenant, rows, wanted):
            if row is None:
                lines.append(_show(name, None, Requested("not_configured", note=f"there is no integration of {name}")))
                continue
            _check_streams(row, request)
            done = Requested("paused", note=f"the tenant is {tenant.status}")
            if tenant.status == "active":
                done = await request_sync(connection, row, request)
                if len(done.behind) > office.settings.sync_waiting_max:
                    raise ConflictError(f"{len(done.behind)} runs of {name} wait: let some end, or cancel them.")
            if done.run_id is not None:
                integration = str(IntegrationId(row.tenant_id, row.integration_id))
                told = {"integration": integration, "kind": request.kind, "priority": request.priority}
                await write_audit(
                    connection, tenant.tenant_id, actor, f"sync.{done.outcome}", "sync_run", done.run_id, told
                )
            lines.append(_show(name, row, done))
    return lines


def _check(wanted: SyncWanted) -> None:
    problems = []
    if wanted.integration_types and wanted.integration_id:
        problems.append(FieldProblem("/integration_id", "stands for itself: leave `integration_types` out"))
    unknown = f"is no type of integration: there are {', '.join(list_connectors())}"
    problems += [
        FieldProblem(f"/integration_types/{place}", unknown)
        for place, name in enumerate(wanted.integration_types or ())
        if name not in list_connectors()
    ]
    for member in ("since", "until"):
        if getattr(wanted, member) is not None and wanted.sync_type != "repair":
            problems.append(FieldProblem(f"/{member}", "is for a repair: the other kinds know what they must list"))
    if wanted.since and wanted.since > datetime.now(UTC):
        problems.append(FieldProblem("/since", "lies in the future: nothing was created then"))
    elif wanted.since and wanted.until and wanted.since >= wanted.until:
        problems.append(FieldProblem("/until", "is not later than `since`"))
    if problems:
        raise InvalidInputError(*problems)


def _choose(tenant: Tenant, rows: list[Integration], wanted: SyncWanted) -> list[tuple[str, Integration | None]]:
    """Type and integration, in order of their ids; None: there is none of that type."""
    if wanted.integration_id is not None:
        found = read_integration_id(wanted.integration_id)
        meant = [row for row in rows if (tenant.tenant_id, row.integration_id) == found]
        if not meant:
            raise NotFoundError(NO_INTEGRATION)
        return [(row.connector, row) for row in meant]
    if wanted.integration_types is None:
        return [(row.connector, row) for row in rows]
    names = list(dict.fromkeys(wanted.integration_types))
    present = {row.connector for row in rows}
    chosen: list[tuple[str, Integration | None]] = [(row.connector, row) for row in rows if row.connector in names]
    return [*chosen, *((name, None) for name in names if name not in present)]


def _check_streams(row: Integration, request: SyncRequest) -> None:
    listable = list_syncable_streams(row.connector)
    unknown = set(request.streams or ()) - set(listable)
    if listable and unknown:
        told = f"{row.connector} lists no {', '.join(sorted(unknown))}"
        raise InvalidInputError(FieldProblem("/streams", told))


def _show(name: str, row: Integration | None, done: Requested) -> SyncLine:
    return SyncLine.model_validate(
        {
            "type": name,
            "integration_id": None if row is None else str(IntegrationId(row.tenant_id, row.integration_id)),
            "outcome": done.outcome,
            "run_id": done.run_id,
            "behind": list(done.behind),
            "note": done.note,
        }
    )

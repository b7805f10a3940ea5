"""Replays and discards of many dead letters: estimated, started, followed, cancelled.

An operation is a row; a worker works it off in steps (bulk_steps.py). What it takes is fixed when it is started.
"""

from typing import NamedTuple
from uuid import UUID

import asyncpg

from app.core.errors import ConflictError, FieldProblem, InvalidInputError, NotFoundError
from app.services.audit import Actor, write_audit
from app.services.ids import IntegrationId, read_integration_id
from app.services.office import Office
from app.services.paging import read_cursor, write_cursor
from db import bulk_operations as db_bulk
from db.bulk_operations import NEWEST, BulkRow, NewBulk
from db.dead_groups import Choice, Measure, generalise_field, measure_letters
from db.tenants import Tenant
from schemas.api import Page
from schemas.bulk import BulkEstimate, BulkOperation, LetterFilter, NewBulkOperation

NO_OPERATION = "There is no such operation."
OBJECT_KIND = "bulk_operation"


class _Place(NamedTuple):
    before: UUID


async def estimate_bulk(office: Office, tenant_id: int, wanted: LetterFilter) -> BulkEstimate:
    """How many letters an operation with this filter would take now. Raises InvalidInputError, NotFoundError for
    another tenant's integration."""
    choice = _read_filter(tenant_id, wanted)
    async with office.database.tenant_tx(tenant_id, "estimate_bulk") as connection:
        measure, is_at_least = await _measure(office, connection, tenant_id, choice)
    return BulkEstimate(
        letters=measure.letters, is_at_least=is_at_least, first_at=measure.first_at, last_at=measure.last_at
    )


async def start_bulk(office: Office, tenant: Tenant, wanted: NewBulkOperation, *, actor: Actor) -> BulkOperation:
    """Starts it; a worker begins within BULK_POLL_S. Raises ConflictError when nothing waits that is so, when
    BULK_OPERATIONS_MAX go on, and for a replay when the tenant is not active; and as `estimate_bulk`."""
    if wanted.action == "replay" and tenant.status != "active":
        raise ConflictError(f"The tenant is {tenant.status}: nothing is replayed for it until it is active again.")
    tenant_id, choice = tenant.tenant_id, _read_filter(tenant.tenant_id, wanted.filter)
    async with office.database.tenant_tx(tenant_id, "start_bulk") as connection:
        await db_bulk.lock_bulk(connection, tenant_id)
        operations_max = office.settings.bulk_operations_max
        if await db_bulk.count_running(connection, tenant_id) >= operations_max:
            raise ConflictError(f"{operations_max} operations of this tenant go on: wait for one, or cancel it.")
        measure, is_at_least = await _measure(office, connection, tenant_id, choice)
        if not measure.letters:
            raise ConflictError("No dead letter waits that is so: there is nothing to do.")
        new = NewBulk(wanted.action, choice, measure.letters, is_at_least)
        operation_id = await db_bulk.insert_operation(connection, tenant_id, new, (*actor,))
        details = {"letters": measure.letters, "filter": _tell_filter(wanted.filter)}
        await write_audit(
            connection,
            tenant_id,
            actor,
            f"dead_letters.{wanted.action}_started",
            OBJECT_KIND,
            str(operation_id),
            details,
        )
        return await _read(connection, tenant_id, operation_id)


async def list_bulk(office: Office, tenant_id: int, *, limit: int, cursor: str | None = None) -> Page[BulkOperation]:
    """Newest first. Raises InvalidInputError for a cursor that is none."""
    before = read_cursor(cursor, _Place).before if cursor else NEWEST
    async with office.database.tenant_tx(tenant_id, "list_bulk") as connection:
        rows = await db_bulk.list_operations(connection, tenant_id, before=before, limit=limit + 1)
    more = write_cursor(_Place(rows[limit - 1].operation_id)) if len(rows) > limit else None
    return Page(data=[_show(tenant_id, row) for row in rows[:limit]], next_cursor=more)


async def get_bulk(office: Office, tenant_id: int, operation_id: UUID) -> BulkOperation:
    """Raises NotFoundError."""
    async with office.database.tenant_tx(tenant_id, "get_bulk") as connection:
        return await _read(connection, tenant_id, operation_id)


async def cancel_bulk(office: Office, tenant_id: int, operation_id: UUID, *, actor: Actor) -> BulkOperation:
    """It stops within a step; what it did stays. Raises NotFoundError, ConflictError when it has ended."""
    async with office.database.tenant_tx(tenant_id, "cancel_bulk") as connection:
        await _read(connection, tenant_id, operation_id)
        if not await db_bulk.cancel_operation(connection, tenant_id, operation_id):
            raise ConflictError("This operation has ended already.")
        await write_audit(connection, tenant_id, actor, "dead_letters.bulk_cancelled", OBJECT_KIND, str(operation_id))
        return await _read(connection, tenant_id, operation_id)


async def _measure(
    office: Office, connection: asyncpg.Connection, tenant_id: int, choice: Choice
) -> tuple[Measure, bool]:
    counted_max = office.settings.bulk_counted_max
    measure = await measure_letters(connection, tenant_id, choice, counted_max + 1)
    return measure._replace(letters=min(measure.letters, counted_max)), measure.letters > counted_max


def _read_filter(tenant_id: int, wanted: LetterFilter) -> Choice:
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise InvalidInputError(FieldProblem("/filter/until", "does not lie behind `since`"))
    integration_id = None
    if wanted.integration_id is not None:
        found = read_integration_id(wanted.integration_id)
        if found.tenant_id != tenant_id:
            raise NotFoundError("There is no such integration, or none that you may see.")
        integration_id = found.integration_id
    field = None if wanted.field is None else generalise_field(wanted.field)
    return Choice(integration_id, wanted.reason, wanted.kind, field, wanted.since, wanted.until, wanted.event_ids)


def _tell_filter(wanted: LetterFilter) -> dict[str, object]:
    """For the audit log: of chosen letters, how many."""
    told: dict[str, object] = wanted.model_dump(mode="json", exclude_none=True)
    return told if wanted.event_ids is None else told | {"event_ids": len(wanted.event_ids)}


async def _read(connection: asyncpg.Connection, tenant_id: int, operation_id: UUID) -> BulkOperation:
    row = await db_bulk.find_operation(connection, tenant_id, operation_id)
    if row is None:
        raise NotFoundError(NO_OPERATION)
    return _show(tenant_id, row)


def _show(tenant_id: int, row: BulkRow) -> BulkOperation:
    choice = row.choice
    told = choice._asdict()
    if choice.integration_id is not None:
        told["integration_id"] = str(IntegrationId(tenant_id, choice.integration_id))
    return BulkOperation(
        operation_id=row.operation_id, action=row.action, filter=LetterFilter.model_validate(told), state=row.status,
        waits_for=row.waits_for, total=row.estimated, is_at_least=row.is_at_least, done=row.done, failed=row.failed,
        failures=dict(row.failures), requested_by=f"{row.actor_kind}:{row.actor_id}", created_at=row.created_at,
        cancelled_at=row.cancelled_at, ended_at=row.ended_at,
    )  # fmt: skip

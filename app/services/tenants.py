"""Tenants: listed, shown, created, and what of them is no setting changed. Answers are forms of schemas.tenants."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple, cast

import asyncpg
from asyncpg.exceptions import UniqueViolationError
from pydantic import Field

from app.core.errors import ConflictError, FieldProblem, InvalidInputError, NotFoundError, PreconditionFailedError
from app.services.audit import Actor, write_audit
from app.services.features import list_features
from app.services.ids import IntegrationId
from app.services.office import Office
from app.services.paging import read_cursor, write_cursor
from app.services.permissions import Principal
from app.services.tenant_limits import find_type
from app.services.tenant_settings import cut_limits, describe_limits, list_changed_limits, merge_settings, show_settings
from db import tenants as db_tenants
from db.counters import list_counters
from db.tenants import IntegrationLine, TenantWithCount
from schemas.api import TENANT_ID_MAX, Page
from schemas.tenants import (
    IntegrationSummary,
    NewTenant,
    Tenant,
    TenantChange,
    TenantsQuery,
    TenantStatus,
    TenantSummary,
    TenantType,
)

TRIAL_DAYS = 30
STALE = "The tenant was changed meanwhile: read it again, then change it."


class _Place(NamedTuple):
    after: Annotated[int, Field(ge=0, le=TENANT_ID_MAX)]


async def list_visible_tenants(
    office: Office, principal: Principal, query: TenantsQuery, limit: int
) -> Page[TenantSummary]:
    """Those that the caller may see, by id; erased ones only for a platform admin who asks for them. Raises
    InvalidInputError for a cursor that is none."""
    after = read_cursor(query.cursor, _Place).after if query.cursor else 0
    async with office.database.platform_tx("list_tenants") as connection:
        rows = await db_tenants.list_tenant_page(
            connection, after=after, visible=_find_visible(principal), organization_id=query.organization_id,
            status=query.status, shows_deleted=query.status == "deleted" and principal.is_platform_admin,
            limit=limit + 1,
        )  # fmt: skip
        shown = rows[:limit]
        lines = await db_tenants.list_integration_lines(connection, [row.tenant.tenant_id for row in shown])
    by_tenant: dict[int, list[IntegrationLine]] = {}
    for line in lines:
        by_tenant.setdefault(line.tenant_id, []).append(line)
    data = [_summarise(row, by_tenant.get(row.tenant.tenant_id, ())) for row in shown]
    more = write_cursor(_Place(shown[-1].tenant.tenant_id)) if len(rows) > limit else None
    return Page(data=data, next_cursor=more)


async def get_tenant(office: Office, tenant_id: int) -> tuple[Tenant, int]:
    """A tenant and its revision. Raises NotFoundError."""
    async with office.database.platform_tx("get_tenant") as connection:
        rows = await db_tenants.list_tenant_page(
            connection, after=tenant_id - 1, visible=((tenant_id,), ()), organization_id=None, status=None,
            shows_deleted=True, limit=1,
        )  # fmt: skip
        lines = await db_tenants.list_integration_lines(connection, [tenant_id])
    if not rows:
        raise NotFoundError("There is no such tenant, or none that you may see.")
    async with office.database.tenant_tx(tenant_id, "get_tenant") as connection:
        counters = await list_counters(connection, tenant_id)
    [row] = rows
    tenant = row.tenant
    features = list_features(tenant.settings)
    shown = Tenant(
        **_summarise(row, lines).model_dump(),
        settings=show_settings(tenant),
        features={feature.name: feature.is_enabled for feature in features},
        feature_notes={
            feature.name: (f"gates: {feature.gates}" if feature.gates else "gates nothing yet")
            if feature.is_known
            else "not known here: kept, and without effect"
            for feature in features
        },
        limits=describe_limits(tenant, counters),
        customers_waiting=counters.get("customers_waiting", 0),
        status_reason=tenant.status_reason,
        trial_ends_at=tenant.trial_ends_at,
        delete_after=tenant.delete_after,
        created_at=tenant.created_at,
    )
    return shown, tenant.revision


async def create_tenant(office: Office, wanted: NewTenant, *, actor: Actor) -> tuple[Tenant, int]:
    """A tenant with its keys. Raises ConflictError for a slug that is taken, InvalidInputError for an organization
    that is not there, KeystoreUnavailableError."""
    settings, worker_group = merge_settings({}, wanted.settings, wanted.type, is_platform=True)
    try:
        async with office.database.platform_tx("create_tenant") as connection:
            await db_tenants.lock_new_ids(connection)
            await _require_organization(connection, wanted.organization_id)
            tenant_id = await db_tenants.next_tenant_id(connection)
            await db_tenants.add_tenant(
                connection, tenant_id, organization_id=wanted.organization_id, name=wanted.name, slug=wanted.slug,
                type=wanted.type, plan=wanted.plan, settings=settings, worker_group=worker_group or "shared",
                priority=find_type(wanted.type).processing_priority, trial_ends_at=find_trial_end(wanted.type),
            )  # fmt: skip
            await write_audit(
                connection, tenant_id, actor, "tenant.created", "tenant", str(tenant_id), {"type": wanted.type}
            )
            # Before the commit: a tenant that is there can always seal. Keys without a tenant are found again by the
            # next one of this id.
            await office.keyring.create_tenant_keys(tenant_id)
    except UniqueViolationError:
        raise ConflictError("This slug is taken: choose another.") from None
    if worker_group is not None:
        await office.queue.move(tenant_id, worker_group)
    return await get_tenant(office, tenant_id)


async def change_tenant(
    office: Office, tenant_id: int, change: TenantChange, *, actor: Actor, revision: int | None
) -> tuple[Tenant, int]:
    """Name, plan, type, organization: platform work. Another type takes away what the tenant has set above it. Raises
    NotFoundError, InvalidInputError, and PreconditionFailedError when `revision` is not the present one."""
    named = change.model_fields_set
    async with office.database.platform_tx("change_tenant") as connection:
        await db_tenants.lock_tenant(connection, tenant_id)
        held = await db_tenants.find_tenant(connection, tenant_id)
        if held is None or held.status == "deleted":
            raise NotFoundError("There is no such tenant.")
        if revision is not None and revision != held.revision:
            raise PreconditionFailedError(STALE)
        await _require_organization(connection, change.organization_id)
        tenant_type = change.type or held.type
        changed = held._replace(
            name=change.name or held.name,
            plan=change.plan or held.plan,
            type=tenant_type,
            settings=held.settings if tenant_type == held.type else cut_limits(held.settings, tenant_type),
            organization_id=change.organization_id if "organization_id" in named else held.organization_id,
            priority=find_type(tenant_type).processing_priority,
            trial_ends_at=held.trial_ends_at if tenant_type == held.type else find_trial_end(tenant_type),
        )
        if await db_tenants.update_tenant(connection, changed) is None:
            raise PreconditionFailedError(STALE)
        details: dict[str, object] = {"fields": sorted(named)}
        if changed.organization_id != held.organization_id:
            details["organization_id"] = [held.organization_id, changed.organization_id]
        if changed.type != held.type:
            details["limits"] = list_changed_limits(held.settings, changed.settings)
        await write_audit(connection, tenant_id, actor, "tenant.changed", "tenant", str(tenant_id), details)
    return await get_tenant(office, tenant_id)


def find_trial_end(tenant_type: str) -> datetime | None:
    """When a trial that begins now is over."""
    return datetime.now(UTC) + timedelta(days=TRIAL_DAYS) if tenant_type == "trial" else None


def _find_visible(principal: Principal) -> tuple[Sequence[int], Sequence[int]] | None:
    if "tenants:read" in principal.platform_permissions:
        return None
    seeing = [grant for grant in principal.grants if "tenants:read" in grant.allowed]
    return (
        [grant.scope_id for grant in seeing if grant.scope == "tenant"],
        [grant.scope_id for grant in seeing if grant.scope == "organization"],
    )


def _summarise(row: TenantWithCount, lines: Sequence[IntegrationLine]) -> TenantSummary:
    tenant = row.tenant
    # A tenant is as current as the worst of its integrations; one that has had nothing yet says so itself.
    last_sync = min((line.last_synced_at for line in lines if line.last_synced_at is not None), default=None)
    return TenantSummary(
        id=tenant.tenant_id,
        name=tenant.name,
        slug=tenant.slug,
        type=cast("TenantType", tenant.type),
        plan=tenant.plan,
        status=cast("TenantStatus", tenant.status),
        organization_id=tenant.organization_id,
        customer_count=row.customers,
        last_sync=last_sync,
        integrations=[
            IntegrationSummary(
                id=str(IntegrationId(line.tenant_id, line.integration_id)), type=line.connector, account=line.account,
                environment=line.environment, status=line.status, last_sync=line.last_synced_at,
            )
            for line in lines
        ],
    )  # fmt: skip


async def _require_organization(connection: asyncpg.Connection, organization_id: int | None) -> None:
    if organization_id is not None and not await db_tenants.has_organization(connection, organization_id):
        raise InvalidInputError(
            FieldProblem("/organization_id", "names no organization: create it first", "no_organization")
        )

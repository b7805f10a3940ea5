"""A tenant's settings: merged in part, shown as they hold, and who may raise what.

Limits come from the tenant's type. A tenant's own people may set lower ones, and back up to what was granted: the
type's figure, or a platform admin's (kept under `granted`). Features may be switched off by the tenant's people and on
by a platform admin.
"""

from collections.abc import Mapping
from typing import Any

from app.core.errors import FieldProblem, ForbiddenError, InvalidInputError, NotFoundError, PreconditionFailedError
from app.services.audit import Actor, write_audit
from app.services.directory import publish_directory
from app.services.features import has_feature
from app.services.office import Office
from app.services.tenant_limits import GIGABYTE, LIMIT_NAMES, find_limits, find_type
from db import tenants as db_tenants
from db.tenants import Tenant
from schemas.tenants import LimitUse, SettingsChange, TenantSettings

DEFAULTS: Mapping[str, Any] = {
    "timezone": "America/Argentina/Buenos_Aires",
    "currency": "ARS",
    "language": "es",
    "country": "AR",
    "data_retention_days": 2_555,
}
FEATURES_MAX = 200  # a tenant's settings are read at each of its calls, and all tenants' by every worker
_STALE = "The settings were changed meanwhile: read them again, then change them."


async def change_settings(
    office: Office, tenant_id: int, change: SettingsChange, *, actor: Actor, is_platform: bool, revision: int | None
) -> None:
    """Merges a change into a tenant's settings. Raises NotFoundError, ForbiddenError for what only a platform admin
    may, InvalidInputError, PreconditionFailedError when `revision` is not the present one."""
    async with office.database.tenant_tx(tenant_id, "change_settings") as connection:
        await db_tenants.lock_tenant(connection, tenant_id)
        held = await db_tenants.find_tenant(connection, tenant_id)
        if held is None or held.status == "deleted":
            raise NotFoundError("There is no such tenant.")
        if revision is not None and revision != held.revision:
            raise PreconditionFailedError(_STALE)
        settings, group = merge_settings(held.settings, change, held.type, is_platform=is_platform)
        worker_group = group or held.worker_group
        if (
            await db_tenants.update_settings(connection, tenant_id, settings, worker_group, revision=held.revision)
            is None
        ):
            raise PreconditionFailedError(_STALE)
        await write_audit(
            connection, tenant_id, actor, "tenant.settings_changed", "tenant", str(tenant_id),
            {"fields": sorted(change.model_fields_set), "limits": list_changed_limits(held.settings, settings)},
        )  # fmt: skip
    if worker_group != held.worker_group:
        await publish_directory(office.database, office.queue.redis)
        await office.queue.move(tenant_id, worker_group)


def merge_settings(
    held: Mapping[str, Any], change: SettingsChange, tenant_type: str, *, is_platform: bool
) -> tuple[dict[str, Any], str | None]:
    """The settings after a change, and the worker group if it names one. Raises ForbiddenError, and
    InvalidInputError for more features than FEATURES_MAX."""
    settings = {name: value for name, value in held.items() if name != "features"}
    features = dict(held.get("features", {}))
    for name in change.model_fields_set - {"features", "worker_group"}:
        value = getattr(change, name)
        if name in LIMIT_NAMES:
            _merge_limit(settings, name, value, tenant_type, is_platform=is_platform)
        elif value is None:
            settings.pop(name, None)
        else:
            settings[name] = value
    for name, value in (change.features or {}).items():
        if value is None:
            features.pop(name, None)
        else:
            features[name] = value
        # As they hold and not as they were written: without a word of it, a feature may be on.
        if not is_platform and has_feature({"features": features}, name) and not has_feature(held, name):
            raise ForbiddenError(f"Only a platform admin switches features on: {name}.")
    if len(features) > FEATURES_MAX:
        raise InvalidInputError(FieldProblem("/features", f"would be more than {FEATURES_MAX}: give some up with null"))
    if change.worker_group is not None and not is_platform:
        raise ForbiddenError("Only a platform admin moves a tenant to another worker group.")
    return {**settings, "features": features}, change.worker_group


def show_settings(tenant: Tenant) -> TenantSettings:
    """The settings as they hold."""
    held, limits = tenant.settings, find_limits(tenant.type, tenant.settings)
    return TenantSettings(
        **{name: held.get(name, default) for name, default in DEFAULTS.items()},
        max_customers=limits.max_customers,
        max_api_calls_day=limits.max_api_calls_day,
        storage_gb=limits.storage_bytes / GIGABYTE,
        worker_group=tenant.worker_group,
    )


def describe_limits(tenant: Tenant, counters: Mapping[str, int]) -> dict[str, LimitUse]:
    """What is used of the limits that data counts against."""
    limits, held = find_limits(tenant.type, tenant.settings), tenant.settings
    customers, stored = counters.get("customers", 0), counters.get("stored_bytes", 0)
    waiting = counters.get("customers_waiting", 0)
    note = "New customers wait, and are fetched when the limit rises; known customers and all orders go on."
    return {
        "customers": LimitUse(
            limit=limits.max_customers, used=customers, unit="customers", own="max_customers" in held,
            is_over=customers > limits.max_customers or waiting > 0,
            note=note if customers >= limits.max_customers else None,
        ),
        "storage": LimitUse(
            limit=limits.storage_bytes, used=stored, unit="bytes", own="storage_gb" in held,
            is_over=stored > limits.storage_bytes, note=note if stored >= limits.storage_bytes else None,
        ),
    }  # fmt: skip


def _merge_limit(
    settings: dict[str, Any], name: str, value: int | None, tenant_type: str, *, is_platform: bool
) -> None:
    granted = dict(settings.get("granted", {}))
    if is_platform:
        granted.pop(name, None)
        if value is not None:
            granted[name] = value
    else:
        ceiling: int = granted.get(name, getattr(find_type(tenant_type), name))
        if value is not None and value > ceiling:
            raise ForbiddenError(f"{name} may be set up to {ceiling} here: only a platform admin raises it beyond.")
        if value is None and name in granted:
            value = granted[name]
    settings["granted"] = granted
    if value is None:
        settings.pop(name, None)
    else:
        settings[name] = value


def cut_limits(held: Mapping[str, Any], tenant_type: str) -> dict[str, Any]:
    """The settings without limits of the tenant's own above what it is granted under this type: whoever could set
    them under the type before could not set them now."""
    granted, of_type = held.get("granted", {}), find_type(tenant_type)
    return {
        name: value
        for name, value in held.items()
        if name not in LIMIT_NAMES or not value > granted.get(name, getattr(of_type, name))
    }


def list_changed_limits(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Limit → before and after: a limit is no secret and nobody's data."""
    return {name: [before.get(name), after.get(name)] for name in LIMIT_NAMES if before.get(name) != after.get(name)}

"""A tenant's life: suspended, active again, deleted in two steps, or kept after all."""

from datetime import timedelta

from app.core.errors import FieldProblem, InvalidInputError
from app.dashboard.confirm import confirm
from app.dashboard.inputs import make_model
from app.dashboard.page import Go, Page, View
from app.dashboard.visit import Visit
from app.services.tenant_lifecycle import (
    activate_tenant,
    cancel_deletion,
    confirm_deletion,
    request_deletion,
    suspend_tenant,
)
from app.services.tenants import get_tenant
from schemas.tenants import Reason

TRIAL_DAYS_MAX = 3_650


async def show_suspension(visit: Visit) -> View:
    return View("tenant/suspend.html", {"reason": visit.form.get("reason", "")})


async def suspend(visit: Visit) -> Go:
    reason = make_model(Reason, {"reason": visit.form.get("reason", "")}).reason
    await suspend_tenant(visit.office.tenant_office, visit.tenant_id, reason, visit.actor)
    return Go(visit.link("tenant.show"), "tenant.suspended_now", {"name": visit.get_tenant().name})


async def show_activation(visit: Visit) -> View:
    tenant = visit.get_tenant()
    is_over = tenant.type == "trial" and tenant.trial_ends_at is not None and tenant.trial_ends_at <= visit.now
    return View("tenant/activate.html", {"needs_days": is_over, "days": visit.form.get("days", "30")})


async def activate(visit: Visit) -> Go:
    days = visit.form.get("days", "")
    if days and not (days.isascii() and days.isdecimal() and len(days) <= 6 and 1 <= int(days) <= TRIAL_DAYS_MAX):
        raise InvalidInputError(
            FieldProblem("/days", f"is no number of days from 1 to {TRIAL_DAYS_MAX}", "bounds", f"1–{TRIAL_DAYS_MAX}")
        )
    ends_at = visit.now + timedelta(days=int(days)) if days else None
    await activate_tenant(visit.office.tenant_office, visit.tenant_id, visit.actor, trial_ends_at=ends_at)
    return Go(visit.link("tenant.show"), "tenant.activated_now", {"name": visit.get_tenant().name})


async def show_deletion(visit: Visit) -> View:
    """The first step says what it means; nothing is changed by it."""
    tenant, _ = await get_tenant(visit.office, visit.tenant_id)
    return confirm(
        visit,
        title=visit.t("tenant.delete_title", name=tenant.name),
        says=[
            visit.t("tenant.delete_customers", n=tenant.customer_count),
            visit.t("tenant.delete_means"),
            visit.t("tenant.delete_grace", n=visit.office.settings.tenant_deletion_grace_days),
            visit.t("tenant.delete_steps"),
        ],
        can_undo=True,
        button=visit.t("tenant.delete_next"),
        back=visit.link("tenant.show"),
    )


async def delete(visit: Visit) -> View | Go:
    """Without a code the second question, with it the deletion."""
    office, tenant = visit.office.tenant_office, visit.get_tenant()
    code = visit.form.get("code")
    if not code:
        made = await request_deletion(office, visit.tenant_id, visit.actor)
        return View("tenant/delete.html", {"code": made.code, "is_wrong": False})
    if visit.form.get("name", "").strip() != tenant.name:
        return View("tenant/delete.html", {"code": code, "is_wrong": True}, 422)
    delete_after = await confirm_deletion(office, visit.tenant_id, code, visit.actor)
    return Go(visit.link("tenant.show"), "tenant.deleting_now", {"day": f"{delete_after:%Y-%m-%d}"})


async def show_keeping(visit: Visit) -> View:
    return confirm(
        visit,
        title=visit.t("tenant.keep_title", name=visit.get_tenant().name),
        says=[visit.t("tenant.keep_means")],
        can_undo=True,
        button=visit.t("tenant.keep"),
        back=visit.link("tenant.show"),
        tone="go",
    )


async def keep(visit: Visit) -> Go:
    await cancel_deletion(visit.office.tenant_office, visit.tenant_id, visit.actor)
    return Go(visit.link("tenant.show"), "tenant.kept_now", {"name": visit.get_tenant().name})


_HERE = "/tenants/{tenant_id:int}"
PAGES = (
    Page("tenant.suspend", f"{_HERE}/suspend", "tenant", "platform:admin", show_suspension, suspend),
    Page("tenant.activate", f"{_HERE}/activate", "tenant", "platform:admin", show_activation, activate),
    Page("tenant.delete", f"{_HERE}/delete", "tenant", "tenants:delete", show_deletion, delete),
    Page("tenant.keep", f"{_HERE}/keep", "tenant", "tenants:delete", show_keeping, keep),
)

"""A tenant's settings: seen by whoever works for it, changed by who may, raised beyond its type by the platform."""

from collections.abc import Mapping
from typing import Any

from app.core.errors import FieldProblem, InvalidInputError
from app.dashboard.inputs import make_model
from app.dashboard.page import Go, Page, View
from app.dashboard.viewer import LANGUAGES
from app.dashboard.visit import Visit
from app.services.features import list_features
from app.services.limit_use import list_limit_use
from app.services.tenant_limits import LIMIT_NAMES, find_type
from app.services.tenant_settings import change_settings, show_settings
from schemas.tenants import SettingsChange, TenantSettings

TEXTS = ("timezone", "currency", "language", "country")
NUMBERS = ("data_retention_days", *LIMIT_NAMES)


async def show_settings_page(visit: Visit) -> View:
    tenant = visit.get_tenant()
    settings = show_settings(tenant)
    of_type = find_type(tenant.type)
    return View(
        "settings/show.html",
        {
            "settings": settings, "form": visit.form or fill_form(settings, tenant.settings),
            "features": list_features(tenant.settings), "revision": visit.form.get("revision", tenant.revision),
            "on": visit.form_list("feature") if visit.form else None, "languages": LANGUAGES,
            "limits": await list_limit_use(visit.office, tenant),
            "of_type": {name: getattr(of_type, name) for name in LIMIT_NAMES},
        },
    )  # fmt: skip


async def change(visit: Visit) -> Go:
    tenant = visit.get_tenant()
    told = read_change(visit, fill_form(show_settings(tenant), tenant.settings))
    revision = visit.form.get("revision", "")
    if told:
        await change_settings(
            visit.office, visit.tenant_id, make_model(SettingsChange, told), actor=visit.actor,
            is_platform=visit.is_platform_admin, revision=int(revision) if revision.isdecimal() else None,
        )  # fmt: skip
    return Go(visit.link("settings.show"), "settings.changed" if told else "settings.unchanged")


def fill_form(settings: TenantSettings, held: Mapping[str, Any]) -> dict[str, str]:
    """The form as it stands. A limit that is the type's is an empty field."""
    form = {name: str(getattr(settings, name)) for name in (*TEXTS, "data_retention_days", "worker_group")}
    return form | {name: str(held[name]) if name in held else "" for name in LIMIT_NAMES}


def read_change(visit: Visit, before: Mapping[str, str]) -> dict[str, Any]:
    """What the form changes: a field that stands as before, or is not in the form, changes nothing. Raises
    InvalidInputError."""
    form, told = visit.form, dict[str, Any]()
    names = (*TEXTS, *NUMBERS, *(("worker_group",) if visit.is_platform_admin else ()))
    for name in names:
        text = form.get(name, before[name]).strip()
        if text == before[name]:
            continue
        told[name] = _read_number(name, text) if name in NUMBERS else text
    features = _read_features(visit)
    return told | ({"features": features} if features else {})


def _read_features(visit: Visit) -> dict[str, bool]:
    """Those that the form shows the other way than they are. Without the platform's rights a feature that is off has
    no box that could be ticked."""
    if "has_features" not in visit.form:
        return {}
    on = set(visit.form_list("feature"))
    return {
        one.name: one.name in on
        for one in list_features(visit.get_tenant().settings)
        if (one.name in on) != one.is_enabled
    }


def _read_number(name: str, text: str) -> int | None:
    """None: back to the type's."""
    if not text and name in LIMIT_NAMES:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise InvalidInputError(FieldProblem(f"/{name}", "is no whole number", "int_parsing"))
    return int(text)


PAGES = (
    Page("settings.show", "/tenants/{tenant_id:int}/settings", "tenant", "tenants:read", show_settings_page, change,
         "tenants:write"),
)  # fmt: skip

"""Pages about alerts stand twice: of a tenant and of the platform. What differs between them."""

from typing import Any

from app.dashboard.page import View
from app.dashboard.pages.alert_failures import tell_failure
from app.dashboard.visit import Visit
from app.services.alert_texts import Reader
from app.services.permissions import Permission

PLATFORM = 0


def find_owner(visit: Visit) -> int:
    """Whose alerts: the tenant's id, or 0."""
    return visit.tenant.tenant_id if visit.tenant is not None else PLATFORM


def choose(permission: Permission, *, is_platform: bool) -> Permission:
    return "platform:admin" if is_platform else permission


def name_page(name: str, *, is_platform: bool) -> str:
    """`rules` → `alerts.rules` or `alerts.platform_rules`."""
    if not is_platform:
        return f"alerts.{name}"
    return "alerts.platform" if name == "list" else f"alerts.platform_{name}"


def link_to(visit: Visit, name: str, **params: Any) -> str:
    """The address of a page about the same one's alerts."""
    return visit.link(name_page(name, is_platform=visit.tenant is None), **params)


def may_operate(visit: Visit) -> bool:
    return visit.may(choose("alerts:operate", is_platform=visit.tenant is None))


def may_write(visit: Visit) -> bool:
    return visit.may(choose("alerts:write", is_platform=visit.tenant is None))


def make_reader(visit: Visit) -> Reader:
    return Reader(visit.viewer.language, visit.viewer.zone)


def make_view(visit: Visit, template: str, **data: Any) -> View:
    """With what all of these pages show."""
    names = ("list", "rules", "channels")
    here = visit.page_name.removeprefix("alerts.").removeprefix("platform_")
    area = {"platform": "list", "show": "list", "rules": "rules"}.get(here, here if here in names else "channels")
    tabs = [(visit.t(f"alerts.tab_{name}"), link_to(visit, name), name == area) for name in names]
    return View(
        f"alerts/{template}.html",
        {"to": lambda name, **params: link_to(visit, name, **params), "tabs": tabs, "may_operate": may_operate(visit),
         "failure_of": lambda sentence: tell_failure(visit, sentence), "may_write": may_write(visit), **data},
    )  # fmt: skip

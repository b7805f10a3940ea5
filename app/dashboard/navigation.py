"""Where one can go from a page: what the visitor may look at, among the pages that there are."""

from collections.abc import Sequence
from typing import NamedTuple

from app.dashboard.visit import Visit

PLATFORM = ("overview.show", "workers.show", "alerts.platform", "organizations.list", "audit.platform",
            "people.platform", "keys.platform", "settings.platform")  # fmt: skip
TENANT = ("tenant.show", "integrations.list", "events.list", "records.orders", "records.customers", "dead.list",
          "syncs.list", "alerts.list", "audit.list", "people.list", "keys.list", "settings.show")  # fmt: skip


class Item(NamedTuple):
    """`text_key`: of its name. `is_here`: the page, or one of its area, is being looked at."""

    href: str
    text_key: str
    is_here: bool


def list_platform_items(visit: Visit) -> list[Item]:
    if visit.principal is None:
        return []
    items = _list(visit, PLATFORM)
    # The alerts of a tenant are in its own menu, and not those of the platform.
    return items if visit.tenant is None else [item._replace(is_here=False) for item in items]


def list_tenant_items(visit: Visit) -> list[Item]:
    return _list(visit, TENANT) if visit.tenant is not None else []


def _list(visit: Visit, names: Sequence[str]) -> list[Item]:
    return [
        Item(visit.link(name), f"nav.{name.replace('.', '_')}", _is_here(visit.page_name, name, names))
        for name in names
        if visit.has_page(name)
    ]


def _is_here(page_name: str, name: str, names: Sequence[str]) -> bool:
    """`events.show` lights `events.list`; what has an item of its own lights that alone."""
    if page_name in names:
        return page_name == name
    area = page_name.partition(".")[0]
    firsts = [one for one in names if one.partition(".")[0] == area]
    if area == "records":
        kind = "records.orders" if page_name.startswith("records.order") else "records.customers"
        return name == kind
    return bool(firsts) and firsts[0] == name

"""Every tenant at one glance, worst first; and a new one."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

from app.dashboard.inputs import make_model
from app.dashboard.page import Go, Page, View
from app.dashboard.visit import Visit
from app.services.organizations import create_organization, list_visible_organizations
from app.services.overview import PAGE_TENANTS, Overview, read_overview
from app.services.tenants import create_tenant
from db.overview import Sort
from schemas.sync_status import Health
from schemas.tenants import NewOrganization, NewTenant

OFFSET_MAX = 100_000
# What of each is looked for first: names from A, everything else where it is worst or most.
ASCENDING_FIRST = {"name", "type", "status", "health"}
SORTS: tuple[Sort, ...] = get_args(Sort)
HEALTHS: tuple[Health, ...] = get_args(Health)


class Head(NamedTuple):
    """A column's head. `aria_sort`: None while the table is sorted by another one."""

    sort: Sort
    href: str
    aria_sort: str | None
    is_number: bool


async def show_overview(visit: Visit) -> View:
    sort, is_descending = read_sort(visit)
    text, health = visit.query("q")[:100], visit.query("health")
    offset = read_offset(visit.query("at"))
    overview = await read_overview(
        visit.office, sort=sort, is_descending=is_descending, text=text,
        health=health if health in HEALTHS else None, offset=offset,
    )  # fmt: skip
    kept = {"q": text, "health": health if health in HEALTHS else ""}
    data = {
        "overview": overview,
        "heads": list_heads(visit, sort, is_descending=is_descending, kept=kept),
        "text": text,
        "health": kept["health"],
        "healths": HEALTHS,
        "sort": sort,
        "is_descending": is_descending,
        "is_filtered": bool(text or kept["health"]),
        **_find_pages(visit, overview, {**kept, "sort": sort, "desc": int(is_descending)}),
    }
    return View("overview/show.html", data)


def read_sort(visit: Visit) -> tuple[Sort, bool]:
    """By what, and whether the other way round. Unknown words: by health, the worst first."""
    sort = visit.query("sort", "health")
    if sort not in SORTS:
        return "health", False
    descending = visit.query("desc")
    return sort, descending == "1" if descending else sort not in ASCENDING_FIRST


def read_offset(text: str) -> int:
    return min(int(text), OFFSET_MAX) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def list_heads(visit: Visit, sort: Sort, *, is_descending: bool, kept: Mapping[str, str]) -> dict[str, Head]:
    """A click sorts by that column; another one turns it round."""
    heads: dict[str, Head] = {}
    for one in SORTS:
        is_here = one == sort
        turned = not is_descending if is_here else one not in ASCENDING_FIRST
        href = visit.link("overview.show", **kept, sort=one, desc=int(turned))
        aria_sort = ("descending" if is_descending else "ascending") if is_here else None
        heads[one] = Head(one, href, aria_sort, one not in {"name", "type", "status", "health"})
    return heads


def _find_pages(visit: Visit, overview: Overview, kept: Mapping[str, Any]) -> dict[str, str | None]:
    following = overview.next_offset
    before = max(0, overview.offset - PAGE_TENANTS)
    return {
        "next_href": None if following is None else visit.link("overview.show", **kept, at=following),
        "previous_href": visit.link("overview.show", **kept, at=before or None) if overview.offset else None,
    }


async def show_new(visit: Visit) -> View:
    organizations = await list_visible_organizations(visit.office, visit.caller)
    choices: Sequence[tuple[object, str]] = [
        ("", visit.t("overview.no_organization")), *((one.organization_id, one.name) for one in organizations)
    ]  # fmt: skip
    return View("overview/new.html", {"organizations": choices})


async def create(visit: Visit) -> Go:
    form = visit.form
    settings = {name: form[name] for name in ("timezone", "currency", "language", "country") if form.get(name)}
    values = {name: form.get(name, "") for name in ("name", "slug", "type")}
    wanted = make_model(
        NewTenant, {**values, "plan": form.get("plan") or "standard", "settings": settings,
                    "organization_id": form.get("organization_id") or None},
    )  # fmt: skip
    tenant, _ = await create_tenant(visit.office, wanted, actor=visit.actor)
    return Go(visit.link("tenant.show", tenant_id=tenant.id), "overview.created", {"name": tenant.name})


async def show_organizations(visit: Visit) -> View:
    organizations = await list_visible_organizations(visit.office, visit.caller)
    return View("organizations/list.html", {"organizations": organizations})


async def add_organization(visit: Visit) -> Go:
    wanted = make_model(NewOrganization, {"name": visit.form.get("name", "")})
    made = await create_organization(visit.office, wanted.name, actor=visit.actor)
    return Go(visit.link("organizations.list"), "organizations.created", {"name": made.name})


PAGES = (
    Page("overview.show", "/overview", "platform", "platform:admin", show_overview),
    Page("overview.create", "/overview/new", "platform", "platform:admin", show_new, create),
    Page("organizations.list", "/organizations", "platform", "platform:admin", show_organizations, add_organization),
)

"""The audit log of a tenant and of the platform: who did what to what, sifted by each of these and by time."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from app.core.errors import FieldProblem, InvalidInputError
from app.dashboard.inputs import make_model
from app.dashboard.page import Page, View
from app.dashboard.visit import Visit
from app.services.actor_names import find_actor_names
from app.services.audit import list_audit
from app.services.office import PLATFORM, Place
from schemas.access import AuditEntry, AuditQuery

ENTRIES_SHOWN = 50
FILTERS = ("actor", "action", "object", "from", "to")
# What the beginning of an action's name says of what it concerns.
AREAS = (
    "integration.", "sync.", "dead_letter", "objects.", "records.", "key.", "person.", "session.", "tenant.", "alert",
    "queue.", "organization.",
)  # fmt: skip


async def show_log(visit: Visit) -> View:
    tenant_id = visit.tenant.tenant_id if visit.tenant is not None else None
    chosen = {name: visit.query(name) for name in FILTERS}
    page = await list_audit(
        visit.office.database, tenant_id, limit=ENTRIES_SHOWN, cursor=visit.query("cursor") or None,
        wanted=read_filter(visit, chosen),
    )  # fmt: skip
    return View(
        "audit/list.html",
        {
            "entries": page.data, "next_cursor": page.next_cursor, "chosen": chosen, "areas": AREAS,
            "is_first": not visit.query("cursor"), "is_sifted": any(chosen.values()), "page": visit.page_name,
            "names": await name_actors(visit, page.data), "describe": describe_details,
        },
    )  # fmt: skip


def read_filter(visit: Visit, chosen: Mapping[str, str]) -> AuditQuery:
    """Days are those of the viewer's time zone, the last one whole. Raises InvalidInputError."""
    told: dict[str, Any] = {
        "actor_id": chosen["actor"] or None, "action": chosen["action"] or None, "object_id": chosen["object"] or None,
        "since": read_day(visit, "from"), "until": read_day(visit, "to", days_on=1),
    }  # fmt: skip
    return make_model(AuditQuery, told)


def read_day(visit: Visit, name: str, *, days_on: int = 0) -> datetime | None:
    """When a day of the address begins for the viewer, or the one so many days on. Raises InvalidInputError."""
    text = visit.query(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=days_on)
        return datetime.combine(day, time(), visit.viewer.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInputError(FieldProblem(f"/{name}", "is no day, such as 2026-11-24", "no_day")) from None


async def name_actors(visit: Visit, entries: list[AuditEntry]) -> Mapping[tuple[str, str], str]:
    """Kind and id → name, of those whom the visitor may know."""
    place = Place("tenant", visit.tenant_id) if visit.tenant is not None else PLATFORM
    actors: list[tuple[str, str]] = [(entry.actor_kind, entry.actor_id) for entry in entries]
    actors += [(entry.object_kind, entry.object_id) for entry in entries if entry.object_kind in {"person", "key"}]
    return await find_actor_names(
        visit.office, place, actors, may_see=visit.may("access:read"), may_see_all=visit.is_platform_admin
    )


def describe_details(details: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values, as short as they can be read."""
    return [(name, _describe(value)) for name, value in details.items() if value not in (None, {}, [])]


def _describe(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_describe(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(_describe(one) for one in value)
    return str(value)


PAGES = (
    Page("audit.list", "/tenants/{tenant_id:int}/audit", "tenant", "audit:read", show_log),
    Page("audit.platform", "/audit", "platform", "platform:admin", show_log),
)

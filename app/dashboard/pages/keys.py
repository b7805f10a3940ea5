"""API keys of a place: made, rotated, revoked. A key's secret is shown once, on the page that answers its making."""

from datetime import timedelta
from functools import partial
from typing import Any

from app.core.errors import FieldProblem, InvalidInputError, NotFoundError
from app.dashboard.confirm import confirm
from app.dashboard.inputs import make_model
from app.dashboard.page import Go, Page, View
from app.dashboard.pages.places import OF_PLATFORM, ORGANIZATION, TENANT, PlaceKind, Spot, at, link
from app.dashboard.visit import Visit
from app.services.actor_names import find_actor_names
from app.services.api_keys import (
    create_key,
    create_platform_key,
    list_keys,
    retire_key_secret,
    revoke_key,
    rotate_key,
)
from app.services.permissions import ROLE_PERMISSIONS
from schemas.access import Key, NewKey, NewPlatformKey

AREA = "keys"


async def show_list(visit: Visit, spot: Spot) -> View:
    keys = await list_keys(visit.office, spot.place)
    makers = [tuple(key.created_by.split(":", 1)) for key in keys]
    names = await find_actor_names(
        visit.office, spot.place, [(kind, one) for kind, one in makers], may_see=True,
        may_see_all=visit.is_platform_admin,
    )  # fmt: skip
    data = {
        "live": [key for key in keys if key.status == "active"],
        "ended": [key for key in keys if key.status != "active"],
        "makers": {f"{kind}:{one}": name for (kind, one), name in names.items()}, "spot": spot,
        "to": partial(link, visit, AREA, spot),
    }  # fmt: skip
    return View("keys/list.html", data)


async def show_new(visit: Visit, spot: Spot) -> View:
    roles = spot.list_roles() if spot.kind is not OF_PLATFORM else []
    data = {
        "roles": roles, "form": visit.form or {"role": "analyst", "days": "365"},
        "chosen": visit.form_list("permission"),
        "permissions": sorted(set().union(*(ROLE_PERMISSIONS[role] for role in roles)) & spot.held), "spot": spot,
        "days_max": visit.office.settings.api_key_days_max, "to": partial(link, visit, AREA, spot),
    }  # fmt: skip
    return View("keys/new.html", data)


async def create(visit: Visit, spot: Spot) -> View:
    told: dict[str, Any] = {"name": visit.form.get("name", ""), "expires_at": _read_end(visit)}
    if spot.kind is OF_PLATFORM:
        issued = await create_platform_key(visit.office, make_model(NewPlatformKey, told), actor=visit.actor)
    else:
        told |= {"role": visit.form.get("role", ""), "permissions": visit.form_list("permission") or None}
        issued = await create_key(visit.office, spot.place, make_model(NewKey, told), actor=visit.actor, held=spot.held)
    return View("keys/issued.html", {"key": issued, "spot": spot, "to": partial(link, visit, AREA, spot)})


async def show_rotation(visit: Visit, spot: Spot) -> View:
    key = await _get(visit, spot)
    return confirm(
        visit, title=visit.t("keys.rotate_title", name=key.name),
        says=[visit.t("keys.rotate_says", name=key.name), visit.t("keys.rotate_effect")],
        can_undo=False, button=visit.t("keys.rotate"), back=link(visit, AREA, spot), tone="go",
    )  # fmt: skip


async def rotate(visit: Visit, spot: Spot) -> View:
    issued = await rotate_key(visit.office, spot.place, visit.text("key_id"), actor=visit.actor, held=spot.held)
    return View("keys/issued.html", {"key": issued, "spot": spot, "to": partial(link, visit, AREA, spot)})


async def show_retirement(visit: Visit, spot: Spot) -> View:
    key = await _get(visit, spot)
    return confirm(
        visit, title=visit.t("keys.retire_title", name=key.name), says=[visit.t("keys.retire_effect")], can_undo=False,
        button=visit.t("keys.retire"), back=link(visit, AREA, spot),
    )  # fmt: skip


async def retire(visit: Visit, spot: Spot) -> Go:
    key = await retire_key_secret(visit.office, spot.place, visit.text("key_id"), actor=visit.actor)
    return Go(link(visit, AREA, spot), "keys.retired", {"name": key.name})


async def show_revocation(visit: Visit, spot: Spot) -> View:
    key = await _get(visit, spot)
    used = visit.t("keys.revoke_used") if key.last_used_at else visit.t("keys.revoke_unused")
    return confirm(
        visit, title=visit.t("keys.revoke_title", name=key.name), says=[visit.t("keys.revoke_effect"), used],
        can_undo=False, button=visit.t("keys.revoke"), back=link(visit, AREA, spot),
    )  # fmt: skip


async def revoke(visit: Visit, spot: Spot) -> Go:
    key = await revoke_key(visit.office, spot.place, visit.text("key_id"), actor=visit.actor)
    return Go(link(visit, AREA, spot), "keys.revoked", {"name": key.name})


async def _get(visit: Visit, spot: Spot) -> Key:
    """Raises NotFoundError for one of another place."""
    key_id = visit.text("key_id")
    for key in await list_keys(visit.office, spot.place):
        if key.key_id == key_id:
            return key
    raise NotFoundError("There is no such key here.")


def _read_end(visit: Visit) -> Any:
    """When a key ends; None for never. Raises InvalidInputError."""
    days, days_max = visit.form.get("days", "").strip(), visit.office.settings.api_key_days_max
    if not days:
        return None
    if not (days.isascii() and days.isdecimal() and len(days) <= 6 and 1 <= int(days) <= days_max):
        raise InvalidInputError(
            FieldProblem("/days", f"is no number of days from 1 to {days_max}", "bounds", f"1–{days_max}")
        )
    return visit.now + timedelta(days=int(days))


def _make(kind: PlaceKind) -> tuple[Page, ...]:
    base = f"{kind.prefix}/keys"
    one, word = f"{base}/{{key_id}}", f"{AREA}.{kind.word}"
    return (
        Page(f"{AREA}.{kind.first}", base, kind.subject, kind.reads, at(kind, show_list)),
        Page(f"{word}new", f"{base}/new", kind.subject, kind.writes, at(kind, show_new, writes=True),
             at(kind, create, writes=True)),
        Page(f"{word}rotate", f"{one}/rotate", kind.subject, kind.writes, at(kind, show_rotation, writes=True),
             at(kind, rotate, writes=True)),
        Page(f"{word}retire", f"{one}/retire-previous", kind.subject, kind.writes,
             at(kind, show_retirement, writes=True), at(kind, retire, writes=True)),
        Page(f"{word}revoke", f"{one}/revoke", kind.subject, kind.writes, at(kind, show_revocation, writes=True),
             at(kind, revoke, writes=True)),
    )  # fmt: skip


PAGES = (*_make(TENANT), *_make(ORGANIZATION), *_make(OF_PLATFORM))

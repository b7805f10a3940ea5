"""People of a place: invited to a role, given another, removed. The invitation's code is shown once."""

from functools import partial

from app.dashboard.confirm import confirm
from app.dashboard.inputs import make_model
from app.dashboard.page import Go, Page, View
from app.dashboard.pages.places import OF_PLATFORM, ORGANIZATION, TENANT, PlaceKind, Spot, at, link
from app.dashboard.visit import Visit
from app.services.people import change_role, get_person, invite_person, list_people, remove_person
from schemas.access import NewPerson, NewRole

AREA = "people"


async def show_list(visit: Visit, spot: Spot) -> View:
    people = await list_people(visit.office, spot.place)
    return View("people/list.html", {"people": people, "spot": spot, "to": partial(link, visit, AREA, spot)})


async def show_invitation(visit: Visit, spot: Spot) -> View:
    form = visit.form or {"role": "analyst"}
    return View("people/invite.html", {"spot": spot, "form": form, "to": partial(link, visit, AREA, spot)})


async def invite(visit: Visit, spot: Spot) -> View:
    wanted = make_model(NewPerson, {name: visit.form.get(name, "") for name in ("email", "name", "role")})
    invited = await invite_person(visit.office, spot.place, wanted, actor=visit.actor, held=spot.held)
    accept_at = str(visit.request.base_url).rstrip("/") + visit.link("people.accept")
    data = {"person": invited, "accept_at": accept_at, "spot": spot, "to": partial(link, visit, AREA, spot)}
    return View("people/invited.html", data)


async def show_person(visit: Visit, spot: Spot) -> View:
    person = await get_person(visit.office, spot.place, visit.uuid("person_id"))
    data = {
        "person": person, "role": visit.form.get("role", person.role), "spot": spot,
        "to": partial(link, visit, AREA, spot),
    }  # fmt: skip
    return View("people/person.html", data)


async def give_role(visit: Visit, spot: Spot) -> Go:
    role = make_model(NewRole, {"role": visit.form.get("role", "")}).role
    person = await change_role(
        visit.office, spot.place, visit.uuid("person_id"), role, actor=visit.actor, held=spot.held
    )
    return Go(link(visit, AREA, spot), "people.role_given", {"name": person.name})


async def show_removal(visit: Visit, spot: Spot) -> View:
    person = await get_person(visit.office, spot.place, visit.uuid("person_id"))
    return confirm(
        visit, title=visit.t("people.remove_title", name=person.name),
        says=[visit.t("people.remove_says", name=person.name), visit.t("people.remove_effect")],
        can_undo=True, button=visit.t("people.remove"), back=link(visit, AREA, spot),
    )  # fmt: skip


async def remove(visit: Visit, spot: Spot) -> Go:
    await remove_person(visit.office, spot.place, visit.uuid("person_id"), actor=visit.actor, held=spot.held)
    return Go(link(visit, AREA, spot), "people.removed")


def _make(kind: PlaceKind) -> tuple[Page, ...]:
    """Of the platform there is the list alone: its people are made on the command line."""
    base = f"{kind.prefix}/people"
    listed = Page(f"{AREA}.{kind.first}", base, kind.subject, kind.reads, at(kind, show_list))
    if kind is OF_PLATFORM:
        return (listed,)
    one, word = f"{base}/{{person_id}}", f"{AREA}.{kind.word}"
    return (
        listed,
        Page(f"{word}invite", f"{base}/invite", kind.subject, kind.writes, at(kind, show_invitation, writes=True),
             at(kind, invite, writes=True)),
        Page(f"{word}person", one, kind.subject, kind.writes, at(kind, show_person, writes=True),
             at(kind, give_role, writes=True)),
        Page(f"{word}remove", f"{one}/remove", kind.subject, kind.writes, at(kind, show_removal, writes=True),
             at(kind, remove, writes=True)),
    )  # fmt: skip


PAGES = (*_make(TENANT), *_make(ORGANIZATION), *_make(OF_PLATFORM))

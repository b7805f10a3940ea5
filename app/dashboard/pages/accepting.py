"""Accepting an invitation: with its code and a password, without being signed in."""

from app.core.cookies import write_session_cookie
from app.dashboard.inputs import make_model
from app.dashboard.page import Go, Page, View
from app.dashboard.visit import Visit
from app.services.invitations import accept_invitation
from schemas.access import Acceptance


async def show_acceptance(visit: Visit) -> View:
    return View("people/accept.html", {"chars_min": visit.office.settings.password_chars_min})


async def accept(visit: Visit) -> Go:
    wanted = make_model(Acceptance, {name: visit.form.get(name, "") for name in ("email", "code", "password")})
    opened = await accept_invitation(visit.office, wanted, address=visit.address, request_id=visit.request_id)
    cookie = write_session_cookie(opened.session_id, visit.office.settings.session_max_s, is_secure=visit.is_secure)
    return Go(visit.link("home"), "people.accepted", cookies=(cookie,))


PAGES = (Page("people.accept", "/invitations", "public", None, show_acceptance, accept),)

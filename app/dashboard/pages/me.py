"""Whoever is signed in: how they want pages, what they may do where, and another password."""

from uuid import UUID

from app.core.cookies import write_session_cookie
from app.core.errors import FieldProblem, InvalidInputError
from app.dashboard.inputs import make_model
from app.dashboard.page import Go, Page, View
from app.dashboard.visit import Visit
from app.services.sessions import change_password
from schemas.access import NewPassword


async def show_me(visit: Visit) -> View:
    data = {"grants": visit.caller.grants, "chars_min": visit.office.settings.password_chars_min}
    return View("settings/me.html", data)


async def set_password(visit: Visit) -> Go:
    """All sessions end, this one too."""
    names = ("current_password", "new_password")
    wanted = make_model(NewPassword, {name: visit.form.get(name, "") for name in names})
    if visit.form.get("again", "") != wanted.new_password:
        raise InvalidInputError(FieldProblem("/again", "is not the same as the new password", "not_repeated"))
    await change_password(
        visit.office, UUID(visit.caller.id), wanted.current_password, wanted.new_password, address=visit.address,
        request_id=visit.request_id,
    )  # fmt: skip
    if visit.session_id:
        visit.authenticator.forget(visit.session_id)
    cookie = write_session_cookie("", 0, is_secure=visit.is_secure)
    return Go(visit.link("session.sign_in"), "me.password_changed", cookies=(cookie,))


PAGES = (Page("me.show", "/me", "caller", None, show_me, set_password),)

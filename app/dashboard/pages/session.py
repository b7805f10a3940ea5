"""Signing in and out, and how a browser's person wants pages: language, theme, time zone."""

from collections.abc import Sequence
from typing import cast

from app.core.cookies import write_session_cookie
from app.core.errors import FieldProblem, InvalidInputError, UnauthenticatedError
from app.dashboard.page import PREFIX, Go, Page, View
from app.dashboard.viewer import LANGUAGES, TENANTS_ZONE, THEMES, Language, Theme, find_zone, write_choice
from app.dashboard.visit import Visit
from app.services.sessions import log_in, log_out


async def show_sign_in(visit: Visit) -> View | Go:
    back = read_back(visit.form.get("next") or visit.query("next"))
    if visit.principal is not None and visit.problem is None:
        return Go(back)
    return View("session/sign_in.html", {"next": back})


async def sign_in(visit: Visit) -> Go:
    opened = await log_in(
        visit.office, visit.form.get("email", ""), visit.form.get("password", ""), address=visit.address,
        request_id=visit.request_id,
    )  # fmt: skip
    if await visit.authenticator.find_by_session(opened.session_id) is None:
        raise UnauthenticatedError("The session has ended already: log in again.")
    cookie = write_session_cookie(opened.session_id, visit.office.settings.session_max_s, is_secure=visit.is_secure)
    return Go(read_back(visit.form.get("next", "")), cookies=(cookie,))


async def show_sign_out(visit: Visit) -> Go:
    """Only a POST signs out: a link that somebody was made to follow does not."""
    return Go(visit.link("home"))


async def sign_out(visit: Visit) -> Go:
    if visit.session_id:
        await log_out(visit.office, visit.session_id)
        visit.authenticator.forget(visit.session_id)
    cookie = write_session_cookie("", 0, is_secure=visit.is_secure)
    return Go(visit.link("session.sign_in"), "session.signed_out", cookies=(cookie,))


async def show_choice(visit: Visit) -> Go:
    return Go(visit.link("home"))


async def choose(visit: Visit) -> Go:
    """Keeps what the form names in the browser's cookie, the language with the person. Goes back to where it was."""
    choice, form = visit.viewer.choice, visit.form
    if "theme" in form:
        choice = choice._replace(theme=cast("Theme", _pick("/theme", form["theme"], THEMES)))
    if "language" in form:
        language = cast("Language", _pick("/language", form["language"], LANGUAGES))
        choice = choice._replace(language=language)
        if visit.person is not None:
            await visit.visitors.set_language(visit.person.person_id, language)
    if "zone" in form:
        if form["zone"] != TENANTS_ZONE and find_zone(form["zone"]) is None:
            raise InvalidInputError(
                FieldProblem("/zone", "is no time zone: use a name such as America/Sao_Paulo", "no_zone")
            )
        choice = choice._replace(zone=form["zone"])
    return Go(read_back(form.get("next", "")), cookies=(write_choice(choice, is_secure=visit.is_secure),))


def read_back(address: str) -> str:
    """An address of ours to go back to; the first page for anything else."""
    is_ours = address.startswith(f"{PREFIX}/") and not any(sign in address for sign in ("\\", "\r", "\n", "//"))
    return address if is_ours and address.isprintable() else f"{PREFIX}/"


def _pick(pointer: str, value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        raise InvalidInputError(FieldProblem(pointer, f"is none of {', '.join(choices)}"))
    return value


PAGES = (
    Page("session.sign_in", "/sign-in", "public", None, show_sign_in, sign_in),
    Page("session.sign_out", "/sign-out", "public", None, show_sign_out, sign_out),
    Page("session.choice", "/choice", "public", None, show_choice, choose),
)

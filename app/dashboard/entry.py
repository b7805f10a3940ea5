"""From a request to a page, the same way for every page:

1. who looks, by the session's cookie; nobody: to the sign-in page, and back from there; 2. how often; 3. whose page it
is; 4. whether they may; 5. for a POST: that it comes from a page of ours, and its form; 6. the handler; 7. the answer
with its headers. An error of ours in a POST shows the page again with what is wrong; any other becomes a page that says
so.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import structlog
from starlette.convertors import IntegerConvertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.core.addresses import group_address
from app.core.cookies import name_session_cookie, write_session_cookie
from app.core.errors import (
    AcequiaError,
    BodyTooLargeError,
    ForbiddenError,
    MalformedBodyError,
    NotFoundError,
    RateLimitedError,
    UnauthenticatedError,
)
from app.core.metrics import PAGES_SHOWN
from app.core.rates import Bucket
from app.dashboard.links import Links
from app.dashboard.notices import NOTICE_COOKIE, clear_notice, read_notice, write_notice
from app.dashboard.page import PREFIX, Go, Page, View
from app.dashboard.rendering import Renderer
from app.dashboard.viewer import CHOICE_COOKIE, Viewer, make_viewer, read_choice
from app.dashboard.visit import Visit
from app.services.access import check_not_erased, check_origin, find_visible_tenant
from app.services.authentication import Authenticator
from app.services.office import Office
from app.services.problems import ToldProblem, tell_problem
from app.services.visitors import Visitors
from schemas.api import TENANT_ID_MAX
from schemas.ids import make_uuid7

SIGN_IN = f"{PREFIX}/sign-in"
PATH_TEXT_MAX = 1_500  # characters, as in the API's addresses
FORM_FIELDS_MAX = 1_000
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class _NumberConvertor(IntegerConvertor):
    """Of tenants and organizations. Python reads no number of thousands of digits, and Postgres none beyond these: 0 is
    nobody's, so such an address is one that there is not."""

    def convert(self, value: str) -> int:
        number = int(value) if len(value) < 20 else 0
        return number if number <= TENANT_ID_MAX else 0


class Frame(NamedTuple):
    """What all pages of a process share."""

    office: Office
    authenticator: Authenticator
    visitors: Visitors
    links: Links
    renderer: Renderer


class PageEndpoint:
    """One page as Starlette calls it."""

    def __init__(self, page: Page, frame: Frame) -> None:
        self._page = page
        self._frame = frame
        self._office = frame.office

    async def __call__(self, request: Request) -> Response:
        began = time.perf_counter()
        visit = self._make_visit(request)
        with structlog.contextvars.bound_contextvars(request_id=visit.request_id):
            try:
                response = await self._answer(visit)
            except Exception as error:
                response = await self._explain(visit, error)
        for cookie in visit.cookies:
            response.headers.append("Set-Cookie", cookie)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["X-Request-Id"] = visit.request_id
        response.headers["Server-Timing"] = f"app;dur={(time.perf_counter() - began) * 1_000:.1f}"
        PAGES_SHOWN.labels(self._page.name, str(response.status_code)).inc()
        return response

    async def _answer(self, visit: Visit) -> Response:
        _check_path(visit.request.path_params)
        method = visit.request.method
        await self._admit(visit)
        if method != "POST":
            return self._finish(visit, await self._page.show(visit))
        headers = visit.request.headers
        check_origin(
            method, fetch_site=headers.get("sec-fetch-site"), origin=headers.get("origin"),
            host=headers.get("host", ""),
        )  # fmt: skip
        assert self._page.act is not None, "only a page that acts has a route for POST"
        visit.form_pairs = await read_form(visit.request, self._office.settings.dashboard_form_bytes_max)
        visit.form = dict(visit.form_pairs)
        try:
            return self._finish(visit, await self._page.act(visit))
        except AcequiaError as error:
            told = tell_problem(error, visit.request_id)
            visit.problem = error
            result = await self._page.show(visit)
            if not isinstance(result, View):
                raise
            return self._finish(visit, result._replace(status=told.status), told)

    async def _admit(self, visit: Visit) -> None:
        """Fills in who looks and what they may do here. Raises UnauthenticatedError, NotFoundError, ForbiddenError,
        RateLimitedError."""
        page, request = self._page, visit.request
        visit.session_id = request.cookies.get(name_session_cookie(is_secure=visit.is_secure))
        if visit.session_id:
            visit.principal = await self._frame.authenticator.find_by_session(visit.session_id)
        if visit.principal is not None:
            visit.person = await self._frame.visitors.find(UUID(visit.principal.id))
        if visit.principal is None or visit.person is None:
            if page.subject == "public":
                return
            if visit.session_id:
                visit.cookies.append(write_session_cookie("", 0, is_secure=visit.is_secure))
            raise UnauthenticatedError("Sign in to see this page.")
        await self._limit_rate(visit)
        if page.subject == "tenant":
            tenant = await find_visible_tenant(self._office.database, visit.caller, visit.number("tenant_id"))
            check_not_erased(tenant, request.method)
            visit.permissions = visit.caller.permissions_in(tenant.tenant_id, tenant.organization_id)
            visit.tenant = tenant
        elif page.subject == "platform":
            visit.permissions = visit.caller.platform_permissions
        else:
            visit.permissions = frozenset(one for grant in visit.caller.grants for one in grant.allowed)
        visit.viewer = self._make_viewer(visit)
        needed = page.get_permission(request.method)
        if needed is not None and needed not in visit.permissions:
            if page.subject == "platform" and not visit.caller.is_platform_admin:
                raise NotFoundError("There is nothing at this address.")
            raise ForbiddenError(f"This needs the permission {needed}, which you do not have here.")

    async def _limit_rate(self, visit: Visit) -> None:
        settings, caller = self._office.settings, visit.caller
        bucket = Bucket(f"caller:{caller.kind}:{caller.id}", settings.api_rate_caller_per_s, settings.api_rate_burst_s)
        decision = await self._office.limiter.check([bucket])
        if decision.refused_by is not None:
            raise RateLimitedError("Too many calls at once: slow down.", decision.wait_s)

    def _finish(self, visit: Visit, result: View | Go | Response, told: ToldProblem | None = None) -> Response:
        if isinstance(result, Response):
            return result
        if isinstance(result, Go):
            visit.cookies.extend(result.cookies)
            if result.done is not None:
                visit.cookies.append(write_notice(result.done, result.args))
            return RedirectResponse(result.to, status_code=303)
        notice = None
        if not visit.is_live:
            cookie = visit.request.cookies.get(NOTICE_COOKIE)
            notice = read_notice(cookie)
            if cookie:
                visit.cookies.append(clear_notice())
        view = result._replace(data={"told": told, **result.data})
        return Response(
            self._frame.renderer.render(visit, view, notice), status_code=result.status, media_type="text/html"
        )

    async def _explain(self, visit: Visit, error: Exception) -> Response:
        request = visit.request
        if isinstance(error, UnauthenticatedError):
            back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            query = {"next": back} if request.method == "GET" and back != f"{PREFIX}/" else {}
            return RedirectResponse(SIGN_IN + (f"?{urlencode(query)}" if query else ""), status_code=303)
        told = tell_problem(error, visit.request_id)
        visit.problem = None
        try:
            view = View("parts/problem.html", {"told": told}, told.status)
            response = self._finish(visit, view, told)
        except Exception:  # the page that explains failed itself, and somebody still waits for an answer
            text = f"{told.detail} ({visit.request_id})"
            response = Response(text, status_code=told.status, media_type="text/plain")
        if isinstance(error, RateLimitedError):
            response.headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
        return response

    def _make_visit(self, request: Request) -> Visit:
        choice = read_choice(request.cookies.get(CHOICE_COOKIE))
        viewer = make_viewer(
            choice, person_language=None, tenant=None, accept_language=request.headers.get("accept-language")
        )
        return Visit(
            office=self._office,
            authenticator=self._frame.authenticator,
            links=self._frame.links,
            texts=self._frame.renderer.texts,
            visitors=self._frame.visitors,
            request=request,
            request_id=make_uuid7(),
            address=group_address(request.client.host) if request.client else "",
            is_secure=request.url.scheme == "https" or self._office.settings.is_production,
            now=datetime.now(UTC),
            viewer=viewer,
            page_name=self._page.name,
            is_live=request.headers.get("x-live") == "1",
        )

    @staticmethod
    def _make_viewer(visit: Visit) -> Viewer:
        person = visit.person
        return make_viewer(
            visit.viewer.choice, person_language=person.language if person else None, tenant=visit.tenant,
            accept_language=visit.request.headers.get("accept-language"),
        )  # fmt: skip


async def read_form(request: Request, bytes_max: int) -> list[tuple[str, str]]:
    """The pairs of a urlencoded form. Raises BodyTooLargeError, MalformedBodyError."""
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > bytes_max:
                raise BodyTooLargeError(f"The form is larger than {bytes_max} bytes.")
            chunks.append(chunk)
    except ClientDisconnect:
        raise MalformedBodyError("The form did not arrive whole.") from None
    try:
        pairs = parse_qsl(
            b"".join(chunks).decode("ascii"), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX, errors="strict"
        )
    except ValueError:
        raise MalformedBodyError("This is no form, or it has too many fields.") from None
    if any("\x00" in name or "\x00" in value for name, value in pairs):
        raise MalformedBodyError("The form holds a NUL character.")
    return pairs


def make_page_route(endpoint: PageEndpoint, page: Page) -> Route:
    methods = ["GET"] if page.act is None else ["GET", "POST"]
    route = Route(PREFIX + page.path, endpoint.__call__, methods=methods, name=page.name)
    for name, convertor in route.param_convertors.items():
        if isinstance(convertor, IntegerConvertor):
            route.param_convertors[name] = _NumberConvertor()
    return route


def _check_path(path: Mapping[str, object]) -> None:
    """What stands in an address and can be no name of anything is not there."""
    for value in path.values():
        if isinstance(value, str) and (len(value) > PATH_TEXT_MAX or not value.isprintable()):
            raise NotFoundError("There is nothing at this address.")

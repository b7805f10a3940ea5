"""The dashboard as routes of the web process."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from app.core.errors import NotFoundError
from app.dashboard.entry import Frame, PageEndpoint, make_page_route
from app.dashboard.links import Links
from app.dashboard.page import PREFIX, Page, View, check_pages
from app.dashboard.pages import PAGES
from app.dashboard.rendering import Renderer
from app.dashboard.statics import load_assets, static_routes
from app.dashboard.texts import load_texts
from app.dashboard.visit import Visit
from app.services.authentication import Authenticator
from app.services.office import Office
from app.services.visitors import Visitors


async def show_nothing(visit: Visit) -> View:
    """Whatever address no page has."""
    del visit
    raise NotFoundError("There is nothing at this address.")


NOTHING = Page("nothing", "/{rest:path}", "public", None, show_nothing, show_nothing)


def build_dashboard(
    office: Office, authenticator: Authenticator, *, pages: tuple[Page, ...] = PAGES
) -> list[BaseRoute]:
    """Raises ValueError for a page that would leave a door open, or a text that is not said in every language: both
    stop the start."""
    check_pages(pages)
    assets = load_assets()
    frame = Frame(office, authenticator, Visitors(office), Links(pages), Renderer(load_texts(), assets))

    def make(page: Page) -> Route:
        return make_page_route(PageEndpoint(page, frame), page)

    async def send_home(request: Request) -> Response:
        del request
        return RedirectResponse(f"{PREFIX}/", status_code=307)

    return [
        Route(PREFIX, send_home, methods=["GET"]),
        *static_routes(assets),
        *(make(page) for page in pages),
        make(NOTHING),
    ]

"""What the dashboard shows, one page each, declared: address, whose it is, permission, who answers.

Routing, checks, navigation, links and the tests of roles and accessibility all follow from the declaration.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from starlette.responses import Response

from app.services.permissions import PERMISSIONS, Permission

if TYPE_CHECKING:
    from app.dashboard.visit import Visit

PREFIX = "/dashboard"
NO_ARGS: Mapping[str, Any] = MappingProxyType({})

# Whose page it is: `tenant`: the one in its path; `platform`; `anywhere`: the permission must be held in some place,
# and the page shows no more than what is held there; `caller`: whoever is signed in; `public`: anybody.
Subject = Literal["public", "caller", "anywhere", "platform", "tenant"]


class View(NamedTuple):
    """A page to be rendered from a template. `data`: what the template is given beside the globals."""

    template: str
    data: Mapping[str, Any] = NO_ARGS
    status: int = 200


class Go(NamedTuple):
    """Elsewhere, after something was done. `to`: an address of ours. `done`: the key of a text shown there once, with
    `args`. `cookies`: whole `Set-Cookie` lines."""

    to: str
    done: str | None = None
    args: Mapping[str, Any] = NO_ARGS
    cookies: tuple[str, ...] = ()


Handler = Callable[["Visit"], Awaitable[View | Go | Response]]


class Page(NamedTuple):
    """`name`: for links. `path`: behind PREFIX; `{name:int}` parts are numbers. `show` answers GET, `act` POST of the
    same address; when `act` raises an error of ours, `show` is asked again with the visit's `problem`.

    `permission`: for GET; `act_permission`: for POST, None: the same.
    """

    name: str
    path: str
    subject: Subject
    permission: Permission | None
    show: Handler
    act: Handler | None = None
    act_permission: Permission | None = None

    def get_permission(self, method: str) -> Permission | None:
        return (self.act_permission or self.permission) if method == "POST" else self.permission


def check_pages(pages: tuple[Page, ...]) -> None:
    """Raises ValueError for what would leave a door open or a link dead: called when the application is built."""
    seen: set[object] = set()
    for page in pages:
        needs_permission = page.subject not in {"public", "caller"}
        for permission in (page.permission, page.act_permission):
            if permission is not None and permission not in PERMISSIONS:
                raise ValueError(f"{page.name} declares a permission that there is not: {permission}")
        if needs_permission != (page.permission is not None):
            raise ValueError(f"{page.name} concerns more than its caller and says not what is needed for it")
        if (page.subject == "tenant") != ("{tenant_id:int}" in page.path):
            raise ValueError(f"{page.name} is a tenant's and does not say which one's, or the other way round")
        for key in (page.name, page.path):
            if key in seen:
                raise ValueError(f"{page.name} is declared twice")
            seen.add(key)

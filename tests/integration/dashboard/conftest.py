"""The dashboard as a browser meets it: the web process's app over real servers, people of every role signed in.

Cast: the API tests' tenants acme (56) and globex (57), each with a person of every role, and a platform admin.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from uuid import UUID

import httpx
import pytest

from app.core.cookies import SESSION_COOKIE
from app.main import build_app
from app.services.invitations import accept_invitation
from app.services.office import Office, Place
from app.services.people import create_platform_admin, invite_person
from app.services.permissions import PERMISSIONS, Role
from app.services.sessions import log_in
from schemas.access import Acceptance, NewPerson
from tests.integration.api.conftest import ACME, CLI, GLOBEX, Cast, cast, office

__all__ = ["ACME", "GLOBEX", "Browse", "cast", "office"]

PASSWORD = "a password that nobody guesses"
Browse = Callable[..., Awaitable[httpx.AsyncClient]]


class People:
    """Made when a test first asks for them: a password costs its time to hash."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._sessions: dict[tuple[int, Role], str] = {}
        self.ids: dict[tuple[int, Role], UUID] = {}

    async def find_session(self, tenant_id: int, role: Role) -> str:
        if (tenant_id, role) not in self._sessions:
            self._sessions[tenant_id, role] = await self._make(tenant_id, role)
        return self._sessions[tenant_id, role]

    async def _make(self, tenant_id: int, role: Role) -> str:
        email = f"{role}.{tenant_id}@example.com"
        if role == "platform_admin":
            admin = await create_platform_admin(self._office, email, "Ada Admin", actor=CLI)
            self.ids[tenant_id, role] = admin.person_id
            opened = await log_in(self._office, email, admin.password, address="127.0.0.1", request_id=None)
            return opened.session_id
        wanted = NewPerson(email=email, name=f"{role.title()} of {tenant_id}", role=role)
        invited = await invite_person(
            self._office, Place("tenant", tenant_id), wanted, actor=CLI, held=PERMISSIONS
        )  # fmt: skip
        self.ids[tenant_id, role] = invited.person_id
        accepted = Acceptance(email=email, code=invited.invitation_code, password=PASSWORD)
        opened = await accept_invitation(self._office, accepted, address="127.0.0.1", request_id=None)
        return opened.session_id


@pytest.fixture
def people(cast: Cast) -> People:
    return People(cast.office)


@pytest.fixture
async def browse(cast: Cast, people: People) -> AsyncIterator[Browse]:
    """`await browse(ACME, "admin")`: a browser of that person, signed in; `await browse()`: of nobody.

    `await browse(role="platform_admin")`: of the platform's admin. Its posts come from our own pages.
    """
    app = build_app(cast.office, cast.usage)
    async with AsyncExitStack() as stack:

        async def open_browser(tenant_id: int = 0, role: Role | None = None, language: str = "en") -> httpx.AsyncClient:
            cookies = {}
            if role is not None:
                cookies = {SESSION_COOKIE: await people.find_session(tenant_id, role)}
            return await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(app=app, client=("127.0.0.1", 50_000)),
                    base_url="http://acequia.test/dashboard",
                    cookies=cookies,
                    headers={"Sec-Fetch-Site": "same-origin", "Accept-Language": language},
                )
            )

        yield open_browser

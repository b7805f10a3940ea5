"""One call of a page, as its handler and its template see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from starlette.requests import Request

from app.core.errors import AcequiaError, FieldProblem, InvalidInputError, NotFoundError
from app.dashboard.viewer import Viewer
from app.services.audit import Actor
from app.services.office import Office
from app.services.permissions import Permission, Principal
from app.services.visitors import Visitor, Visitors
from db.tenants import Tenant

if TYPE_CHECKING:
    from app.dashboard.links import Links
    from app.dashboard.texts import Texts
    from app.services.authentication import Authenticator

SAID = "said"  # the code of a problem whose detail is in the viewer's language already


@dataclass(slots=True)
class Visit:
    """`tenant`: whose page it is, if it is a tenant's; `permissions`: what the visitor may do there. `form`: the fields
    of a POST. `problem`: what `act` raised, when `show` is asked again. `is_live`: a script's look for what is new.
    """

    office: Office
    authenticator: "Authenticator"
    links: "Links"
    texts: "Texts"
    visitors: Visitors
    request: Request
    request_id: str
    address: str
    is_secure: bool
    now: datetime
    viewer: Viewer
    page_name: str
    principal: Principal | None = None
    person: Visitor | None = None
    session_id: str | None = None
    tenant: Tenant | None = None
    permissions: frozenset[Permission] = frozenset()
    form: Mapping[str, str] = field(default_factory=dict)
    form_pairs: Sequence[tuple[str, str]] = ()
    problem: AcequiaError | None = None
    is_live: bool = False
    cookies: list[str] = field(default_factory=list)

    @property
    def caller(self) -> Principal:
        assert self.principal is not None, "a public page has no caller"
        return self.principal

    @property
    def actor(self) -> Actor:
        """The visitor as the audit log names them."""
        return Actor(self.caller.kind, self.caller.id, self.request_id)

    @property
    def tenant_id(self) -> int:
        return self.get_tenant().tenant_id

    def get_tenant(self) -> Tenant:
        assert self.tenant is not None, "the page is declared as a tenant's"
        return self.tenant

    def may(self, permission: Permission) -> bool:
        """Here: in the tenant whose page it is, else on the platform."""
        return permission in self.permissions

    @property
    def is_platform_admin(self) -> bool:
        return self.principal is not None and self.principal.is_platform_admin

    def t(self, key: str, **args: Any) -> str:
        """A text in the viewer's language. Raises KeyError for one that there is not."""
        return self.texts.get(self.viewer.locale, key, **args)

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the address, without spaces around it."""
        return self.request.query_params.get(name, default).replace("\x00", "").strip()

    def number(self, name: str) -> int:
        """A number of the path."""
        value = self.request.path_params[name]
        assert isinstance(value, int), "the path declares it as a number"
        return value

    def text(self, name: str) -> str:
        """A text of the path."""
        return str(self.request.path_params[name])

    def uuid(self, name: str) -> UUID:
        """An id of the path. Raises NotFoundError for what can be none."""
        try:
            return UUID(self.text(name))
        except ValueError:
            raise NotFoundError("There is nothing under this id.") from None

    def form_list(self, name: str) -> list[str]:
        """All values that a form gave under one name."""
        return [value for given, value in self.form_pairs if given == name]

    def link(self, name: str, **params: Any) -> str:
        """The address of a page. The tenant is this one's, unless another is named; what is no part of the path
        becomes the query; None is left out. Raises KeyError for a page that there is not."""
        if self.tenant is not None:
            params.setdefault("tenant_id", self.tenant.tenant_id)
        return self.links.make(name, params)

    def has_page(self, name: str) -> bool:
        """Whether there is such a page, and this visitor may look at it here."""
        page = self.links.find(name)
        if page is None:
            return False
        if page.subject == "platform":
            return page.permission in (self.caller.platform_permissions if self.principal else ())
        return page.permission is None or page.permission in self.permissions or page.subject == "anywhere"

    def find_error(self, name: str) -> str | None:
        """What is wrong with a field of the form, told by the error's pointer."""
        if not isinstance(self.problem, InvalidInputError):
            return None
        found = next((one for one in self.problem.problems if _names(one, name)), None)
        return None if found is None else self._say_wrong(found, name)

    def _say_wrong(self, found: FieldProblem, name: str) -> str:
        """In English as the API says it; else by its code, or at least whether something is missing."""
        if found.code == SAID or self.viewer.language == "en":
            return found.detail
        key = f"wrong.{found.code}"
        if found.code is not None and self.texts.has(key):
            return self.t(key, about=found.about or "")
        return self.t("wrong.value" if self.form.get(name, "").strip() else "wrong.missing")


def _names(problem: FieldProblem, name: str) -> bool:
    return problem.pointer.rpartition("/")[2] == name or problem.pointer == f"/{name}"

"""One call as a handler sees it: authenticated, within its limits, allowed, and with its parts read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from pydantic import BaseModel

from app.core.errors import NotFoundError
from app.services.audit import Actor
from app.services.office import Office, Place
from app.services.permissions import Permission, Principal
from db.tenants import Tenant

if TYPE_CHECKING:
    from app.services.authentication import Authenticator

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(slots=True)
class Call:
    """`tenant`: whose operation it is, if it is a tenant's. `permissions`: what the caller may do there.

    `address`: the network address that called. `if_match`: the state that a change is meant for, None for any.
    """

    office: Office
    authenticator: "Authenticator"
    request_id: str
    address: str
    is_secure: bool
    path: Mapping[str, str | int]
    principal: Principal | None = None
    session_id: str | None = None
    tenant: Tenant | None = None
    permissions: frozenset[Permission] = frozenset()
    query: BaseModel | None = None
    body: BaseModel | None = None
    if_match: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def tenant_id(self) -> int:
        return self.get_tenant().tenant_id

    @property
    def caller(self) -> Principal:
        assert self.principal is not None, "a public operation has no caller"
        return self.principal

    @property
    def actor(self) -> Actor:
        """The caller as the audit log names them."""
        return Actor(self.caller.kind, self.caller.id, self.request_id)

    @property
    def place(self) -> Place:
        """Where keys and roles of this call hold: its tenant."""
        return Place("tenant", self.tenant_id)

    def get_tenant(self) -> Tenant:
        assert self.tenant is not None, "the operation is declared as a tenant's"
        return self.tenant

    def get_query(self, kind: type[ModelT]) -> ModelT:
        assert isinstance(self.query, kind), "the operation declares its query"
        return self.query

    def get_body(self, kind: type[ModelT]) -> ModelT:
        assert isinstance(self.body, kind), "the operation declares its body"
        return self.body

    def get_number(self, name: str) -> int:
        value = self.path[name]
        assert isinstance(value, int), "the path declares it as a number"
        return value

    def get_text(self, name: str) -> str:
        return str(self.path[name])

    def get_uuid(self, name: str) -> UUID:
        """Raises NotFoundError for what can be no id: there is nothing under it."""
        try:
            return UUID(str(self.path[name]))
        except ValueError:
            raise NotFoundError("There is nothing under this id.") from None

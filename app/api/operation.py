"""What the API can do, one operation each, declared: route, permission, forms of what goes in and comes out.

Routing, checks, OpenAPI and the tests of roles and isolation all follow from the declaration. An operation without a
permission cannot be declared, so none is reachable by forgetting one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel

from app.core.errors import AcequiaError
from app.services.permissions import PERMISSIONS, Permission
from schemas.api import Body, Query

if TYPE_CHECKING:
    from app.api.call import Call

PREFIX = "/api/v2"
JSON = "application/json"
PATH_TEXT_MAX = 1_500  # characters of a text in an address: a record's id holds its key at the source

Method = Literal["GET", "POST", "PUT", "DELETE"]
# Whose operation it is: a tenant's, an organization's, the platform's, or the caller's own. `anywhere`: the permission
# must be held in some place, and the handler shows no more than what is held there.
Subject = Literal["tenant", "organization", "platform", "anywhere", "caller"]
# Where the tenant's id stands: in the path, in an integration's id there, in the query or in the body.
TenantPlace = Literal["path", "integration", "query", "body"]


class Result(NamedTuple):
    """An answer with what goes into its headers. `object_id`: what a POST made, for repeats under one key.

    `events`: what an operation of another `media_type` sends instead of `answer`, as it happens; None: nothing new.
    """

    answer: BaseModel
    etag: str | None = None
    location: str | None = None
    object_id: str | None = None
    cookie: str | None = None
    status: int | None = None
    events: AsyncIterator[BaseModel | None] | None = None


Handler = Callable[["Call"], Awaitable[Result]]


class Operation(NamedTuple):
    """`permission`: what the caller must hold there; `authenticated`: any key or session; `public`: nobody asks.

    `path` follows PREFIX; `{name:int}` parts are numbers. `shows_secret`: its answer must not be kept.
    `media_type`: of its answer; of a stream of events, `answer` is the form of one event's data.
    `is_harmless_twice`: a call that ended in a fault of ours may be repeated at once under its Idempotency-Key.
    """

    operation_id: str
    method: Method
    path: str
    subject: Subject
    permission: Permission | Literal["authenticated", "public"]
    summary: str
    tag: str
    handler: Handler
    answer: type[BaseModel]
    status: int = 200
    tenant_in: TenantPlace | None = None
    query: type[Query] | None = None
    body: type[Body] | None = None
    is_body_required: bool = True
    problems: tuple[type[AcequiaError], ...] = ()
    shows_secret: bool = False
    is_harmless_twice: bool = False
    has_etag: bool = False
    description: str = ""
    media_type: str = JSON


def check_operations(operations: tuple[Operation, ...]) -> None:
    """Raises ValueError for what would leave a door open: called when the application is built."""
    seen: set[object] = set()
    for operation in operations:
        name = f"{operation.method} {operation.path}"
        if operation.permission not in PERMISSIONS | {"authenticated", "public"}:
            raise ValueError(f"{name} declares no permission")
        if (operation.subject == "tenant") != (operation.tenant_in is not None):
            raise ValueError(f"{name} is a tenant's and does not say which one's, or the other way round")
        if (operation.permission in {"authenticated", "public"}) != (operation.subject == "caller"):
            raise ValueError(f"{name} concerns more than its caller and says not what is needed for it")
        for key in (operation.operation_id, (operation.method, operation.path)):
            if key in seen:
                raise ValueError(f"{name} is declared twice")
            seen.add(key)

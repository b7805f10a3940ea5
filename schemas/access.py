"""Keys, people, sessions and the audit log, as the API takes and shows them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from schemas.api import Body, Moment, PageQuery, ShortText, Shown

TenantRole = Literal["owner", "admin", "operator", "analyst", "auditor"]
AnyRole = Literal["platform_admin", "owner", "admin", "operator", "analyst", "auditor"]
Email = Annotated[str, StringConstraints(strip_whitespace=True, min_length=6, max_length=254)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Language = Literal["es", "pt", "en"]
AuditWord = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class NewKey(Body):
    """`permissions` narrow the role; `expires_at`: none lives longer than API_KEY_DAYS_MAX."""

    name: ShortText
    role: TenantRole
    permissions: list[str] | None = Field(None, max_length=20)
    expires_at: datetime | None = None


class NewPlatformKey(Body):
    """A key that may do everything: its role is `platform_admin`."""

    name: ShortText
    expires_at: datetime | None = None


class Key(Shown):
    """A key without its secret. `secrets_valid`: 2 while it is being rotated."""

    key_id: str
    name: str
    scope: Literal["platform", "organization", "tenant"]
    scope_id: int
    role: AnyRole
    permissions: list[str]
    status: Literal["active", "expired", "revoked"]
    secrets_valid: int
    created_by: str
    created_at: datetime
    rotated_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class IssuedKey(Key):
    """`api_key` is shown this once."""

    api_key: str


class NewPerson(Body):
    """Somebody to be invited: the role counts once they have accepted it."""

    email: Email
    name: ShortText
    role: TenantRole


class Person(Shown):
    person_id: UUID
    email: str
    name: str
    role: AnyRole
    status: Literal["invited", "active", "disabled"]
    created_at: datetime


class InvitedPerson(Person):
    """`invitation_code` is shown this once: give it to the person, who accepts with it before `accept_before`."""

    invitation_code: str
    accept_before: datetime


class PersonWithPassword(Person):
    """`password` is shown this once."""

    password: str


class Acceptance(Body):
    """`password`: the person's own; for one who has none yet, the one that they will have."""

    email: Email
    code: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    password: Password


class NewRole(Body):
    role: TenantRole


class Login(Body):
    email: Email
    password: Password


class NewPassword(Body):
    current_password: Password
    new_password: Password


class GrantShown(Shown):
    """A role and where it holds. `scope_id`: 0 for the platform, else the organization's or the tenant's id."""

    scope: Literal["platform", "organization", "tenant"]
    scope_id: int
    role: AnyRole
    permissions: list[str]


class Caller(Shown):
    """Who calls, and what they may do."""

    kind: Literal["person", "key"]
    id: str
    name: str
    email: str | None
    language: Language | None
    grants: list[GrantShown]


class AuditQuery(PageQuery):
    """Only entries that are so. `action`: what its name begins with, such as `key.` or `person.invited`."""

    actor_id: AuditWord | None = Field(None, description="the id of whoever did it: a person's, a key's, a user's name")
    action: AuditWord | None = Field(None, description="what the action's name begins with")
    object_id: AuditWord | None = Field(None, description="the id of what it was done to")
    since: Moment | None = Field(None, description="done then or later")
    until: Moment | None = Field(None, description="done before")


class AuditEntry(Shown):
    audit_id: UUID
    at: datetime
    actor_kind: Literal["person", "key", "cli", "system"]
    actor_id: str
    action: str
    object_kind: str
    object_id: str
    details: dict[str, Any]
    request_id: str | None

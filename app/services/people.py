"""People: invited into a place with a role, changed, removed. Addresses and names are sealed with the platform's keys.

A role counts once it is accepted (invitations.py): an invitation answers the same whether anybody knows the person or
not, and gives nothing to who wrote it. What a person is called is kept per place: what another tenant calls them is not
that one's to know.
"""

import secrets
from collections.abc import Set
from datetime import UTC, datetime, timedelta
from typing import Literal, cast
from uuid import UUID, uuid4

import asyncpg
import orjson
from asyncpg.exceptions import UniqueViolationError

from app.core.errors import ConflictError, FieldProblem, ForbiddenError, InvalidInputError, NotFoundError
from app.core.identity import normalise_email
from app.core.sealing import TenantKeys
from app.core.tokens import hash_token
from app.services.audit import Actor, write_audit
from app.services.office import PLATFORM, Office, Place
from app.services.passwords import hash_password, make_password
from app.services.permissions import ROLE_PERMISSIONS, Permission, Role, may_give
from db import people as db_people
from db.people import Member, PersonRow, RoleScope
from schemas.access import AnyRole, InvitedPerson, NewPerson, Person, PersonWithPassword, TenantRole

EMAIL_KIND = "person_email"
PERSON_PURPOSE = "person.v1"
NAME_PURPOSE = "person_name.v1"
NO_PASSWORD = ""  # fits no password
CODE_BYTES = 24


async def invite_person(
    office: Office, place: Place, wanted: NewPerson, *, actor: Actor, held: Set[Permission]
) -> InvitedPerson:
    """Invites somebody to a role in a tenant or organization. Invited already to the same: only the newest code counts.

    `held`: what whoever asks may do there. Raises ForbiddenError for a role that may more, ConflictError for one who
    has a role there, or another invitation, or when PEOPLE_MAX have; InvalidInputError.
    """
    if not may_give(ROLE_PERMISSIONS[wanted.role], held):
        raise ForbiddenError(f"Nobody can give a role above their own: {wanted.role}.")
    keys = await office.get_platform_keys()
    email = read_email(wanted.email)
    await _require_room(office, place)
    person = await _find_or_create(office, keys, email, wanted.name)
    sealed_name = keys.seal(NAME_PURPOSE, _bind_name(person.person_id, place), wanted.name.encode())
    code = secrets.token_urlsafe(CODE_BYTES)
    ends_at = datetime.now(UTC) + timedelta(days=office.settings.invitation_days)
    async with office.database.platform_tx("invite_person") as connection:
        invited_at = await db_people.invite(
            connection, person.person_id, *_role_scope(place), role=wanted.role, sealed_name=sealed_name,
            code_hash=hash_token(code), code_ends_at=ends_at,
        )  # fmt: skip
        if invited_at is None:
            raise ConflictError("This person has a role here already, or an invitation to another: change that one.")
        await write_audit(
            connection, place.audited_tenant_id, actor, "person.invited", "person", str(person.person_id),
            {"role": wanted.role},
        )  # fmt: skip
    shown = _show(keys, place, Member(person, wanted.role, sealed_name, invited_at, None))
    return InvitedPerson(**shown.model_dump(), invitation_code=code, accept_before=ends_at)


async def create_platform_admin(office: Office, email: str, name: str, *, actor: Actor) -> PersonWithPassword:
    """A person who may do everything; for the command line. Raises ConflictError for an address that is there."""
    keys = await office.get_platform_keys()
    password = make_password()
    password_hash = await hash_password(password)
    try:
        person = await _insert(office, keys, read_email(email), name, password_hash, is_platform_admin=True)
    except UniqueViolationError:
        raise ConflictError("There is a person with this address already.") from None
    async with office.database.platform_tx("create_admin") as connection:
        await write_audit(connection, None, actor, "person.made_platform_admin", "person", str(person.person_id))
    member = Member(person, "platform_admin", None, person.created_at, person.created_at)
    return PersonWithPassword(**_show(keys, PLATFORM, member).model_dump(), password=password)


async def reset_password(office: Office, person_id: UUID, *, actor: Actor) -> str:
    """A new password for somebody who lost theirs, or whose address somebody else has used; their sessions end. For
    operators: it opens everything that the person may do. Raises NotFoundError."""
    password = make_password()
    password_hash = await hash_password(password)
    async with office.database.platform_tx("reset_password") as connection:
        if not await db_people.set_password(connection, person_id, password_hash):
            raise NotFoundError("There is no such person.")
        await write_audit(connection, None, actor, "person.password_reset", "person", str(person_id))
    return password


async def set_person_status(
    office: Office, person_id: UUID, status: Literal["active", "disabled"], *, actor: Actor
) -> None:
    """A disabled person cannot log in anywhere; their sessions end. For operators. Raises NotFoundError."""
    async with office.database.platform_tx("set_person_status") as connection:
        if not await db_people.set_person_status(connection, person_id, status):
            raise NotFoundError("There is no such person.")
        await write_audit(connection, None, actor, f"person.{status}", "person", str(person_id))


async def list_people(office: Office, place: Place) -> list[Person]:
    """All who have a role in a place."""
    keys = await office.get_platform_keys()
    async with office.database.platform_tx("list_people") as connection:
        members = await db_people.list_people(connection, *place)
    return [_show(keys, place, member) for member in members]


async def change_role(
    office: Office, place: Place, person_id: UUID, role: TenantRole, *, actor: Actor, held: Set[Permission]
) -> Person:
    """Gives another role. Raises NotFoundError, ForbiddenError, and ConflictError for the last owner."""
    async with office.database.platform_tx("change_role") as connection:
        await _require_changeable(connection, place, person_id, role, held)
        await db_people.set_role(connection, person_id, *_role_scope(place), role)
        await write_audit(
            connection, place.audited_tenant_id, actor, "person.role_changed", "person", str(person_id), {"role": role}
        )
    return await get_person(office, place, person_id)


async def remove_person(office: Office, place: Place, person_id: UUID, *, actor: Actor, held: Set[Permission]) -> None:
    """Takes their role away; they stay where else they have one. Raises as `change_role`."""
    async with office.database.platform_tx("remove_person") as connection:
        await _require_changeable(connection, place, person_id, None, held)
        await db_people.remove_role(connection, person_id, *_role_scope(place))
        await write_audit(connection, place.audited_tenant_id, actor, "person.removed", "person", str(person_id))


async def get_person(office: Office, place: Place, person_id: UUID) -> Person:
    """Raises NotFoundError for somebody without a role there."""
    for person in await list_people(office, place):
        if person.person_id == person_id:
            return person
    raise NotFoundError("There is no such person here.")


def read_email(text: str) -> str:
    """The normal form. Raises InvalidInputError; the message does not repeat the address."""
    email = normalise_email(text)
    if email is None:
        raise InvalidInputError(FieldProblem("/email", "is not an e-mail address that somebody could have", "no_email"))
    return email


def open_person(keys: TenantKeys, person: PersonRow) -> dict[str, str]:
    """`email` and `name`. Raises SealingError."""
    opened: dict[str, str] = orjson.loads(keys.open(PERSON_PURPOSE, str(person.person_id), person.sealed))
    return opened


async def _require_room(office: Office, place: Place) -> None:
    async with office.database.platform_tx("count_people") as connection:
        if await db_people.count_people(connection, *_role_scope(place)) >= office.settings.people_max:
            raise ConflictError(f"There are {office.settings.people_max} people here: remove one who has left.")


async def _find_or_create(office: Office, keys: TenantKeys, email: str, name: str) -> PersonRow:
    """The person, without a password if nobody knew them."""
    email_index = keys.blind_index(EMAIL_KIND, email)
    for _ in range(2):
        async with office.database.platform_tx("find_person") as connection:
            known = await db_people.find_person_by_email(connection, email_index)
        if known is not None:
            return known
        try:
            return await _insert(office, keys, email, name, NO_PASSWORD)
        except UniqueViolationError:
            continue  # invited by somebody else in this moment
    raise ConflictError("This person is being invited elsewhere at this moment: try again.")


async def _insert(
    office: Office, keys: TenantKeys, email: str, name: str, password_hash: str, *, is_platform_admin: bool = False
) -> PersonRow:
    """Raises asyncpg's UniqueViolationError for an address that is there."""
    person_id = uuid4()  # one that holds its time would tell a later inviter that there was an earlier one
    async with office.database.platform_tx("insert_person") as connection:
        await db_people.insert_person(
            connection,
            person_id=person_id,
            email_index=keys.blind_index(EMAIL_KIND, email),
            sealed=keys.seal(PERSON_PURPOSE, str(person_id), orjson.dumps({"email": email, "name": name})),
            password_hash=password_hash,
            is_platform_admin=is_platform_admin,
        )
        row = await db_people.find_person(connection, person_id)
    assert row is not None, "the person was just inserted"
    return row


async def _require_changeable(
    connection: asyncpg.Connection, place: Place, person_id: UUID, role: TenantRole | None, held: Set[Permission]
) -> None:
    """Whoever changes a person holds at least as much, and a place keeps its last owner."""
    scope, scope_id = _role_scope(place)
    owners = await db_people.lock_owners(connection, scope, scope_id)
    before = await db_people.find_role(connection, person_id, scope, scope_id)
    if before is None:
        raise NotFoundError("There is no such person here.")
    concerned = ROLE_PERMISSIONS[cast("Role", before)] | (ROLE_PERMISSIONS[role] if role else frozenset())
    if not may_give(concerned, held):
        raise ForbiddenError("Nobody changes a role above their own, nor gives one.")
    if owners == [person_id] and role != "owner":
        raise ConflictError("This is the last owner here: make somebody else one first.")


def _show(keys: TenantKeys, place: Place, member: Member) -> Person:
    person = member.person
    opened = open_person(keys, person)
    name = opened["name"]
    if member.sealed_name is not None:
        name = keys.open(NAME_PURPOSE, _bind_name(person.person_id, place), member.sealed_name).decode()
    return Person(
        person_id=person.person_id, email=opened["email"], name=name, role=cast("AnyRole", member.role),
        status=_find_status(member), created_at=member.invited_at,
    )  # fmt: skip


def _find_status(member: Member) -> Literal["invited", "active", "disabled"]:
    if member.accepted_at is None:
        return "invited"
    return "disabled" if member.person.status == "disabled" else "active"


def _bind_name(person_id: UUID, place: Place) -> str:
    return f"{person_id}/{place.scope}/{place.scope_id}"


def _role_scope(place: Place) -> tuple[RoleScope, int]:
    assert place.scope != "platform", "roles are given in tenants and organizations"
    return place.scope, place.scope_id

"""People and their roles: rows of the platform. Address and name are sealed by whoever calls this."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

import asyncpg

from db.queries import load_queries

SQL = load_queries("people")

RoleScope = Literal["organization", "tenant"]


class PersonRow(NamedTuple):
    """One person. `sealed`: address and name. `session_epoch`: sessions of an older one have ended."""

    person_id: UUID
    sealed: bytes
    password_hash: str
    is_platform_admin: bool
    status: str
    session_epoch: int
    language: str | None
    created_at: datetime


class RoleRow(NamedTuple):
    scope: RoleScope
    scope_id: int
    role: str


class Member(NamedTuple):
    """A person with the role that they have somewhere, and the sealed name that they have there. `accepted_at`: None
    while they are only invited."""

    person: PersonRow
    role: str
    sealed_name: bytes | None
    invited_at: datetime
    accepted_at: datetime | None


async def insert_person(
    connection: asyncpg.Connection,
    *,
    person_id: UUID,
    email_index: bytes,
    sealed: bytes,
    password_hash: str,
    is_platform_admin: bool = False,
    language: str | None = None,
) -> None:
    """Raises asyncpg's UniqueViolationError when the address is there already."""
    await connection.execute(
        SQL["insert_person"], person_id, email_index, sealed, password_hash, is_platform_admin, language
    )


async def find_person(connection: asyncpg.Connection, person_id: UUID) -> PersonRow | None:
    row = await connection.fetchrow(SQL["find_person"], person_id)
    return None if row is None else PersonRow(*row)


async def find_person_by_email(connection: asyncpg.Connection, email_index: bytes) -> PersonRow | None:
    row = await connection.fetchrow(SQL["find_person_by_email"], email_index)
    return None if row is None else PersonRow(*row)


async def list_people(
    connection: asyncpg.Connection, scope: RoleScope | Literal["platform"], scope_id: int
) -> list[Member]:
    """All who have a role there."""
    if scope == "platform":
        rows = await connection.fetch(SQL["list_platform_admins"])
    else:
        rows = await connection.fetch(SQL["list_people_of_scope"], scope, scope_id)
    return [Member(PersonRow(*row[:-4]), *row[-4:]) for row in map(tuple, rows)]


async def list_roles(connection: asyncpg.Connection, person_id: UUID) -> list[RoleRow]:
    return [RoleRow(*row) for row in await connection.fetch(SQL["list_roles_of_person"], person_id)]


async def invite(
    connection: asyncpg.Connection,
    person_id: UUID,
    scope: RoleScope,
    scope_id: int,
    *,
    role: str,
    sealed_name: bytes,
    code_hash: bytes,
    code_ends_at: datetime,
) -> datetime | None:
    """Since when they are invited; None when they have accepted a role there, or are invited to another."""
    invited_at: datetime | None = await connection.fetchval(
        SQL["invite"], person_id, scope, scope_id, role, sealed_name, code_hash, code_ends_at
    )
    return invited_at


async def find_invitation(connection: asyncpg.Connection, person_id: UUID, code_hash: bytes) -> RoleRow | None:
    """The role that a code gives, while it is good."""
    row = await connection.fetchrow(SQL["find_invitation"], person_id, code_hash)
    return None if row is None else RoleRow(*row)


async def accept_invitation(connection: asyncpg.Connection, person_id: UUID, code_hash: bytes) -> RoleRow | None:
    """The role that they have now; None when the code is not good (any more)."""
    row = await connection.fetchrow(SQL["accept_invitation"], person_id, code_hash)
    return None if row is None else RoleRow(*row)


async def set_first_password(connection: asyncpg.Connection, person_id: UUID, password_hash: str) -> bool:
    """False when they have one."""
    return await connection.fetchval(SQL["set_first_password"], person_id, password_hash) is not None


async def find_role(connection: asyncpg.Connection, person_id: UUID, scope: RoleScope, scope_id: int) -> str | None:
    role: str | None = await connection.fetchval(SQL["find_role"], person_id, scope, scope_id)
    return role


async def set_role(connection: asyncpg.Connection, person_id: UUID, scope: RoleScope, scope_id: int, role: str) -> bool:
    """False when they have no role there."""
    return await connection.fetchval(SQL["set_role"], person_id, scope, scope_id, role) is not None


async def remove_role(connection: asyncpg.Connection, person_id: UUID, scope: RoleScope, scope_id: int) -> str | None:
    """The role that was taken away; None when there was none."""
    role: str | None = await connection.fetchval(SQL["remove_role"], person_id, scope, scope_id)
    return role


async def count_people(connection: asyncpg.Connection, scope: RoleScope, scope_id: int) -> int:
    return int(await connection.fetchval(SQL["count_people"], scope, scope_id))


async def lock_owners(connection: asyncpg.Connection, scope: RoleScope, scope_id: int) -> list[UUID]:
    """The owners of a scope, held until the transaction ends."""
    return [row[0] for row in await connection.fetch(SQL["lock_owners"], scope, scope_id)]


async def set_password(connection: asyncpg.Connection, person_id: UUID, password_hash: str) -> bool:
    return await connection.fetchval(SQL["set_password"], person_id, password_hash) is not None


async def rehash_password(connection: asyncpg.Connection, person_id: UUID, before: str, after: str) -> None:
    await connection.execute(SQL["rehash_password"], person_id, before, after)


async def set_person_status(
    connection: asyncpg.Connection, person_id: UUID, status: Literal["active", "disabled"]
) -> bool:
    return await connection.fetchval(SQL["set_person_status"], person_id, status) is not None


async def set_language(connection: asyncpg.Connection, person_id: UUID, language: str) -> None:
    """The language in which pages speak to them."""
    await connection.execute(SQL["set_language"], person_id, language)

"""What a caller is told about themselves."""

from typing import cast
from uuid import UUID

from app.core.errors import NotFoundError
from app.services.office import Office
from app.services.people import open_person
from app.services.permissions import Principal
from db import api_keys as db_keys
from db import people as db_people
from schemas.access import Caller, GrantShown, Language


async def describe_caller(office: Office, principal: Principal) -> Caller:
    """Who calls, and what they may do where. Raises NotFoundError for one that has gone meanwhile."""
    grants = [
        GrantShown(scope=grant.scope, scope_id=grant.scope_id, role=grant.role, permissions=sorted(grant.allowed))
        for grant in principal.grants
    ]
    if principal.kind == "person":
        return await _describe_person(office, UUID(principal.id), grants)
    async with office.database.platform_tx("describe_caller") as connection:
        key = await db_keys.find_api_key(connection, principal.id)
    if key is None:
        raise NotFoundError("This key is not there any more.")
    return Caller(kind="key", id=principal.id, name=key.name, email=None, language=None, grants=grants)


async def _describe_person(office: Office, person_id: UUID, grants: list[GrantShown]) -> Caller:
    async with office.database.platform_tx("describe_caller") as connection:
        person = await db_people.find_person(connection, person_id)
    if person is None:
        raise NotFoundError("This person is not there any more.")
    opened = open_person(await office.get_platform_keys(), person)
    return Caller(
        kind="person", id=str(person_id), name=opened["name"], email=opened["email"],
        language=cast("Language | None", person.language), grants=grants,
    )  # fmt: skip

"""Accepting an invitation: with its code, and with the person's own password, or the first one of somebody new.

Neither alone is enough. Whoever invited knows the code and not the password; whoever has used the address before, in
another tenant's name, knows a password and not the code.
"""

from app.core.errors import UnauthenticatedError
from app.core.identity import normalise_email
from app.core.tokens import hash_token
from app.services.audit import Actor, write_audit
from app.services.office import Office, Place
from app.services.passwords import check_password, hash_password, verify_password
from app.services.people import EMAIL_KIND, NO_PASSWORD
from app.services.sessions import OpenedSession, limit_tries, open_session
from db import people as db_people
from db.people import PersonRow
from schemas.access import Acceptance


async def accept_invitation(
    office: Office, wanted: Acceptance, *, address: str, request_id: str | None
) -> OpenedSession:
    """The role counts from now on. Raises UnauthenticatedError, the same for every reason, InvalidInputError for a
    first password that is too easy, RateLimitedError."""
    keys = await office.get_platform_keys()
    email_index = keys.blind_index(EMAIL_KIND, normalise_email(wanted.email) or "")
    await limit_tries(office, email_index.hex(), address)
    code_hash = hash_token(wanted.code)
    async with office.database.platform_tx("find_invitation") as connection:
        person = await db_people.find_person_by_email(connection, email_index)
        invitation = person and await db_people.find_invitation(connection, person.person_id, code_hash)
    is_right = await verify_password(wanted.password, person.password_hash if person else None)
    is_new = person is not None and person.password_hash == NO_PASSWORD
    if person is None or invitation is None or person.status != "active" or not (is_right or is_new):
        raise UnauthenticatedError("This address, this code and this password do not go together.")
    first_hash = None
    if is_new:
        check_password(wanted.password, office.settings.password_chars_min, "/password")
        first_hash = await hash_password(wanted.password)
    await _accept(office, person, code_hash, first_hash, request_id)
    return await open_session(office, person)


async def _accept(
    office: Office, person: PersonRow, code_hash: bytes, first_hash: str | None, request_id: str | None
) -> None:
    actor = Actor("person", str(person.person_id), request_id)
    async with office.database.platform_tx("accept_invitation") as connection:
        role = await db_people.accept_invitation(connection, person.person_id, code_hash)
        if role is None or (
            first_hash is not None and not await db_people.set_first_password(connection, person.person_id, first_hash)
        ):
            raise UnauthenticatedError("This invitation was accepted in this moment: log in.")
        place = Place(role.scope, role.scope_id)
        await write_audit(
            connection, place.audited_tenant_id, actor, "person.accepted", "person", actor.id, {"role": role.role}
        )

"""Who may sign in to the demo's dashboard: a platform admin and, where the demo's tenants are, an operator of a brand.

Both have the password that one file of the data folder holds. Who is there stays as they are, also with a password that
they changed; without the file both get a new one.
"""

import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from app.services.audit import Actor, write_audit
from app.services.invitations import accept_invitation
from app.services.office import Office, Place, open_office
from app.services.passwords import hash_password
from app.services.people import EMAIL_KIND, create_platform_admin, invite_person, read_email
from app.services.permissions import ROLE_PERMISSIONS
from db import people as db_people
from db.people import PersonRow
from schemas.access import Acceptance, AnyRole, NewPerson
from scripts.stack.passwords import read_private, write_private

if TYPE_CHECKING:
    from scripts.stack.stack import Stack

PASSWORD_FILE = "dashboard-password"  # noqa: S105 - a name; in the data folder, mode 0600, nothing but the password
PASSWORD_BYTES = 12  # typed by hand now and then
ACTOR = Actor("cli", "scripts/up")


class FirstPerson(NamedTuple):
    """`tenant_id`: where the role holds; None: the platform."""

    email: str
    name: str
    role: AnyRole
    tenant_id: int | None


ADMIN = FirstPerson("admin@acequia.example", "Platform admin", "platform_admin", None)
OPERATOR = FirstPerson("operator@chelsea.example", "Chelsea's operator", "operator", 56)


async def keep_people(stack: "Stack") -> tuple[FirstPerson, ...]:
    """Who can sign in now. Raises PermissionError when somebody else may read the password's file."""
    path = stack.path / PASSWORD_FILE
    people = (ADMIN, OPERATOR) if stack.options.has_demo else (ADMIN,)
    kept = read_private(path)
    password = kept or secrets.token_urlsafe(PASSWORD_BYTES)
    async with AsyncExitStack() as resources:
        # As the operator, as the command line makes them; only the web process takes what somebody accepts.
        office = await open_office(stack.settings("operator"), resources, application_name="acequia demo")
        for person in people:
            row = await _find(office, person)
            if row is None and person.tenant_id is None:
                await create_platform_admin(office, person.email, person.name, actor=ACTOR)
            elif row is None:
                web = await open_office(stack.settings("web"), resources, application_name="acequia demo")
                await _invite(web, person, password)
                continue
            elif kept is not None:
                continue
            await _set_password(office, person, password)
    if kept is None:
        write_private(path, password)
    return people


def read_dashboard_password(folder: Path) -> str:
    """Raises PermissionError when somebody else may read it, FileNotFoundError."""
    password = read_private(folder / PASSWORD_FILE)
    if password is None:
        raise FileNotFoundError(folder / PASSWORD_FILE)
    return password


async def _find(office: Office, person: FirstPerson) -> PersonRow | None:
    keys = await office.get_platform_keys()
    async with office.database.platform_tx("find_person") as connection:
        return await db_people.find_person_by_email(connection, keys.blind_index(EMAIL_KIND, read_email(person.email)))


async def _invite(office: Office, person: FirstPerson, password: str) -> None:
    """As anybody comes into a tenant: invited, and accepted with the code and a first password."""
    assert person.tenant_id is not None
    assert person.role != "platform_admin"
    invited = await invite_person(
        office, Place("tenant", person.tenant_id), NewPerson(email=person.email, name=person.name, role=person.role),
        actor=ACTOR, held=ROLE_PERMISSIONS["platform_admin"],
    )  # fmt: skip
    acceptance = Acceptance(email=person.email, code=invited.invitation_code, password=password)
    await accept_invitation(office, acceptance, address="127.0.0.1", request_id=None)


async def _set_password(office: Office, person: FirstPerson, password: str) -> None:
    row = await _find(office, person)
    assert row is not None
    password_hash = await hash_password(password)
    async with office.database.platform_tx("set_password") as connection:
        await db_people.set_password(connection, row.person_id, password_hash)
        await write_audit(connection, None, ACTOR, "person.password_reset", "person", str(row.person_id))

"""People of a tenant and of an organization, and their roles."""

from app.api.call import Call
from app.api.operation import Operation, Result
from app.api.places import ORGANIZATION, TENANT, PlaceKind, find_place
from app.core.errors import ConflictError
from app.services.people import change_role, get_person, invite_person, list_people, remove_person
from schemas.access import InvitedPerson, NewPerson, NewRole, Person
from schemas.api import Answer, Envelope, Page

TAG = "access"


async def get_people(call: Call) -> Result:
    return Result(Page(data=await list_people(call.office, find_place(call))))


async def get_one(call: Call) -> Result:
    return Result(Envelope(data=await get_person(call.office, find_place(call), call.get_uuid("person_id"))))


async def post_person(call: Call) -> Result:
    place = find_place(call)
    person = await invite_person(call.office, place, call.get_body(NewPerson), actor=call.actor, held=call.permissions)
    return Result(Envelope(data=person), object_id=str(person.person_id))


async def put_role(call: Call) -> Result:
    place, role = find_place(call), call.get_body(NewRole).role
    person = await change_role(
        call.office, place, call.get_uuid("person_id"), role, actor=call.actor, held=call.permissions
    )
    return Result(Envelope(data=person))


async def delete_person(call: Call) -> Result:
    place = find_place(call)
    await remove_person(call.office, place, call.get_uuid("person_id"), actor=call.actor, held=call.permissions)
    return Result(Answer())


def _make(kind: PlaceKind) -> tuple[Operation, ...]:
    one = f"{kind.prefix}/people/{{person_id}}"
    subject, tenant_in, word = kind.subject, kind.tenant_in, kind.word
    return (
        Operation(
            f"list_{word}people", "GET", f"{kind.prefix}/people", subject, kind.reads, "People and their roles", TAG,
            get_people, Page[Person], tenant_in=tenant_in,
        ),
        Operation(
            f"get_{word}person", "GET", one, subject, kind.reads, "One person", TAG, get_one, Envelope[Person],
            tenant_in=tenant_in,
        ),
        Operation(
            f"invite_{word}person", "POST", f"{kind.prefix}/people", subject, kind.writes,
            "Invite somebody to a role here; the code to accept with is shown this once", TAG, post_person,
            Envelope[InvitedPerson], 201, tenant_in, body=NewPerson, problems=(ConflictError,), shows_secret=True,
        ),
        Operation(
            f"change_{word}role", "PUT", f"{one}/role", subject, kind.writes,
            "Give another role; it holds within a second", TAG, put_role, Envelope[Person],
            tenant_in=tenant_in, body=NewRole, problems=(ConflictError,),
        ),
        Operation(
            f"remove_{word}person", "DELETE", one, subject, kind.writes,
            "Take their role away; it ends within a second", TAG, delete_person, Answer,
            tenant_in=tenant_in, problems=(ConflictError,),
        ),
    )  # fmt: skip


OPERATIONS = (*_make(TENANT), *_make(ORGANIZATION))

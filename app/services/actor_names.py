"""What whoever stands in the audit log is called, as far as whoever reads it may know.

People and keys of the place that is looked at are named to those who may see them (`access:read`); everybody to a
platform admin. All others are their ids.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from app.services.api_keys import list_keys
from app.services.office import Office, Place
from app.services.people import list_people, open_person
from db import people as db_people
from db.api_keys import find_api_key


async def find_actor_names(
    office: Office, place: Place, actors: Iterable[tuple[str, str]], *, may_see: bool, may_see_all: bool
) -> Mapping[tuple[str, str], str]:
    """Kind and id → name. `may_see`: the place's own people and keys; `may_see_all`: of all places."""
    wanted = {(kind, one) for kind, one in actors if kind in {"person", "key"}}
    if not wanted or not (may_see or may_see_all):
        return {}
    names: dict[tuple[str, str], str] = {}
    if any(kind == "person" for kind, _ in wanted):
        names |= {("person", str(one.person_id)): one.name for one in await list_people(office, place)}
    if any(kind == "key" for kind, _ in wanted):
        names |= {("key", one.key_id): one.name for one in await list_keys(office, place)}
    if may_see_all:
        for kind, one in wanted - names.keys():
            found = await _find_anywhere(office, kind, one)
            if found is not None:
                names[kind, one] = found
    return {key: name for key, name in names.items() if key in wanted}


async def _find_anywhere(office: Office, kind: str, actor_id: str) -> str | None:
    if kind == "key":
        async with office.database.platform_tx("actor_name") as connection:
            key = await find_api_key(connection, actor_id)
        return None if key is None else key.name
    try:
        person_id = UUID(actor_id)
    except ValueError:
        return None
    async with office.database.platform_tx("actor_name") as connection:
        person = await db_people.find_person(connection, person_id)
    return None if person is None else open_person(await office.get_platform_keys(), person)["name"]

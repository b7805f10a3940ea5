"""Who is looking at a page: their name, address and language, kept for a moment per process."""

import time
from collections import OrderedDict
from typing import NamedTuple
from uuid import UUID

from app.services.office import Office
from app.services.people import open_person
from db import people as db_people

CACHED_MAX = 1_000
CACHED_S = 30.0


class Visitor(NamedTuple):
    """`language`: their own choice, None when they made none."""

    person_id: UUID
    name: str
    email: str
    language: str | None


class Visitors:
    """One per process."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._cache: OrderedDict[UUID, tuple[float, Visitor]] = OrderedDict()

    async def find(self, person_id: UUID) -> Visitor | None:
        """Raises what the database and the keystore raise; None for somebody who has gone."""
        cached = self._cache.get(person_id)
        if cached is not None and time.monotonic() < cached[0]:
            return cached[1]
        async with self._office.database.platform_tx("visitor") as connection:
            person = await db_people.find_person(connection, person_id)
        if person is None:
            return None
        opened = open_person(await self._office.get_platform_keys(), person)
        visitor = Visitor(person_id, opened["name"], opened["email"], person.language)
        self._cache[person_id] = (time.monotonic() + CACHED_S, visitor)
        while len(self._cache) > CACHED_MAX:
            self._cache.popitem(last=False)
        return visitor

    async def set_language(self, person_id: UUID, language: str) -> None:
        """Their choice: in this process at once, in others within CACHED_S."""
        async with self._office.database.platform_tx("set_language") as connection:
            await db_people.set_language(connection, person_id, language)
        self._cache.pop(person_id, None)

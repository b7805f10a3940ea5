"""Waiting dead letters by their cause, and how many of them a choice takes."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from db.dead_letters import DeadLetter, read_letters
from db.queries import load_queries

SQL = load_queries("dead_groups")
_INDEX = re.compile(r"\[[0-9]+\]")


class Cause(NamedTuple):
    """What a group has in common. `field`: with `[]` for any place in a list, empty for none."""

    integration_id: int
    reason: str
    kind: str
    field: str


class DeadGroup(NamedTuple):
    """`letters`: counted up to a limit. `last_id`, `object_id`: of the newest one, as an example."""

    cause: Cause
    letters: int
    first_at: datetime
    last_at: datetime
    last_id: str
    object_id: str


class Choice(NamedTuple):
    """Which waiting letters are meant; each None: any. `field`: as a cause has it. `since` is within, `until` not."""

    integration_id: int | None = None
    reason: str | None = None
    kind: str | None = None
    field: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    event_ids: Sequence[UUID] | None = None


class Measure(NamedTuple):
    """How many letters a choice takes, counted up to a limit, and the times between which those were made."""

    letters: int
    first_at: datetime | None
    last_at: datetime | None


def generalise_field(field: str) -> str:
    """`items[3].price` → `items[].price`, as the column `cause_field` holds it."""
    return _INDEX.sub("[]", field)


async def list_dead_groups(
    connection: asyncpg.Connection, tenant_id: int, *, groups_max: int, counted_max: int
) -> list[DeadGroup]:
    """In the order of their causes."""
    rows = await connection.fetch(SQL["list_dead_groups"], tenant_id, groups_max, counted_max)
    return [DeadGroup(Cause(*row[:4]), row[4], row[5], row[6], str(row[7]), row[8]) for row in rows]


async def page_group_letters(
    connection: asyncpg.Connection, tenant_id: int, cause: Cause, before: tuple[datetime, UUID], limit: int
) -> list[DeadLetter]:
    """Waiting ones of a cause before a place, newest first, without bodies."""
    return read_letters(await connection.fetch(SQL["page_group_letters"], tenant_id, *cause, *before, limit))


async def measure_letters(connection: asyncpg.Connection, tenant_id: int, choice: Choice, counted_max: int) -> Measure:
    """Looks at no more letters than wait."""
    return Measure(*await connection.fetchrow(SQL["measure_letters"], tenant_id, *choice, counted_max))

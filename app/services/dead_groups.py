"""Dead letters by cause: what fails in the same way stands together, however much of it there is.

What that costs does not grow with the letters: causes are walked by an index over those that wait, and each is counted
up to DEAD_GROUP_COUNTED_MAX.
"""

from datetime import UTC, datetime
from typing import NamedTuple, cast
from uuid import UUID

from pydantic import AwareDatetime

from app.services.ids import IntegrationId
from app.services.ledger import show_letter
from app.services.office import Office
from app.services.paging import read_cursor, write_cursor
from app.services.sealed_rows import to_utc
from db import dead_groups as db_groups
from db.dead_groups import Cause
from schemas.api import Page
from schemas.bulk import DeadGroup
from schemas.events import EventKind
from schemas.ledger import DeadLetterShown

_END = datetime(9999, 12, 31, tzinfo=UTC)
_LAST_ID = UUID(int=2**128 - 1)


class _LetterPlace(NamedTuple):
    created_at: AwareDatetime
    event_id: UUID


async def list_groups(office: Office, tenant_id: int) -> list[DeadGroup]:
    """Causes of waiting letters, the largest group first; at most DEAD_GROUPS_MAX."""
    settings = office.settings
    async with office.database.tenant_tx(tenant_id, "dead_groups") as connection:
        groups = await db_groups.list_dead_groups(
            connection, tenant_id, groups_max=settings.dead_groups_max,
            counted_max=settings.dead_group_counted_max + 1,
        )  # fmt: skip
    groups.sort(key=lambda group: (group.letters, group.last_at), reverse=True)
    return [_show(tenant_id, group, settings.dead_group_counted_max) for group in groups]


async def list_group_letters(
    office: Office, tenant_id: int, cause: Cause, *, limit: int, cursor: str | None = None
) -> Page[DeadLetterShown]:
    """Waiting letters of one cause, newest first. Raises InvalidInputError for a cursor that is none."""
    before = read_cursor(cursor, _LetterPlace) if cursor else _LetterPlace(_END, _LAST_ID)
    before = before._replace(created_at=to_utc(before.created_at))
    async with office.database.tenant_tx(tenant_id, "list_dead_letters") as connection:
        rows = await db_groups.page_group_letters(connection, tenant_id, cause, before, limit + 1)
    more = None
    if len(rows) > limit:
        more = write_cursor(_LetterPlace(rows[limit - 1].created_at, UUID(rows[limit - 1].event_id)))
    return Page(data=[show_letter(tenant_id, letter) for letter in rows[:limit]], next_cursor=more)


def _show(tenant_id: int, group: db_groups.DeadGroup, counted_max: int) -> DeadGroup:
    integration_id, reason, kind, field = group.cause
    return DeadGroup(
        integration_id=str(IntegrationId(tenant_id, integration_id)) if integration_id > 0 else None,
        reason=reason, field=field or None, kind=cast("EventKind", kind), letters=min(group.letters, counted_max),
        is_at_least=group.letters > counted_max, first_at=group.first_at, last_at=group.last_at,
        example_id=UUID(group.last_id), example_object_id=group.object_id,
    )  # fmt: skip

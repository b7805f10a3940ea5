"""The ledger for whoever may read it: what became of each accepted event."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple
from uuid import UUID

from pydantic import AwareDatetime

from app.core.errors import KeyDestroyedError, NotFoundError, QueueUnavailableError
from app.core.queue import Waiting
from app.services.event_ids import is_own_event_id
from app.services.ids import IntegrationId, read_integration_id
from app.services.office import Office
from app.services.paging import read_cursor, write_cursor
from app.services.sealed_rows import to_utc
from app.services.test_events import is_test_event
from db.dead_groups import generalise_field
from db.dead_letters import DeadLetter, find_dead_letter
from db.event_pages import (
    EventFilter,
    LetterFilter,
    find_event,
    is_being_replayed,
    page_dead_letters,
    page_events,
)
from db.gaps import list_gaps
from db.ledger import LedgerRow
from schemas.api import Page
from schemas.events import Event, decode_event
from schemas.ids import find_first_id, find_received_on, read_uuid7_ms
from schemas.ledger import DeadLetterShown, DeadLettersQuery, EventDetail, EventShown, EventsQuery, GapShown

NO_EVENT = "There is no such event."
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9999, 12, 31, tzinfo=UTC)
_LAST_ID = UUID(int=2**128 - 1)


class _EventPlace(NamedTuple):
    received_on: date
    event_id: UUID


class _LetterPlace(NamedTuple):
    created_at: AwareDatetime
    event_id: UUID


async def list_events(
    office: Office, tenant_id: int, query: EventsQuery, limit: int, *, object_ids: Sequence[str] | None = None
) -> Page[EventShown]:
    """Newest first. A page may be short, even empty, while there is more: `next_cursor` says so. `object_ids`: of these
    objects only.

    Raises InvalidInputError for a cursor that is none, NotFoundError for another tenant's integration.
    """
    before = (
        read_cursor(query.cursor, _EventPlace)
        if query.cursor
        else _place_at(to_utc(query.until) if query.until else _END)
    )
    since = _place_at(to_utc(query.since) if query.since else _BEGINNING)
    wanted = EventFilter(
        query.outcome,
        query.kind,
        _read_integration(tenant_id, query.integration_id),
        query.state,
        query.object_id,
        object_ids,
    )
    async with office.database.tenant_tx(tenant_id, "list_events") as connection:
        page = await page_events(connection, tenant_id, before, since, wanted, limit + 1)
    rows = page.rows[:limit]
    last = rows[-1] if len(page.rows) > limit else page.stopped_at
    more = None if last is None else write_cursor(_EventPlace(last.received_on, UUID(last.event_id)))
    return Page(data=[_show_event(tenant_id, row) for row in rows], next_cursor=more)


def find_reach(cursor: str) -> datetime:
    """How far back a page has looked, by the cursor that it answered. Raises InvalidInputError."""
    return _find_received_at(str(read_cursor(cursor, _EventPlace).event_id))


async def get_event(office: Office, tenant_id: int, event_id: UUID) -> EventDetail:
    """One event, with its dead letter. What is not settled yet is followed by its id: one that waits to be tried again,
    one of ours that waits for its turn, a replay on its way. Raises NotFoundError for all else."""
    text = str(event_id)
    try:
        received_on = find_received_on(text)
    except (ValueError, OverflowError):
        raise NotFoundError(NO_EVENT) from None
    waiting = await find_waiting(office, tenant_id, text)  # before the ledger: what leaves the queue is in there
    async with office.database.tenant_tx(tenant_id, "get_event") as connection:
        row = await find_event(connection, tenant_id, received_on, event_id)
        letter = await find_dead_letter(connection, tenant_id, text)
        is_replay = row is None and await is_being_replayed(connection, tenant_id, event_id)
    shown = None if letter is None else show_letter(tenant_id, letter)
    if row is not None:
        return EventDetail(**_show_event(tenant_id, row).model_dump(), dead_letter=shown)
    if letter is not None:
        return _show_buried(tenant_id, letter)
    received_at = _find_received_at(text)
    if waiting is not None:
        return EventDetail.model_validate(show_waiting(tenant_id, waiting).model_dump())
    if is_replay or await _is_on_its_way(office, tenant_id, text, received_at):
        return EventDetail(event_id=event_id, status="waiting", received_at=received_at)
    raise NotFoundError(NO_EVENT)


async def list_letters(office: Office, tenant_id: int, query: DeadLettersQuery, limit: int) -> Page[DeadLetterShown]:
    """Newest first; pages as those of `list_events`, and what they raise."""
    field = None if query.field is None else generalise_field(query.field)
    integration_id = _read_integration(tenant_id, query.integration_id)
    wanted = LetterFilter(query.status, query.reason, query.kind, integration_id, field)
    before = read_cursor(query.cursor, _LetterPlace) if query.cursor else _LetterPlace(_END, _LAST_ID)
    before = before._replace(created_at=to_utc(before.created_at))
    async with office.database.tenant_tx(tenant_id, "list_dead_letters") as connection:
        page = await page_dead_letters(connection, tenant_id, before, wanted, limit + 1)
    rows = page.rows[:limit]
    last = rows[-1] if len(page.rows) > limit else page.stopped_at
    more = None if last is None else write_cursor(_LetterPlace(last.created_at, UUID(last.event_id)))
    return Page(data=[show_letter(tenant_id, letter) for letter in rows], next_cursor=more)


async def list_tenant_gaps(office: Office, tenant_id: int) -> list[GapShown]:
    """From when on which of its streams may be incomplete."""
    async with office.database.tenant_tx(tenant_id, "list_gaps") as connection:
        gaps = await list_gaps(connection, tenant_id)
    return [
        GapShown(
            integration_id=str(IntegrationId(tenant_id, gap.integration_id)), stream=gap.stream, since=gap.gap_since,
            reason=gap.reason, updated_at=gap.updated_at,
        )
        for gap in gaps
    ]  # fmt: skip


def show_letter(tenant_id: int, letter: DeadLetter) -> DeadLetterShown:
    """A dead letter without its body."""
    told = letter._asdict()
    del told["sealed_body"], told["received_on"]
    return DeadLetterShown.model_validate(
        told
        | {
            "received_at": _find_received_at(letter.event_id),
            "integration_id": _show_integration(tenant_id, letter.integration_id),
        }
    )


def show_waiting(tenant_id: int, waiting: Waiting) -> EventShown:
    """An event that is in the queue. What is no event of ours has nothing but its id."""
    event = read_waiting(waiting)
    has_failed = waiting.due_at is not None and waiting.tries > 0
    return EventShown(
        event_id=UUID(waiting.event_id),
        status="retrying" if has_failed else "waiting",
        received_at=_find_received_at(waiting.event_id),
        integration_id=None if event is None else _show_integration(tenant_id, event.integration_id),
        kind=None if event is None else event.kind,
        object_id=None if event is None else event.object_id,
        state=None if event is None else event.state,
        attempts=waiting.tries,
        retry_at=waiting.due_at,
    )


def read_waiting(waiting: Waiting) -> Event | None:
    """The event in an entry of the queue, None for what cannot be read as one."""
    try:
        return decode_event(waiting.event_id, waiting.body)
    except (ValueError, KeyError, TypeError):
        return None


def _show_event(tenant_id: int, row: LedgerRow) -> EventShown:
    told = row._asdict()
    del told["received_on"]
    return EventShown.model_validate(
        told
        | {
            "status": "settled",
            "received_at": _find_received_at(row.event_id),
            "integration_id": _show_integration(tenant_id, row.integration_id),
        }
    )


def _show_buried(tenant_id: int, letter: DeadLetter) -> EventDetail:
    """A dead letter outlives its ledger row."""
    shown = show_letter(tenant_id, letter)
    told = shown.model_dump(
        include={"event_id", "received_at", "integration_id", "kind", "object_id", "reason", "attempts"}
    )
    return EventDetail(**told, status="settled", outcome="dead", dead_letter=shown)


async def find_waiting(office: Office, tenant_id: int, event_id: str) -> Waiting | None:
    """An event that is in the queue. The ledger is read without the queue too: then None."""
    try:
        return await office.queue.find(tenant_id, event_id, read_uuid7_ms(event_id))
    except QueueUnavailableError:
        return None


async def _is_on_its_way(office: Office, tenant_id: int, event_id: str, received_at: datetime) -> bool:
    if (datetime.now(UTC) - received_at).total_seconds() > office.settings.event_wait_max_s:
        return False
    try:
        if is_own_event_id(await office.keyring.keys_of(tenant_id), event_id):
            return True
    except KeyDestroyedError:
        return False
    return await is_test_event(office, tenant_id, event_id)


def _find_received_at(event_id: str) -> datetime:
    return datetime.fromtimestamp(read_uuid7_ms(event_id) / 1000, UTC)


def _place_at(moment: datetime) -> _EventPlace:
    return _EventPlace(moment.date(), UUID(find_first_id(moment)))


def _show_integration(tenant_id: int, integration_id: int) -> str | None:
    """None: what could not be read as an event names no integration."""
    return str(IntegrationId(tenant_id, integration_id)) if integration_id > 0 else None


def _read_integration(tenant_id: int, text: str | None) -> int | None:
    if text is None:
        return None
    found = read_integration_id(text)
    if found.tenant_id != tenant_id:
        raise NotFoundError("There is no such integration, or none that you may see.")
    return found.integration_id

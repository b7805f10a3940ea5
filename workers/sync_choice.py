"""Which objects that a list only tells of must be fetched, and what is remembered of those fetched for nothing."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from app.connectors.listing import Listing, Span
from app.services.apply import Observation
from db.held_states import find_states
from db.listing_marks import ListingMark, find_marks
from schemas.held_state import HeldState
from schemas.records import OrderRecord
from workers.sync_checkpoint import Tally
from workers.sync_context import SyncContext
from workers.sync_work import SyncWork

MARK_LIFE = timedelta(days=1)  # a list that is wrong for good, and an open order, are looked at once a day
FINISHED = frozenset({"invoiced", "canceled", "replaced"})


async def choose_objects(context: SyncContext, work: SyncWork, span: Span, listings: Sequence[Listing]) -> list[str]:
    """Which of the objects that a list told of must be fetched.

    Full: all that was not seen since the run began. Incremental: what the list shows otherwise than it is held,
    unless it showed the same when it was fetched for nothing; and what is not finished and was not seen for a day.
    """
    if not listings:
        return []
    ids = [listing.external_id for listing in listings]
    async with context.database.tenant_tx(work.place.tenant_id, "sync_states") as connection:
        held = await find_states(connection, work.place, ids)
        marks = await find_marks(connection, work.place, ids, span.now - MARK_LIFE)

    def is_wanted(listing: Listing) -> bool:
        state = held.get(listing.external_id)
        is_marked = marks.get(listing.external_id) == listing.fingerprint
        if listing.is_pointer or state is None:
            return listing.is_pointer or not is_marked
        if span.kind == "full":
            return state.observed_at < span.now
        if work.reader.describe_held(state) != listing.fingerprint:
            return not is_marked
        return is_open(state) and state.observed_at < span.now - MARK_LIFE

    return [listing.external_id for listing in listings if is_wanted(listing)]


def is_open(state: HeldState) -> bool:
    """An order that may still change in ways that no list shows."""
    return state.status_class is not None and state.status_class not in FINISHED


def describe_observed(work: SyncWork, observation: Observation) -> str:
    """The fingerprint that a list would show of what was just fetched."""
    record = observation.record
    state = HeldState(
        record.external_id, record.source_updated_at or observation.observed_at, observation.observed_at,
        record.is_deleted, record.source_created_at,
    )  # fmt: skip
    if isinstance(record, OrderRecord):
        state = state._replace(
            status=record.status, status_class=record.status_class, total_minor=record.total_minor,
            authorized_at=record.authorized_at, invoiced_at=record.invoiced_at,
            has_workflow_error=record.has_workflow_error,
        )  # fmt: skip
    return work.reader.describe_held(state)


def list_marks(
    work: SyncWork, listings: Mapping[str, Listing], observed: Mapping[str, Observation], tally: Tally
) -> list[ListingMark]:
    """Of those whose document did not make list and row agree."""
    marks = [
        ListingMark(listing.external_id, listing.fingerprint, "list_is_stale")
        for listing in listings.values()
        if listing.document is None
        and not listing.is_pointer
        and listing.external_id in observed
        and describe_observed(work, observed[listing.external_id]) != listing.fingerprint
    ]
    dead = (listings[one] for one in sorted(tally.dead_ids | tally.failed_ids) if one in listings)
    return [*marks, *(ListingMark(one.external_id, one.fingerprint, "dead") for one in dead)]

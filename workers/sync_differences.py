"""What a provider lists of a time against what is held of it: a table in code, no I/O."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple

from app.connectors.listing import Listing
from db.completeness import FindingKind
from schemas.held_state import HeldState


class Differences(NamedTuple):
    """Object → what is different, in the order of the ids; on which day it was created; and what the list shows of it,
    where it does."""

    kinds: Mapping[str, FindingKind]
    days: Mapping[str, date]
    fingerprints: Mapping[str, str]

    @property
    def object_ids(self) -> list[str]:
        return list(self.kinds)


def tell_differences(
    listings: Mapping[str, Listing],
    held: Mapping[str, HeldState],
    others: Mapping[str, HeldState],
    *,
    describe: Callable[[HeldState], str],
    settled_before: datetime,
    is_complete: bool,
    day: date,
) -> Differences:
    """`held`: rows of that time; `others`: rows of listed objects that lie elsewhere in time, or are tombstones.

    A row that was observed after `settled_before` may be newer than the list and is left to the next look. Where the
    list is not complete nothing follows from what is not in it. `day`: of objects that nobody tells the creation of.
    """
    kinds: dict[str, FindingKind] = {}
    for external_id, listing in listings.items():
        state = held.get(external_id) or others.get(external_id)
        if state is None:
            kinds[external_id] = "missing"
        elif state.observed_at < settled_before:
            if state.is_deleted:
                kinds[external_id] = "missing"
            elif describe(state) != listing.fingerprint:
                kinds[external_id] = "stale"
    if is_complete:
        for external_id, state in held.items():
            if external_id not in listings and state.observed_at < settled_before:
                kinds[external_id] = "unlisted"
    created = {one: listings[one].created_at if one in listings else held[one].source_created_at for one in kinds}
    days = {one: day if moment is None else moment.astimezone(UTC).date() for one, moment in created.items()}
    fingerprints = {one: listings[one].fingerprint for one in kinds if one in listings}
    return Differences(dict(sorted(kinds.items())), days, fingerprints)

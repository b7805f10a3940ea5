"""Where a report's stream of a run stands: what its checkpoint holds, as JSON and as values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from app.connectors.listing import Position
from app.connectors.tools import ReportPart
from db.sync_runs import SyncKind


class Waiting(NamedTuple):
    """A position that need not be read before `due_at`: what it is for is being made."""

    due_at: datetime
    position: Position


@dataclass(frozen=True, slots=True)
class ReportCheckpoint:
    """`kind`: what was read in the end: an incremental run of what was never read is a full one. `is_whole`: a repair
    of all that a repair reads if nobody says which days. `positions`: still to be read, in order, and `waiting` beside
    them. `listed`: rows so far. `spoiled`: windows of which nothing was taken, since a row could not be used."""

    kind: SyncKind
    begun_at: datetime
    is_whole: bool
    positions: tuple[Position, ...]
    waiting: tuple[Waiting, ...] = ()
    listed: int = 0
    spoiled: int = 0

    @property
    def is_done(self) -> bool:
        return not self.positions and not self.waiting

    def take(self, now: datetime, waiting_max: int) -> tuple[Position, Self] | None:
        """What is to be read next, and what is left beside it. None: nothing is due, or so much waits that nothing
        further is begun."""
        due = min(self.waiting, key=lambda one: one.due_at, default=None)
        if due is not None and due.due_at <= now:
            return due.position, replace(self, waiting=tuple(one for one in self.waiting if one is not due))
        if self.positions and len(self.waiting) < waiting_max:
            return self.positions[0], replace(self, positions=self.positions[1:])
        return None

    def add(self, part: ReportPart, now: datetime) -> Self:
        """A position was read, which is no longer here: with what stands in its place, and the rows that it told."""
        listed = self.listed + (len(part.told.rows) if part.told else 0)
        if part.wait_s <= 0:
            return replace(self, positions=(*part.then, *self.positions), listed=listed)
        due_at = now + timedelta(seconds=part.wait_s)
        return replace(self, waiting=(*self.waiting, *(Waiting(due_at, one) for one in part.then)), listed=listed)

    def note_spoiled(self) -> Self:
        return replace(self, spoiled=self.spoiled + 1)

    def find_wait_s(self, now: datetime, waiting_max: int) -> float:
        """How long the next step has nothing to do."""
        if self.positions and len(self.waiting) < waiting_max:
            return 0.0
        return max(0.0, (min(one.due_at for one in self.waiting) - now).total_seconds())

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "begun_at": self.begun_at.isoformat(),
            "is_whole": self.is_whole,
            "positions": list(self.positions),
            "waiting": [[one.due_at.isoformat(), one.position] for one in self.waiting],
            "listed": self.listed,
            "spoiled": self.spoiled,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` made."""
        return cls(
            value["kind"],
            datetime.fromisoformat(value["begun_at"]),
            value["is_whole"],
            tuple(value["positions"]),
            tuple(Waiting(datetime.fromisoformat(due_at), position) for due_at, position in value["waiting"]),
            value["listed"],
            value["spoiled"],
        )
